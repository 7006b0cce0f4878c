"""`SequenceClassifier`: scikit-learn's own checks, sequences of all kinds, labels of all types."""

from __future__ import annotations

import copy
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from typer.testing import CliRunner

from seqwise import SequenceClassifier
from seqwise.cli.app import app
from seqwise.errors import ArtifactError, ConfigError, DataError
from tests.training.examples import WORDS_OF_TOPIC, topical

GOOD, BAD = ("good", "nice", "fine"), ("win", "cash", "free")
TEXTS = [f"{(GOOD, BAD)[i % 2][i % 3]} {'day ' * (i % 4)}now" for i in range(24)]
LABELS = ["ham", "spam"] * 12
NUM = len(TEXTS)


def quick(**settings):
    """Make a classifier that trains in a moment, and badly."""
    return SequenceClassifier(**{"epochs": 1, "hidden_size": 4, "embedding_dim": 4} | settings)


ABLE = {
    "epochs": 12,
    "embedding_dim": 16,
    "hidden_size": 8,
    "dropout": 0.0,
    "token_dropout": 0.0,
    "batch_size": 4,
    "learning_rate": 0.02,
}


def able(**settings):
    """Make a classifier that learns to tell good from bad."""
    return SequenceClassifier(**ABLE | settings)


@pytest.fixture(scope="module")
def fitted():
    return able().fit(TEXTS, LABELS)


def series(num_channels=None, num=NUM):
    """Make series of several lengths; those of the second class are higher."""
    random = np.random.default_rng(3)
    shapes = [(4 + i % 3, *([num_channels] if num_channels else [])) for i in range(num)]
    return [random.normal(size=shape) + 2 * (i % 2) for i, shape in enumerate(shapes)]


# scikit-learn's look at labels warns of NaN before it refuses them.
cast_of_nan = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")


@cast_of_nan
@parametrize_with_checks(
    [SequenceClassifier(epochs=20, hidden_size=16, learning_rate=0.02, dropout=0.0)]
)
def test_scikit_learn(estimator, check):
    check(estimator)


# As scikit-learn uses it


def test_it_learns(fitted):
    assert fitted.score(TEXTS, LABELS) == 1.0
    assert fitted.predict(["good now", "free now"]).tolist() == ["ham", "spam"]
    assert fitted.classes_.tolist() == ["ham", "spam"]


def test_probabilities(fitted):
    probabilities = fitted.predict_proba(TEXTS)
    assert probabilities.shape == (NUM, 2)
    assert probabilities.dtype == np.float64
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (fitted.classes_[probabilities.argmax(axis=1)] == fitted.predict(TEXTS)).all()


def test_parameters_come_and_go():
    classifier = quick(encoder="gru", class_weight={"ham": 2.0})
    assert classifier.get_params()["encoder"] == "gru"
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(encoder="rnn", seed=3).get_params()["encoder"] == "rnn"
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        classifier.set_params(nothing=1)


def test_parameters_reach_the_model():
    settings = {
        "encoder": "gru",
        "pooling": "mean",
        "embedding_dim": 5,
        "hidden_size": 3,
        "num_layers": 2,
        "bidirectional": False,
        "dropout": 0.1,
        "num_positions": 6,
        "kernel_size": 3,
        "stride": 2,
        "tokens": "characters",
        "case": "keep",
        "vocab_size": 50,
        "min_count": 2,
        "kmer": 1,  # another is refused for text
        "max_length": 40,
        "epochs": 2,
        "patience": 3,
        "batch_size": 5,
        "batch_steps": 100,
        "window": 50,
        "token_dropout": 0.25,
        "learning_rate": 0.01,
        "weight_decay": 0.5,
        "label_smoothing": 0.1,
        "class_weight": "balanced",
        "tune_thresholds": True,
        "valid_fraction": 0.4,
        "ngrams": 2,
        "num_networks": 2,
        "budget": 1e6,
        "epoch_share": 0.5,
        "linear": True,
        "refit": True,
        "seed": 7,
        "device": "cpu",
        "precision": "float32",  # the other is refused where it gains nothing
        "warmup_fraction": 0.2,
        "clip_norm": 0.5,
        "both_strands": False,  # the other is refused for text, as are these
        "own_scale": False,
        "jitter": 0.0,
        "scaling": 0.0,
        "mutation": 0.0,
        "strand_flip": 0.0,
        "average_decay": 0.5,
    }
    classifier = SequenceClassifier(**settings, kind="text").fit(TEXTS, LABELS)
    artifact = classifier.artifact_
    saved = artifact.train.to_dict() | artifact.shape.to_dict() | artifact.data.to_dict()
    assert {name: saved[name] for name in settings} == settings
    starts = {"vectors", "pretrained"}  # files: tests/cli/test_pretrain.py
    others = {"kind", "skip_bad", "deterministic", "verbose", *starts}
    assert {*settings} | others == {*classifier.get_params()}


def test_in_a_pipeline():
    upper = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    classifier = make_pipeline(upper, able(case="keep")).fit(TEXTS, LABELS)
    assert classifier.score(TEXTS, LABELS) == 1.0
    assert Pipeline([("classifier", classifier)]).predict(TEXTS[:2]).tolist() == LABELS[:2]


def test_in_a_grid_search():
    search = GridSearchCV(quick(), {"encoder": ["rnn", "gru"], "hidden_size": [2, 3]}, cv=2)
    search.fit(TEXTS, LABELS)
    assert set(search.best_params_) == {"encoder", "hidden_size"}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(TEXTS[:3]).shape == (3,)


def test_in_cross_validation():
    assert cross_val_score(able(), TEXTS, LABELS, cv=3).mean() > 0.9


@pytest.mark.parametrize(
    "settings",
    [{"hidden_size": np.int64(4)}, {"learning_rate": np.float32(0.01)}, {"epochs": np.int32(1)}],
)
def test_settings_may_be_numbers_of_numpy(settings):
    """As they come out of np.arange, np.logspace and scipy.stats in a search."""
    quick(**settings).fit(TEXTS, LABELS)


def test_the_same_seed_gives_the_same_probabilities():
    first, second, third = (
        quick(seed=seed).fit(TEXTS, LABELS).predict_proba(TEXTS) for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert not (first == third).all()


def test_fit_leaves_the_random_state_of_others_alone():
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    quick().fit(TEXTS, LABELS)
    assert np.random.random() == expected  # noqa: NPY002


def test_deterministic_gives_equal_bits_for_any_batch():
    texts = [f"{text} word{i}" * (i % 9 + 1) for i, text in enumerate(TEXTS)]
    classifier = quick(deterministic=True).fit(TEXTS, LABELS)
    together = classifier.predict_proba(texts)
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts])
    assert (alone == together).all()
    assert (classifier.predict_proba(texts[::-1])[::-1] == together).all()


def test_deterministic_is_no_more_than_a_rounding_away(fitted):
    classifier = copy.deepcopy(fitted).set_params(deterministic=True)
    assert np.allclose(
        classifier.predict_proba(TEXTS), fitted.predict_proba(TEXTS), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(quick(), method)(TEXTS)


def test_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        quick().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_failed_fit_keeps_the_model():
    classifier = quick().fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)
    with pytest.raises(DataError):
        classifier.fit(TEXTS, ["one"] * NUM)
    assert (classifier.predict_proba(TEXTS) == expected).all()


# Sequences


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        iter,
        pd.Series,
        lambda items: pd.Series(items, index=range(100, 100 + len(items))),
        lambda items: pd.Series(items, dtype="string"),
        lambda items: np.array(items, dtype=object),
        np.array,
    ],
)
def test_a_container_of_strings(fitted, container):
    classifier = able().fit(container(TEXTS), LABELS)
    assert (classifier.predict_proba(container(TEXTS)) == fitted.predict_proba(TEXTS)).all()


@pytest.mark.parametrize("item", [list, tuple, lambda words: np.array(words, dtype=object)])
def test_lists_of_tokens_are_events(item):
    tokens = [item(text.split()) for text in TEXTS]
    classifier = able().fit(tokens, LABELS)
    assert classifier.artifact_.data.kind == "events"
    assert classifier.score(tokens, LABELS) == 1.0


def test_ids_are_events_where_the_kind_says_so():
    ids = [[int(label == "spam"), 7, *range(i % 4)] for i, label in enumerate(LABELS)]
    with pytest.raises(DataError, match="kind-unclear"):
        able().fit(ids, LABELS)
    assert able(kind="events").fit(ids, LABELS).score(ids, LABELS) == 1.0


@pytest.mark.parametrize("num_channels", [None, 1, 3])
def test_series_of_any_lengths(num_channels):
    sequences = series(num_channels)
    classifier = able(epochs=30).fit(sequences, LABELS)
    assert classifier.artifact_.data.kind == "series"
    assert classifier.artifact_.shape.num_channels == (num_channels or 1)
    assert classifier.score(sequences, LABELS) == 1.0


def test_series_as_lists():
    sequences = series(2)
    expected = quick().fit(sequences, LABELS).predict_proba(sequences)
    lists = [each.tolist() for each in sequences]
    assert (quick().fit(lists, LABELS).predict_proba(lists) == expected).all()


def test_a_table_of_numbers_is_series_of_one_channel():
    table = np.random.default_rng(0).normal(size=(NUM, 5))
    classifier = quick().fit(table, LABELS)
    assert classifier.n_features_in_ == 5
    assert classifier.artifact_.shape.num_channels == 1
    expected = quick().fit(list(table), LABELS).predict_proba(list(table))
    assert (classifier.predict_proba(table) == expected).all()
    frame = pd.DataFrame(table, columns=list("abcde"))
    assert (quick().fit(frame, LABELS).predict_proba(frame) == expected).all()


def test_a_table_of_another_width():
    table = np.random.default_rng(0).normal(size=(NUM, 5))
    classifier = quick().fit(table, LABELS)
    with pytest.raises(ValueError, match="X has 4 features, but SequenceClassifier is expecting 5"):
        classifier.predict(table[:, :4])
    assert classifier.predict([row[:4] for row in table]).shape == (NUM,)  # sequences may differ


def test_an_array_of_series_of_several_channels():
    block = np.random.default_rng(0).normal(size=(NUM, 6, 3))
    classifier = quick().fit(block, LABELS)
    assert classifier.artifact_.shape.num_channels == 3
    expected = quick().fit(list(block), LABELS).predict_proba(list(block))
    assert (classifier.predict_proba(block) == expected).all()


def test_kmer_reaches_the_codec():
    sequences = ["ACGT" * 3 + "ACGT"[i % 4] * i for i in range(NUM)]
    classifier = quick(kmer=2, kind="dna").fit(sequences, LABELS)
    assert classifier.artifact_.data.kmer == 2


def test_dna_is_guessed():
    genes = ["ACGTACGT" + "ACGT"[i % 4] * i for i in range(NUM)]
    assert quick().fit(genes, LABELS).artifact_.data.kind == "dna"
    assert quick(kind="text").fit(genes, LABELS).artifact_.data.kind == "text"


# Labels


@pytest.mark.parametrize(
    ("labels", "types"),
    [
        ([3, -1], int),
        ([True, False], bool),
        ([1.0, 0.0], float),
        (["b", "a"], str),
        (["1", "01"], str),
        (["[red]", "two\nlines"], str),
    ],
)
def test_labels_keep_their_type(labels, types, tmp_path):
    y = labels * 12
    classifier = able().fit(TEXTS, y)
    assert classifier.classes_.tolist() == sorted(set(labels))
    assert classifier.predict(TEXTS).tolist() == y
    classifier.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    assert loaded.predict(TEXTS).tolist() == y
    assert loaded.classes_.dtype == classifier.classes_.dtype
    assert all(type(label) is types for label in loaded.predict(TEXTS).tolist())


@pytest.mark.parametrize(
    "container",
    [
        tuple,
        np.array,
        pd.Series,
        lambda y: pd.Series(y, dtype="category"),
        lambda y: np.array(y, object),
    ],
)
def test_a_container_of_labels(fitted, container):
    classifier = able().fit(TEXTS, container(LABELS))
    assert (classifier.predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()
    assert classifier.predict(TEXTS).tolist() == fitted.predict(TEXTS).tolist()


def second_class_is_raised(labels, batch_size):
    """Tell whether a heavy second class has ten times the odds of a light one, in each text."""
    texts = [f"{text.split()[0]} {i % 5}" for i, text in enumerate(TEXTS * 4)]  # of one length
    second = sorted(set(labels))[1]
    light, heavy = (
        quick(class_weight={second: weight}, batch_size=batch_size, learning_rate=0.05)
        .fit(texts, labels * 4)
        .predict_proba(texts)[:, 1]
        for weight in (0.01, 100.0)
    )
    return bool((heavy / (1 - heavy) > 10 * light / (1 - light)).all())


@pytest.mark.parametrize("labels", [LABELS, [0, 1] * 12, [True, False] * 12])
def test_class_weight_is_a_table_by_label(labels):
    assert second_class_is_raised(labels, batch_size=8)


def test_class_weight_matters_in_batches_of_one():
    assert second_class_is_raised(LABELS, batch_size=1)


def test_class_weight_may_be_chosen():
    artifact = quick(class_weight="auto").fit(TEXTS, LABELS).artifact_
    assert artifact.training.tried_weights.keys() == {"none", "balanced"}
    assert artifact.train.class_weight in artifact.training.tried_weights


# Validation sequences


def test_validation_sequences_choose_the_epoch():
    classifier = quick().fit(TEXTS, LABELS, X_valid=TEXTS[:5], y_valid=LABELS[:5])
    account = classifier.artifact_.training
    assert (account.num_train, account.num_valid) == (NUM, 5)


def test_without_them_a_part_is_held_out():
    account = quick(valid_fraction=0.25).fit(TEXTS, LABELS).artifact_.training
    assert account.num_train + account.num_valid == NUM
    assert account.num_valid > 2


def test_the_part_held_out_is_learned_in_the_end():
    account = quick().fit(TEXTS, LABELS).artifact_.training
    assert account.refitted
    assert not quick(refit=False).fit(TEXTS, LABELS).artifact_.training.refitted
    valid = {"X_valid": TEXTS[:5], "y_valid": LABELS[:5]}
    assert not quick().fit(TEXTS, LABELS, **valid).artifact_.training.refitted
    with pytest.raises(ConfigError, match="leave out"):
        quick(refit=True).fit(TEXTS, LABELS, **valid)


def test_bad_validation_sequences():
    with pytest.raises(DataError, match="unknown-label"):
        quick().fit(TEXTS, LABELS, X_valid=TEXTS[:2], y_valid=["eggs", "ham"])
    with pytest.raises(DataError, match="missing-label"):
        quick().fit(TEXTS, LABELS, X_valid=TEXTS[:2])
    with pytest.raises(DataError, match="record 2: an empty sequence"):
        quick().fit(TEXTS, LABELS, X_valid=["a", ""], y_valid=LABELS[:2])


def test_validation_labels_alone():
    with pytest.raises(DataError):
        quick().fit(TEXTS, LABELS, y_valid=LABELS)


# What cannot be used


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("one string", "X is 'one string' - "),
        (None, "X is None - "),
        (7, "X is 7 - "),
        ([1, 2, 3], "X holds numbers such as 1 - "),
        (np.arange(3.0), "X holds numbers such as 0.0 - "),
        ([], "X is empty - "),
        ([["a"], "b"] * 12, "kind-unclear"),
        (np.zeros((NUM, 2, 2, 2)), "kind-unclear"),
    ],
)
def test_x_that_cannot_be_used(X, message):
    with pytest.raises(DataError, match=message):
        quick().fit(X, LABELS)


@cast_of_nan
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "target y is None - .*missing-label"),
        ([["ham"]] * NUM, "the same labels at all records, 'ham' - .*one-class"),
        ([["O", "B", "O"], ["O"]] * 12, "record 1: the label 'O' more than once .*label-per-step"),
        ([["ham"], "ham"] * 12, "record 2: the label 'ham' - a list of labels"),
        ([["ham"], None] * 12, r"record 2: the label None - .*missing-label"),
        ([["ham"], [np.nan]] * 12, "record 2: no label - .*missing-label"),
        (np.full((NUM, 2), 3), "y should be a 1d array"),
        (LABELS[:-1], "inconsistent numbers of samples"),
        ([0.0, np.nan] * 12, "record 2: .*missing-label"),
        (np.linspace(0, 1, NUM), "Unknown label type"),
        (["ham"] * NUM, "one-class"),
        (["ham"] * (NUM - 1) + ["rare"], "the class 'rare' has 1 record - .*rare-class"),
        (np.array(["ham", ""] * 12), "record 2: an empty label - .*missing-label"),
        (np.ma.masked_array([1, 2] * 12, [0, 1] * 12), "record 2: no label - .*missing-label"),
        (np.array(["2020-01-01", "2020-01-02"] * 12, "M8[D]"), "record 1: a value of type date"),
        ([Decimal(1), Decimal(2)] * 12, "record 1: a value of type Decimal - a string, a number"),
    ],
)
def test_y_that_cannot_be_used(y, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(TEXTS, y)


def test_a_label_that_is_none():
    with pytest.raises(DataError, match=r"record 2: .*missing-label"):
        quick().fit(TEXTS, ["ham", None] * 12)


@pytest.mark.parametrize("X", [set(TEXTS), dict.fromkeys(TEXTS, 1)])
def test_a_container_without_order(X):
    with pytest.raises(DataError):
        quick().fit(X, LABELS[: len(X)])


@pytest.mark.parametrize(
    "settings",
    [{"encoder": "best"}, {"epochs": 0}, {"pooling": "middle"}, {"class_weight": {"eggs": 2}}],
)
def test_settings_that_do_not_exist(settings):
    with pytest.raises(ConfigError, match="bad-setting"):
        quick(**settings).fit(TEXTS, LABELS)


def test_a_kind_that_does_not_exist():
    with pytest.raises(ConfigError, match="bad-setting"):
        quick(kind="music").fit(TEXTS, LABELS)


def test_bad_sequences_in_training():
    with pytest.raises(DataError) as caught:
        quick().fit([*TEXTS, "", "fine", None], [*LABELS, "ham", "ham", "spam"])
    assert str(caught.value).splitlines()[0].startswith("record 25: an empty sequence - ")
    assert str(caught.value).splitlines()[1].startswith("record 27: no sequence - ")
    assert caught.value.count == 2


def test_skip_bad_leaves_them_out():
    classifier = quick(skip_bad=True).fit(
        [*TEXTS, "", "fine", None], [*LABELS, "ham", "ham", "spam"]
    )
    account = classifier.artifact_.training
    assert account.num_train + account.num_valid == NUM + 1
    expected = quick().fit([*TEXTS, "fine"], [*LABELS, "ham"])
    assert (classifier.predict_proba(TEXTS) == expected.predict_proba(TEXTS)).all()


def test_skip_bad_leaves_a_class_of_one_record_out():
    classifier = quick(skip_bad=True).fit([*TEXTS, "alone"], [*LABELS, "rare"])
    assert classifier.classes_.tolist() == ["ham", "spam"]
    assert classifier.predict_proba(TEXTS).shape == (NUM, 2)


def test_bad_sequences_in_prediction(fitted):
    with pytest.raises(DataError) as caught:
        fitted.predict(["fine", "", "fine", None])
    assert caught.value.problem.record == 2
    assert [problem.record for problem in caught.value.others] == [4]
    assert "record 2: an empty sequence" in str(caught.value)


def test_another_number_of_channels_in_prediction():
    classifier = quick().fit(series(2), LABELS)
    with pytest.raises(DataError, match=r"record 2: 3 channels - 2, .*channel-count"):
        classifier.predict([np.zeros((4, 2)), np.zeros((4, 3))])


# Saving and loading


def test_save_and_load_give_equal_predictions(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    assert (loaded.predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()
    assert loaded.get_params()["hidden_size"] == 8
    assert loaded.get_params()["kind"] == "text"


def test_a_loaded_classifier_can_be_cloned_and_fitted_again(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = clone(SequenceClassifier.load(tmp_path / "model"))
    assert (again.fit(TEXTS, LABELS).predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()


def test_save_does_not_replace_without_a_word(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="output-exists"):
        fitted.save(tmp_path / "model")
    fitted.save(tmp_path / "model", overwrite=True)


def test_load_of_something_else(tmp_path):
    with pytest.raises(ArtifactError, match="not-a-model"):
        SequenceClassifier.load(tmp_path)


def test_load_of_a_model_of_the_command_line(tmp_path):
    file = tmp_path / "table.csv"
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    file.write_text("\n".join(["text,label", *rows]))
    options = [f"--{name.replace('_', '-')}={value}" for name, value in ABLE.items()]
    command = ["train", str(file), "--out", str(tmp_path / "model"), "--quiet", *options]
    assert CliRunner().invoke(app, command).exit_code == 0
    loaded = SequenceClassifier.load(tmp_path / "model")
    expected = able().fit(TEXTS, LABELS)
    assert (loaded.predict_proba(TEXTS) == expected.predict_proba(TEXTS)).all()


@pytest.fixture
def numbered(tmp_path):
    """A loaded model of the command line whose labels are 9, 10 and 2."""
    words, numbers = ("good", "win", "hello"), (9, 10, 2)
    texts = [f"{words[i % 3]} {'day ' * (i % 4)}now" for i in range(60)]
    labels = [numbers[i % 3] for i in range(60)]
    frame = pd.DataFrame({"text": texts, "label": labels})
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = ["--epochs=6", "--hidden-size=8", "--embedding-dim=8", "--learning-rate=0.05"]
    command = ["train", str(tmp_path / "table.csv"), "--out", str(tmp_path / "model"), "--quiet"]
    assert CliRunner().invoke(app, [*command, *options]).exit_code == 0
    return SequenceClassifier.load(tmp_path / "model"), frame


def test_classes_are_in_the_order_that_scikit_learn_expects(numbered):
    loaded, frame = numbered
    assert loaded.classes_.tolist() == ["10", "2", "9"]
    names = frame["label"].astype(str)
    probabilities = loaded.predict_proba(frame["text"])
    assert (loaded.classes_[probabilities.argmax(axis=1)] == loaded.predict(frame["text"])).all()
    expected = log_loss(names, probabilities, labels=loaded.classes_)
    assert expected < 0.5
    assert -get_scorer("neg_log_loss")(loaded, frame["text"], names) == pytest.approx(expected)


def test_a_model_of_the_command_line_is_scored_by_the_spelling_of_labels(numbered):
    loaded, frame = numbered
    right = (loaded.predict(frame["text"]) == frame["label"].astype(str)).mean()
    assert loaded.score(frame["text"], frame["label"]) == right > 0.9
    assert loaded.score(frame["text"], frame["label"].astype(str)) == right
    with pytest.raises(DataError, match="any number of labels a sequence"):
        loaded.score(TEXTS[:2], [["9"], ["10", "2"]])


def test_a_loaded_model_of_numbers_can_be_fitted_again(numbered):
    loaded, frame = numbered
    again = clone(loaded).fit(frame["text"], frame["label"].astype(str))
    assert again.classes_.tolist() == ["10", "2", "9"]
    assert again.artifact_.labels.values == ("2", "9", "10")  # as the command line has them
    assert (again.predict(frame["text"]) == frame["label"].astype(str)).mean() > 0.9


def test_what_is_cut_is_told_to_whoever_called():
    with pytest.warns(UserWarning, match=r"\d+ sequences are cut at 2 steps \(max_length\)"):
        classifier = quick(max_length=2).fit(TEXTS, LABELS)
    for call in (classifier.predict, classifier.predict_proba):
        with pytest.warns(UserWarning, match=r"1 sequence is cut at 2 steps") as told:
            call(["good", "good day now"])
        assert told[0].filename == __file__


def test_strings_of_several_types_are_one_order_of_classes():
    labels = np.array(["9"] * NUM, dtype=object)
    labels[1::2] = np.array(["10"])[0]  # a string of numpy
    classifier = quick(epochs=8, learning_rate=0.05).fit(TEXTS, labels)
    assert classifier.classes_.tolist() == ["10", "9"]
    right = (classifier.predict(TEXTS) == labels).mean()
    assert right == classifier.score(TEXTS, labels) > 0.9


def test_a_masked_column_of_labels_is_one_label_a_sequence():
    classifier = quick().fit(TEXTS, np.ma.masked_array([[0], [1]] * 12))
    assert not classifier.artifact_.labels.multilabel


def test_a_generator_is_scored(fitted):
    assert fitted.score(iter(TEXTS), LABELS) == fitted.score(TEXTS, LABELS)


def test_names_of_columns_go_with_the_table_they_are_of():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(NUM, 3)), columns=["a", "b", "c"])
    classifier = quick().fit(table, LABELS)
    assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
    classifier.fit(TEXTS, LABELS)
    assert not hasattr(classifier, "feature_names_in_")


@pytest.mark.parametrize("verbose", [False, True])
def test_verbose_asks_for_a_bar(verbose, monkeypatch):
    asked = []

    def show(run, *, enabled):
        asked.append(enabled)
        return run

    monkeypatch.setattr("seqwise.estimator.show_progress", show)
    quick(verbose=verbose).fit(TEXTS, LABELS)
    assert asked == [verbose]


def test_verbose_draws_on_a_terminal_only(capsys):
    quick(verbose=True).fit(TEXTS, LABELS)
    assert capsys.readouterr() == ("", "")


# Any number of labels a sequence

PAIRS = topical(80)
TOPICAL, SETS = [text for text, _ in PAIRS], [list(labels) for _, labels in PAIRS]
NAMES = sorted(WORDS_OF_TOPIC)
TABLE = np.array([[int(name in labels) for name in NAMES] for labels in SETS])


@pytest.fixture(scope="module")
def of_sets():
    return able(epochs=6).fit(TOPICAL, SETS)


def test_lists_of_labels(of_sets):
    assert of_sets.classes_.tolist() == NAMES
    found = of_sets.predict(TOPICAL)
    assert found[:3] == [tuple(labels) for labels in SETS[:3]]
    assert of_sets.score(TOPICAL, SETS) > 0.9
    assert of_sets.predict_proba(TOPICAL[:2]).shape == (2, 3)
    assert accuracy_score(TABLE, of_sets.predict_proba(TOPICAL) > 0.5) > 0.9


def test_a_label_that_the_model_does_not_know_is_a_mistake(of_sets):
    strange = [[*labels, "rail"] for labels in SETS]
    assert of_sets.score(TOPICAL, strange) == 0
    weights = np.arange(80) < 40
    mixed = [*SETS[:40], *strange[40:]]
    assert of_sets.score(TOPICAL, mixed, sample_weight=weights) == of_sets.score(
        TOPICAL[:40], SETS[:40]
    )


@pytest.mark.parametrize(
    "form",
    [
        [set(labels) for labels in SETS],
        [tuple(labels) for labels in SETS],
        [np.array(labels, dtype=str) for labels in SETS],
        pd.Series(SETS),
        pa.array(SETS),
        np.array([*SETS, None], dtype=object)[:-1],
    ],
    ids=["sets", "tuples", "arrays", "series", "arrow", "objects"],
)
def test_forms_of_sets_give_the_same_model(form, of_sets):
    found = able(epochs=6).fit(TOPICAL, form)
    assert found.classes_.tolist() == NAMES
    assert np.array_equal(found.predict_proba(TOPICAL), of_sets.predict_proba(TOPICAL))


@pytest.mark.parametrize(
    ("form", "classes"),
    [
        (TABLE, [0, 1, 2]),
        (TABLE.astype(bool), [0, 1, 2]),
        (TABLE.tolist(), [0, 1, 2]),
        (sparse.csr_matrix(TABLE), [0, 1, 2]),
        (pd.DataFrame(TABLE, columns=NAMES), NAMES),
    ],
    ids=["array", "truth", "lists", "sparse", "frame"],
)
def test_tables_of_0_and_1(form, classes, of_sets):
    classifier = able(epochs=6).fit(TOPICAL, form)
    assert classifier.classes_.tolist() == classes
    found = classifier.predict(TOPICAL)
    assert (found.dtype, found.shape) == (np.int64, (80, 3))
    assert np.array_equal(classifier.predict_proba(TOPICAL), of_sets.predict_proba(TOPICAL))
    assert classifier.score(TOPICAL, form) == (found == TABLE).all(axis=1).mean()


def test_a_table_without_names_is_in_the_order_of_the_probabilities(of_sets):
    frame = pd.DataFrame(TABLE, columns=NAMES)
    named = quick().fit(TOPICAL, frame, TOPICAL[:9], TABLE[:9])
    assert named.score(TOPICAL, named.predict(TOPICAL)) == 1
    assert of_sets.score(TOPICAL, TABLE) == of_sets.score(TOPICAL, SETS)
    turned = frame[NAMES[::-1]]
    assert named.score(TOPICAL, turned) == named.score(TOPICAL, frame)
    with pytest.raises(DataError, match="a table of 2 columns"):
        named.score(TOPICAL, TABLE[:, :2])


def test_a_column_that_no_sequence_has_stays_a_class():
    table = np.c_[TABLE, np.zeros(80, dtype=int)]
    classifier = quick(class_weight="balanced").fit(TOPICAL, table)
    assert classifier.predict(TOPICAL).shape == (80, 4)
    assert not classifier.predict(TOPICAL)[:, 3].any()


def test_a_model_of_sets_comes_back_from_its_folder(of_sets, tmp_path):
    of_sets.save(tmp_path / "sets")
    loaded = SequenceClassifier.load(tmp_path / "sets")
    assert loaded.predict(TOPICAL) == of_sets.predict(TOPICAL)
    table = quick().fit(TOPICAL, TABLE)
    table.save(tmp_path / "table")
    loaded = SequenceClassifier.load(tmp_path / "table")
    assert np.array_equal(loaded.predict(TOPICAL), table.predict(TOPICAL))


@pytest.mark.parametrize("names", [(False, True), (7, "sea")])
def test_labels_of_sets_keep_their_types_in_a_folder(names, tmp_path):
    sets = [[names[0]], [names[1]], [], list(names)] * 20
    classifier = quick().fit(TOPICAL, sets)
    classifier.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == list(names)
    assert loaded.predict(TOPICAL) == classifier.predict(TOPICAL)


def test_sets_that_choose_the_epoch():
    classifier = quick(encoder="gru").fit(TOPICAL, SETS, TOPICAL[:9], SETS[:9])
    assert classifier.artifact_.training.num_valid == 9
    with pytest.raises(DataError, match="one label a record"):
        quick().fit(TOPICAL, SETS, TOPICAL[:9], ["sea"] * 9)


def test_numbers_as_labels_of_sets():
    sets = [[10 * NAMES.index(name) for name in labels] for labels in SETS]
    classifier = quick().fit(TOPICAL, sets)
    assert classifier.classes_.tolist() == [0, 10, 20]
    assert {type(label) for labels in classifier.predict(TOPICAL) for label in labels} <= {int}


def test_cross_validation_of_tables():
    scores = cross_val_score(able(epochs=4), np.array(TOPICAL), TABLE, cv=2)
    assert scores.mean() > 0.5
    f1 = cross_val_score(able(epochs=4), np.array(TOPICAL), TABLE, cv=2, scoring="f1_macro")
    assert f1.mean() > 0.5


def test_a_threshold_of_two_classes():
    labels = ["ham" if number % 3 else "spam" for number in range(NUM * 5)]
    classifier = quick(tune_thresholds=True, valid_fraction=0.4).fit(TEXTS * 5, labels)
    decision = classifier.artifact_.decision
    assert decision.thresholds[1] is not None
    decided = decision.decide(classifier.predict_proba(TEXTS))
    assert classifier.predict(TEXTS).tolist() == classifier.classes_[decided].tolist()
