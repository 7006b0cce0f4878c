"""Frames and data sets of the real libraries; none of them is a dependency of the package."""

import datasets
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

from seqwise.data.frames import BATCH_ROWS, column_values, is_column, is_frame, is_table, read_frame
from seqwise.data.kinds import Kind
from seqwise.errors import Code, DataError

TEXTS = {"text": ["a b", None, "", "c"], "label": [1, 0, None, 1], "other": [1.5, 2.5, 3.5, 4.5]}
SERIES = {"signal": [[0.5, 1.5], [2.5]], "label": ["x", "y"]}
CHANNELS = {"signal": [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]], "label": ["x", "y"]}


def stream(columns):
    """Make a data set that does not know its columns before it is read."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return datasets.IterableDataset.from_generator(lambda: iter(rows))


FRAMES = {
    "pandas": pandas.DataFrame,
    "polars": polars.DataFrame,
    "arrow": pa.table,
    "batch": pa.record_batch,
    "dataset": datasets.Dataset.from_dict,
    "iterable": lambda columns: datasets.Dataset.from_dict(columns).to_iterable_dataset(),
    "stream": stream,
}
every_frame = pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)


@every_frame
def test_texts(make):
    records = read_frame(make(TEXTS))
    assert records.columns == ("text", "label", "other")
    assert (records.sequence_column, records.label_column) == ("text", "label")
    for _ in range(2):  # as often as one likes
        found = list(records.checked(Kind.TEXT))
        assert [record.sequence for record in found] == ["a b", None, None, "c"]
        assert [record.label for record in found] == ["1", None, None, "1"]
        assert [record.number for record in found] == [1, 2, 3, 4]
        assert [record.problem and record.problem.code for record in found] == [
            None,
            Code.MISSING_SEQUENCE,
            Code.MISSING_LABEL,
            None,
        ]
    assert str(found[1].problem).startswith("record 2, column text: no value - a sequence - ")


@every_frame
def test_series(make):
    found = [record.sequence for record in read_frame(make(SERIES))]
    assert all(isinstance(sequence, np.ndarray) for sequence in found)
    assert [sequence.tolist() for sequence in found] == SERIES["signal"]


@every_frame
def test_series_in_channels(make):
    found = [record.sequence for record in read_frame(make(CHANNELS)).checked(Kind.SERIES)]
    assert [sequence.tolist() for sequence in found] == CHANNELS["signal"]


@every_frame
def test_columns_that_are_named(make):
    frame = make({"a": ["x", "y"], "b": ["u", "v"]})
    records = list(read_frame(frame, sequence="b", label="a"))
    assert [(record.sequence, record.label) for record in records] == [("u", "x"), ("v", "y")]
    with pytest.raises(DataError, match="no column 'B' - one of 'a', 'b' - did you mean 'b'"):
        read_frame(frame, sequence="B")
    with pytest.raises(DataError) as caught:
        read_frame(frame)
    assert caught.value.code is Code.COLUMN_UNCLEAR


@pytest.mark.parametrize("name", ["pandas", "polars", "arrow", "batch", "dataset"])
def test_no_rows(name):
    with pytest.raises(DataError, match="no records") as caught:
        list(read_frame(FRAMES[name]({"text": [], "label": []})))
    assert caught.value.code is Code.NO_RECORDS


def test_more_rows_than_a_batch():
    texts = [str(number) for number in range(BATCH_ROWS * 2 + 1)]
    for make in FRAMES.values():
        records = read_frame(make({"text": texts}), label_required=False)
        assert [record.sequence for record in records] == texts


def test_a_data_set_that_was_filtered():
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]}).select([2, 0])
    assert [record.sequence for record in read_frame(data)] == ["c", "a"]
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0]})
    assert [each.sequence for each in read_frame(frame[frame.label == 0])] == ["a", "c"]


def test_an_array_of_a_data_set():
    """A type of its own, an extension of Arrow's."""
    kind = datasets.Features({"signal": datasets.Array2D((2, 3), "float32")})
    data = datasets.Dataset.from_dict({"signal": [np.ones((2, 3))]}, features=kind)
    (record,) = read_frame(data, label_required=False)
    assert record.sequence.shape == (2, 3)


@pytest.mark.parametrize("value", [["a"], "text.csv", np.zeros((2, 2)), pandas.Series(["a"]), None])
def test_what_is_no_frame(value):
    assert not is_frame(value)
    with pytest.raises(DataError) as caught:
        read_frame(value)
    assert caught.value.code is Code.WRONG_TYPE


def test_a_frame_that_arrow_cannot_hold():
    with pytest.raises(DataError, match="1-dimensional") as caught:
        read_frame(pandas.DataFrame({"signal": [np.zeros((2, 2))], "label": ["a"]}))
    assert caught.value.code is Code.WRONG_TYPE
    frame = pandas.DataFrame({"text": ["a"], "label": ["b"]})
    with pytest.raises(DataError):
        read_frame(pandas.concat([frame, frame], axis=1))


def test_tables_of_numbers():
    numbers = {"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]}
    for name in ("pandas", "polars", "arrow"):
        assert is_table(FRAMES[name](numbers))
        assert not is_table(FRAMES[name](TEXTS))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pandas.Series(["a", None]), ["a", None]),
        (pandas.Series([1, None], dtype="Int64"), [1, None]),
        (pandas.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pandas.Series(["a", 1], dtype=object), ["a", 1]),
        (polars.Series(["a", None]), ["a", None]),
        (polars.Series(["a", "b"], dtype=polars.Categorical), ["a", "b"]),
        (polars.Series([["x"], ["y", "z"]]), [["x"], ["y", "z"]]),
        (pa.array(["a", None]), ["a", None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
    ],
)
def test_columns(column, values):
    assert is_column(column)
    assert not is_frame(column)
    assert list(column_values(column)) == values


def test_columns_of_arrays():
    arrays = [np.zeros((2, 3)), np.ones((1, 3))]
    found = column_values(pandas.Series(arrays))
    assert all(one is other for one, other in zip(found, arrays, strict=True))
    found = column_values(polars.Series([[1, 2], [3]]))
    assert [sequence.tolist() for sequence in found] == [[1, 2], [3]]
