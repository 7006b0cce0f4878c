import numpy as np
import pytest
import torch
from scipy import sparse

from seqwise.config import ModelConfig
from seqwise.data.store import RaggedStore
from seqwise.nn import BothStrands, build_network
from seqwise.training import answers as answers_room
from seqwise.training import folds
from seqwise.training.fits import LINEAR, Kind
from seqwise.training.folds import NUM_FOLDS, choose_by_folds
from seqwise.training.linear import Counting, Recipe, fit_ngrams
from seqwise.training.preparation import LabelledStore
from tests.training.examples import make_run

ALIKE = Counting(longest=1)


def make_part(num_records=90, num_classes=3, seed=0):
    """Sequences of a class have tokens of its own, among others."""
    random = np.random.default_rng(seed)
    targets = np.arange(num_records) % num_classes
    arrays = [
        np.concatenate([random.integers(10, 40, 5), [2 + target, 2 + target]]).astype(np.int32)
        for target in targets.tolist()
    ]
    return LabelledStore(RaggedStore.from_arrays(arrays), targets)


def make_kinds(recipes, seen=None):
    def kinds(part):
        def fit(recipes):
            if seen is not None:
                seen.append(part)
            how = {"num_classes": 3, "positions": False, "recipes": recipes}
            return fit_ngrams(part.sequences, part.targets, **how)

        return [Kind(LINEAR, recipes, fit)]

    return kinds


def choose(kinds, part):
    network = build_network(ModelConfig(num_classes=3, vocab_size=40))
    return choose_by_folds(kinds, part, network, class_weight=None, seed=0)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_recipe_is_taken_that_says_most_of_what_it_has_not_seen(backwards):
    recipes = (Recipe(ALIKE, 1e-7), Recipe(ALIKE, 10.0))
    assert choose(make_kinds(recipes[:: -1 if backwards else 1]), make_part()) == {
        LINEAR: Recipe(ALIKE, 10.0)
    }


def test_each_record_is_left_out_once():
    seen, part = [], make_part()
    choose(make_kinds((Recipe(ALIKE, 1.0), Recipe(ALIKE, 10.0)), seen), part)
    assert len(seen) == NUM_FOLDS
    assert sum(90 - len(each.sequences) for each in seen) == 90
    assert all(len(np.unique(each.targets)) == 3 for each in seen)


def test_where_there_is_one_way_nothing_is_chosen():
    assert choose(make_kinds((Recipe(ALIKE, 1.0),)), make_part()) == {}


def test_equal_sequences_are_left_out_together_and_the_only_one_of_a_class_never():
    texts = [[2, 3], [2, 3], [4], [5], [6], [7], [8], [8], [9]]
    arrays = [np.array(each, dtype=np.int32) for each in texts]
    targets = np.array([0, 0, 0, 0, 1, 1, 2, 2, 1])
    found = folds._divide(LabelledStore(RaggedStore.from_arrays(arrays), targets), seed=3)
    assert found[0] == found[1]
    assert (found[6:8] == -1).all()
    assert sorted(set(found.tolist())) == [-1, *range(NUM_FOLDS)]


def test_a_class_that_a_fold_would_lose_is_not_divided():
    arrays = [np.array([each], dtype=np.int32) for each in (2, 3, 4, 2, 2)]
    part = LabelledStore(RaggedStore.from_arrays(arrays), np.array([0, 0, 0, 1, 1]))
    assert folds._divide(part, seed=0) is None
    assert choose(make_kinds((Recipe(ALIKE, 1.0), Recipe(ALIKE, 10.0))), part) == {}


def test_records_of_any_number_of_labels_are_divided():
    part = make_part()
    table = sparse.csr_array(np.eye(3, dtype=bool)[part.targets])
    assert choose(
        make_kinds((Recipe(ALIKE, 1e-7), Recipe(ALIKE, 10.0))),
        LabelledStore(part.sequences, table),
    ) == {LINEAR: Recipe(ALIKE, 10.0)}


def test_a_run_takes_what_the_folds_choose(monkeypatch):
    asked = []

    def choose_last(make_kinds, part, network, **_):
        asked.append(len(part.sequences))
        return {kind.role: kind.recipes[-1] for kind in make_kinds(part)}

    monkeypatch.setattr(answers_room, "choose_by_folds", choose_last)
    run = make_run(linear=True)
    list(run)
    recipes = run.companion.recipes
    assert asked == [len(run.prepared.train.sequences)]
    assert {role: each[-1].strength for role, each in recipes.items()} == dict.fromkeys(
        recipes, 1000.0
    )
    assert all(len(each) == 3 for each in recipes.values())


@pytest.mark.parametrize("limit", ["FEW_HELD_OUT", "MOST_RECORDS", "MOST_STEPS", "MOST_BELIEFS"])
def test_many_that_are_held_out_choose_themselves(limit, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("folds are not asked")

    monkeypatch.setattr(answers_room, "choose_by_folds", refuse)
    monkeypatch.setattr(folds, limit, 1)
    run = make_run(linear=True)
    list(run)
    assert run.companion


def test_a_clock_leaves_no_time_for_folds(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("folds are not asked")

    monkeypatch.setattr(answers_room, "choose_by_folds", refuse)
    run = make_run(linear=True, budget=60.0)
    list(run)
    assert run.companion


def test_models_read_as_many_strands_as_the_network(monkeypatch):
    part, seen = make_part(), []
    config = ModelConfig(num_classes=3, vocab_size=40, both_strands=True)
    network = build_network(config, torch.arange(40))
    believe = folds.believe
    monkeypatch.setattr(
        folds, "believe", lambda model, *rest: seen.append(type(model)) or believe(model, *rest)
    )
    kinds = make_kinds((Recipe(ALIKE, 1e-7), Recipe(ALIKE, 10.0)))
    choose_by_folds(kinds, part, network, class_weight=None, seed=0)
    assert seen == [BothStrands] * 2 * NUM_FOLDS
