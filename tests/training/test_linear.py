from functools import partial

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import normalize

from seqwise.config import MOST_NGRAM_WEIGHTS
from seqwise.data.collate import collate
from seqwise.data.labels import Labels
from seqwise.data.store import RaggedStore
from seqwise.nn import ngrams, read_strands
from seqwise.training import linear
from seqwise.training.linear import LONG_TEXT, Counting, Recipe, choose_recipes
from seqwise.training.weighting import class_weights


def make_part(num_records=60, num_classes=3, seed=0):
    random = np.random.default_rng(seed)
    arrays = [
        random.integers(2, 9, random.integers(1, 12)).astype(np.int32) for _ in range(num_records)
    ]
    targets = np.array([int(each[0]) % num_classes for each in arrays])
    targets[:num_classes] = np.arange(num_classes)
    return arrays, targets


def fit(store, targets, *, longest=3, recipes=None, positions=False, **how):
    recipes = recipes or choose_recipes(longest, mean_length=0)
    return linear.fit_ngrams(store, targets, positions=positions, recipes=recipes, **how)


def by_recipe(strength, longest=3, **counting):
    return (Recipe(Counting(longest, **counting), strength),)


def ngrams_as_words(array, longest=3):
    tokens = ["<", *map(str, array.tolist()), ">"]
    return [
        " ".join(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    ]


def differences(features, targets):
    """Say n-gram by n-gram how differently the classes have it."""
    worth = []
    for column in (features.toarray() > 0).T:
        squares = 0.0
        for label in np.unique(targets):
            inside, outside = column[targets == label], column[targets != label]
            shares = [(part.sum() + 1) / (len(part) + 2) for part in (inside, outside)]
            squares += np.log(shares[0] / shares[1]) ** 2 * len(inside) / len(column)
        worth.append(squares**0.5)
    return np.array(worth)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_logits_are_those_of_scikit_learn(num_classes):
    arrays, targets = make_part(num_classes=num_classes)
    store = RaggedStore.from_arrays(arrays)
    recipes = choose_recipes(3, mean_length=LONG_TEXT)
    models = list(fit(store, targets, num_classes=num_classes, recipes=recipes))
    assert len(models) == 2 * 3 * len(linear.STRENGTHS)
    for recipe, model in zip(recipes, models, strict=True):
        longest, repeats, by_classes = recipe.counting
        vectorizer = TfidfVectorizer(
            analyzer=partial(ngrams_as_words, longest=longest),
            binary=not repeats,
            sublinear_tf=repeats,
        )
        known = vectorizer.fit_transform(arrays)
        assert (model.longest, model.repeats, len(model.keys)) == (longest, repeats, known.shape[1])
        if by_classes:
            worth = differences(known, targets)
            known = normalize(known.multiply(worth / vectorizer.idf_).tocsr())
        peer = LogisticRegression(C=recipe.strength, max_iter=linear.MOST_ITERATIONS, tol=1e-6)
        peer.fit(known, targets)
        with torch.no_grad():
            found = model(collate(arrays)).softmax(1).numpy()
        # Both stop near the same optimum, ours coming from the one before.
        assert np.abs(found - peer.predict_proba(known)).max() < 1e-2


def test_positions_tell_what_ngrams_do_not():
    random = np.random.default_rng(0)
    arrays = [random.permutation(np.arange(2, 10)).astype(np.int32) for _ in range(200)]
    targets = np.array([int(each[3] < 6) for each in arrays])
    store = RaggedStore.from_arrays(arrays)

    def accuracy(positions):
        model = next(
            fit(
                store,
                targets,
                num_classes=2,
                positions=positions,
                recipes=by_recipe(100.0, longest=1),
            )
        )
        return (model(collate(arrays)).argmax(1).numpy() == targets).mean()

    assert accuracy(positions=True) == 1.0
    assert accuracy(positions=False) < 0.7


def test_class_weights_are_heeded():
    arrays, targets = make_part(num_classes=2)
    store = RaggedStore.from_arrays(arrays)

    def share(class_weight):
        model = next(fit(store, targets, num_classes=2, longest=1, class_weight=class_weight))
        return float(model(collate(arrays)).detach().softmax(1)[:, 1].mean())

    assert share(np.array([1.0, 9.0])) > share(None) + 0.1


def test_rare_ngrams_are_left_out_where_there_are_many(monkeypatch):
    arrays, targets = make_part()
    store = RaggedStore.from_arrays(arrays)

    def known():
        return len(next(fit(store, targets, num_classes=3)).keys)

    everything = known()
    monkeypatch.setattr(linear, "MANY_NGRAMS", 10)
    frequent = known()
    assert 0 < frequent < everything
    monkeypatch.setattr(linear, "MOST_NGRAM_WEIGHTS", 3 * 20)
    assert 0 < known() <= 20 < frequent
    assert linear.MOST_NGRAM_WEIGHTS < MOST_NGRAM_WEIGHTS


def test_of_too_many_steps_some_records_are_drawn():
    arrays, targets = make_part(num_records=300)
    targets[:] = 0
    targets[7], targets[200] = 1, 2
    store = RaggedStore.from_arrays(arrays)
    how = {"num_classes": 3}
    model = next(fit(store, targets, most_read=300, **how))
    assert len(model.keys) < len(next(fit(store, targets, **how)).keys)
    assert torch.isfinite(model(collate(arrays))).all()
    assert float(model.weight.detach().abs().sum(0).min()) > 0


def test_ngrams_of_both_strands_are_those_of_the_turned_records():
    arrays, targets = make_part(num_classes=2)
    complements = torch.tensor([0, 1, 8, 7, 6, 5, 4, 3, 2])

    def fit_both(arrays):
        store = RaggedStore.from_arrays(arrays)
        how = {"num_classes": 2, "positions": True, "recipes": by_recipe(10.0)}
        return next(fit(store, targets, complements=complements, **how))

    model, other = fit_both(arrays), fit_both([complements.numpy()[each[::-1]] for each in arrays])
    assert torch.equal(model.keys, other.keys)
    assert torch.equal(model.idf, other.idf)
    assert (model.weight - other.weight).abs().max() < 1e-3
    single = next(fit(RaggedStore.from_arrays(arrays), targets, num_classes=2, positions=True))
    assert len(model.keys) > len(single.keys)
    # What is fitted is what is answered: the mean of both strands.
    strands = read_strands(collate(arrays), complements)
    with torch.no_grad():
        logits = sum(model(strand) for strand in strands) / 2
    assert (logits.argmax(1).numpy() == targets).mean() > 0.9


@pytest.mark.parametrize("complements", [None, torch.tensor([0, 1, 8, 7, 6, 5, 4, 3, 2])])
def test_long_records_are_learned_from_in_pieces(complements, monkeypatch):
    arrays, targets = make_part(num_classes=2)
    store = RaggedStore.from_arrays(arrays)
    how = {"num_classes": 2, "positions": True, "complements": complements}
    whole = next(fit(store, targets, **how)).state_dict()
    monkeypatch.setattr(ngrams, "PIECE_STEPS", 2)
    pieces = next(fit(store, targets, **how)).state_dict()
    assert all(torch.equal(each, pieces[name]) for name, each in whole.items())


def test_of_two_strands_that_are_equal_each_counts_half():
    arrays, targets = make_part(num_classes=2)
    arrays = [np.concatenate([each, each[::-1]]) for each in arrays]
    store = RaggedStore.from_arrays(arrays)

    def fit_strands(complements):
        how = {"num_classes": 2, "recipes": by_recipe(10.0, longest=2)}
        return next(fit(store, targets, complements=complements, **how))

    one, both = fit_strands(None), fit_strands(torch.arange(9))
    assert torch.equal(one.keys, both.keys)
    torch.testing.assert_close(one.weight, both.weight, atol=1e-3, rtol=0)


def test_what_is_counted_of_two_strands_stays_in_32_bits():
    arrays, targets = make_part(num_classes=2)
    store, complements = RaggedStore.from_arrays(arrays), torch.arange(9)
    how = {"num_classes": 2, "longest": 2}
    model = next(fit(store, targets, complements=complements, **how))
    table = linear._count(model, lambda: iter([read_strands(collate(arrays), complements)]))
    assert table.dtype == np.float32


def test_of_very_many_records_a_fit_ends_after_some_steps(monkeypatch):
    arrays, targets = make_part()
    store = RaggedStore.from_arrays(arrays)

    def largest():
        how = {"num_classes": 3, "longest": 2}
        return float(next(fit(store, targets, **how)).weight.detach().abs().max())

    whole = largest()
    monkeypatch.setattr(linear, "VERY_MANY", 10)
    monkeypatch.setattr(linear, "ITERATIONS_OF_MANY", 1)
    assert largest() < 0.5 * whole


# Any number of labels a record


def make_sets(arrays):
    labels = Labels(("a", "b", "c"), multilabel=True)
    sets = [
        tuple(name for name, token in zip("abc", (2, 3, 4), strict=True) if token in each)
        for each in arrays
    ]
    return labels.encode(sets)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_each_label_is_a_question_of_its_own_as_in_scikit_learn(class_weight):
    arrays, _ = make_part(num_records=80)
    store, targets = RaggedStore.from_arrays(arrays), make_sets(arrays)
    weights = class_weights(class_weight or "none", targets, ["a", "b", "c"])
    recipes = [each for each in choose_recipes(3, 0) if not each.counting.by_classes]
    how = {"num_classes": 3, "class_weight": weights}
    models = fit(store, targets, recipes=recipes, **how)
    features = TfidfVectorizer(analyzer=ngrams_as_words, binary=True).fit_transform(arrays)
    for recipe, model in zip(recipes, models, strict=True):
        one = LogisticRegression(
            C=recipe.strength, max_iter=linear.MOST_ITERATIONS, class_weight=class_weight
        )
        peer = OneVsRestClassifier(one).fit(features, targets.toarray())
        with torch.no_grad():
            found = model(collate(arrays)).sigmoid().numpy()
        assert np.abs(found - peer.predict_proba(features)).max() < 1e-2  # the solvers' tolerance


def test_what_sets_records_with_any_number_of_labels_apart():
    arrays, _ = make_part(num_records=80)
    store, targets = RaggedStore.from_arrays(arrays), make_sets(arrays)
    model = next(fit(store, targets, num_classes=3, recipes=by_recipe(10.0, by_classes=True)))
    present = TfidfVectorizer(analyzer=ngrams_as_words, binary=True).fit_transform(arrays) > 0
    table = targets.toarray() > 0
    squares = np.zeros(present.shape[1])
    for bears in table.T:
        inside, outside = (
            (np.asarray(present[part].sum(axis=0)).ravel() + 1) / (part.sum() + 2)
            for part in (bears, ~bears)
        )
        squares += np.log(inside / outside) ** 2 * bears.sum() / table.sum()
    expected = np.sort(np.sqrt(squares))
    np.testing.assert_allclose(np.sort(model.idf.numpy()), expected, rtol=1e-4, atol=1e-6)


def test_a_label_that_all_records_bear_or_none():
    arrays, _ = make_part(num_records=20)
    labels = Labels(("always", "never"), multilabel=True)
    store, targets = RaggedStore.from_arrays(arrays), labels.encode([("always",)] * 20)
    model = next(fit(store, targets, num_classes=2, longest=1))
    with torch.no_grad():
        probabilities = model(collate(arrays)).sigmoid()
    assert (probabilities[:, 0] > 0.9).all()
    assert (probabilities[:, 1] < 0.1).all()


def test_each_recipe_is_fitted_however_many_records_there_are():
    random = np.random.default_rng(0)
    tokens = random.integers(2, 60, (20_000, 2)).astype(np.int32)
    targets = (tokens[:, 0] % 2) ^ (random.random(len(tokens)) < 0.1)
    store = RaggedStore.from_arrays(list(tokens))
    models = fit(store, targets, num_classes=2, longest=1)
    largest = [float(model.weight.detach().abs().max()) for model in models]
    assert largest[0] < largest[1]  # by idf the penalty changes less than a fit is exact


def test_long_text_is_counted_in_more_ways():
    short, long = choose_recipes(3, LONG_TEXT - 1), choose_recipes(3, LONG_TEXT)
    assert {each.counting.longest for each in short} == {3}
    assert not any(each.counting.repeats for each in short)
    assert {each.counting.longest for each in long} == {1, 3}
    assert set(short) < set(long)
    # Whenever a budget ends it, there is a model that has cost little.
    first, other = long[0].counting, long[len(linear.STRENGTHS)].counting
    assert (first.longest, first.repeats, other.longest) == (1, True, 3)
    assert len(choose_recipes(1, LONG_TEXT)) == len(long) // 2  # no two alike
