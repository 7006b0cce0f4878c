"""`SequenceClassifier` on columns, frames and data sets of the real libraries."""

from __future__ import annotations

import datasets
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

from seqwise.errors import Code, DataError
from tests.data.test_frames import FRAMES, stream
from tests.test_estimator import LABELS, NUM, TEXTS, able, quick, series

COLUMNS = {"text": TEXTS, "label": LABELS, "number": list(range(NUM))}


@pytest.fixture(scope="module")
def expected():
    return able().fit(TEXTS, LABELS).predict_proba(TEXTS)


@pytest.mark.parametrize("name", ["pandas", "polars", "dataset"])
def test_columns_are_as_good_as_lists(name, expected):
    frame = FRAMES[name](COLUMNS)
    classifier = able().fit(frame["text"], frame["label"])
    assert (classifier.predict_proba(frame["text"]) == expected).all()
    assert classifier.classes_.tolist() == ["ham", "spam"]
    assert classifier.score(frame["text"], frame["label"]) == 1.0


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_the_column_of_a_frame_is_found_by_its_name(make):
    classifier = quick().fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)
    assert (classifier.predict_proba(make(COLUMNS)) == expected).all()
    assert (classifier.predict_proba(make({"whatever": TEXTS})) == expected).all()
    with pytest.raises(DataError) as caught:
        classifier.predict(make({"a": TEXTS, "b": TEXTS}))
    assert caught.value.code is Code.COLUMN_UNCLEAR


def test_a_column_that_is_streamed():
    data = stream({"text": TEXTS, "label": LABELS})
    classifier = quick().fit(data["text"], data["label"])
    assert classifier.predict(data).tolist() == classifier.predict(TEXTS).tolist()


@pytest.mark.parametrize(
    "X",
    [np.array(TEXTS).reshape(-1, 1), np.array(TEXTS, dtype=object).reshape(-1, 1)],
)
def test_an_array_of_one_column_of_texts(X):
    classifier = quick().fit(X, LABELS)
    assert classifier.artifact_.data.kind == "text"
    assert (classifier.predict_proba(X) == classifier.predict_proba(TEXTS)).all()


def test_an_array_of_tokens_in_rows():
    rows = [[("open", "close")[i % 2], "read", str(i)] for i in range(NUM)]
    classifier = quick().fit(np.array(rows), LABELS)
    assert classifier.artifact_.data.kind == "events"


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame, pa.table])
def test_a_frame_of_numbers_is_series_of_one_channel(make):
    table = np.random.default_rng(0).normal(size=(NUM, 4))
    frame = make({f"t{step}": table[:, step] for step in range(table.shape[1])})
    classifier = quick().fit(frame, LABELS)
    assert classifier.n_features_in_ == table.shape[1]
    assert classifier.artifact_.data.kind == "series"


@pytest.mark.parametrize(
    "make",
    [pandas.Series, polars.Series, lambda signals: datasets.Dataset.from_dict({"x": signals})["x"]],
)
@pytest.mark.parametrize("num_channels", [None, 2])
def test_columns_of_series(make, num_channels):
    signals = series(num_channels)
    classifier = quick().fit(signals, LABELS)
    column = make([signal.tolist() for signal in signals])
    assert (classifier.predict_proba(column) == classifier.predict_proba(signals)).all()


def test_a_column_of_arrays_with_channels():
    signals = series(2)
    classifier = quick().fit(pandas.Series(signals), LABELS)
    assert classifier.artifact_.shape.num_channels == 2


@pytest.mark.parametrize(
    "labels",
    [
        pandas.Series([*LABELS[:-1], None]),
        pandas.Series([0, 1] * 11 + [0, None], dtype="Int64"),
        polars.Series([*LABELS[:-1], None]),
    ],
)
def test_missing_labels_of_a_column(labels):
    with pytest.raises(DataError) as caught:
        quick().fit(TEXTS, labels)
    assert (caught.value.code, caught.value.problem.record) == (Code.MISSING_LABEL, NUM)


@pytest.mark.parametrize("make", [pandas.Series, polars.Series])
def test_missing_sequences_of_a_column(make):
    column = make([None, *TEXTS[1:]])
    with pytest.raises(DataError) as caught:
        quick().fit(column, LABELS)
    assert (caught.value.code, caught.value.problem.record) == (Code.MISSING_SEQUENCE, 1)
    assert quick(skip_bad=True).fit(column, LABELS).artifact_.training.num_train > 0


@pytest.mark.parametrize(
    ("labels", "types"),
    [
        (pandas.Series([3, 7] * 12), int),
        (polars.Series([3, 7] * 12), int),
        (pandas.Series(LABELS, dtype="category"), str),
        (polars.Series([True, False] * 12), bool),
    ],
)
def test_labels_of_a_column_keep_their_type(labels, types):
    predicted = quick().fit(TEXTS, labels).predict(TEXTS)
    assert {type(label) for label in predicted.tolist()} == {types}


def test_several_data_sets_at_once():
    both = datasets.DatasetDict({"train": FRAMES["dataset"](COLUMNS)})
    with pytest.raises(DataError) as caught:
        quick().fit(both, LABELS)
    assert caught.value.code is Code.WRONG_TYPE
