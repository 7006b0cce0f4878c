import contextlib
import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqwise.data.kinds import Kind
from seqwise.data.readers import parquet
from seqwise.data.records import read_records
from seqwise.errors import Code, DataError


def write(path, sequences, labels=None, column="series", **options):
    columns = {column: sequences}
    if labels is not None:
        columns["label"] = labels
    pq.write_table(pa.table(columns), path, **options)
    return path


def labels_for(sequences):
    return ["x"] * len(sequences)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
)
def test_columns_of_strings(tmp_path, kind):
    sequences = pa.array(["é", "", None, "b"]).cast(kind)
    path = write(tmp_path / "a.parquet", sequences, pa.array([1, 2, 3, 4]), "text")
    records = list(read_records(path))
    assert [record.sequence for record in records] == ["é", "", None, "b"]
    assert [record.label for record in records] == ["1", "2", None, "4"]
    problem = records[2].problem
    assert (problem.code, problem.record, problem.column) == (Code.MISSING_SEQUENCE, 3, "text")
    assert problem.path == str(path)
    checked = list(read_records(path).checked(Kind.TEXT))
    assert checked[1].problem.code is Code.EMPTY_SEQUENCE


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "uint8"])
@pytest.mark.parametrize("make", [pa.list_, pa.large_list])
def test_lists_of_numbers_become_arrays(tmp_path, dtype, make):
    sequences = [[1, 2, 3], [], [4], [5, 6]]
    column = pa.array(sequences, make(pa.from_numpy_dtype(dtype)))
    path = write(tmp_path / "a.parquet", column, labels_for(sequences), row_group_size=2)
    for record, expected in zip(read_records(path), sequences, strict=True):
        assert isinstance(record.sequence, np.ndarray)
        assert record.sequence.dtype == dtype
        assert record.sequence.tolist() == expected
        assert record.label == "x"


def test_nested_lists_become_channels(tmp_path):
    sequences = [[[1, 2], [3, 4], [5, 6]], [[7, 8]], [[1, 2], [3]], None, []]
    column = pa.array(sequences, pa.list_(pa.list_(pa.int16())))
    path = write(tmp_path / "a.pq", column, labels_for(sequences))
    records = list(read_records(path).checked(Kind.SERIES))
    assert records[0].sequence.tolist() == sequences[0]
    assert records[1].sequence.shape == (1, 2)
    codes = [record.problem.code for record in records[2:]]
    assert codes == [Code.CHANNEL_COUNT, Code.MISSING_SEQUENCE, Code.EMPTY_SEQUENCE]


def test_lists_of_a_fixed_size(tmp_path):
    sequences = [[1.0, 2.0], [3.0, 4.0]]
    column = pa.array(sequences, pa.list_(pa.float32(), 2))
    records = list(read_records(write(tmp_path / "a.parquet", column, ["x", "y"])))
    assert isinstance(records[0].sequence, np.ndarray)
    assert [record.sequence.tolist() for record in records] == sequences
    column = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    records = list(read_records(write(tmp_path / "b.parquet", column, ["x", "y", "z"])))
    assert records[1].problem.code is Code.MISSING_SEQUENCE
    assert list(records[2].sequence) == [3.0, 4.0]


def test_a_missing_step_does_not_change_the_other_records(tmp_path):
    column = pa.array([[2**60 + 1, 2], [3, None]], pa.list_(pa.int64()))
    path = write(tmp_path / "a.parquet", column, ["x", "y"], column="tokens")
    records = list(read_records(path).checked(Kind.EVENTS))
    assert records[0].sequence == ["1152921504606846977", "2"]
    assert records[1].problem.code is Code.NAN_VALUE
    assert "step 2" in records[1].problem.found


def test_lists_of_strings(tmp_path):
    column = pa.array([["a", "é"], ["b"]])
    path = write(tmp_path / "a.parquet", column, ["x", "y"], column="events")
    assert [record.sequence for record in read_records(path)] == [["a", "é"], ["b"]]


def test_text_that_is_not_utf8(tmp_path):
    binary = pa.array([b"fine", b"caf\xe9"])
    text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    for column in (binary, text):
        path = write(tmp_path / "a.parquet", column, ["x", "y"], column="text")
        records = list(read_records(path))
        assert records[0].sequence == "fine"
        problem = records[1].problem
        assert (problem.code, problem.record, problem.column) == (Code.NOT_UTF8, 2, "text")
        assert problem.found == "byte 0xe9 at character 4"


def test_strings_in_lists_that_are_not_utf8(tmp_path):
    binary = pa.array([b"fine", b"caf\xe9"])
    text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    column = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), text)
    path = write(tmp_path / "a.parquet", column, ["x", "y"], column="events")
    records = list(read_records(path).checked(Kind.EVENTS))
    assert records[0].sequence == ["fine"]
    assert records[1].problem.code is Code.NOT_UTF8


def test_labels(tmp_path):
    path = write(tmp_path / "b.parquet", ["a", "b"], [True, None], column="text")
    records = list(read_records(path))
    assert records[0].label == "true"
    assert (records[1].problem.code, records[1].problem.column) == (Code.MISSING_LABEL, "label")


def test_duplicate_columns(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError) as caught:
        read_records(tmp_path / "a.parquet")
    assert caught.value.code is Code.DUPLICATE_HEADER


def test_no_rows(tmp_path):
    path = write(tmp_path / "a.parquet", pa.array([], pa.string()), pa.array([], pa.string()))
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert caught.value.code is Code.NO_RECORDS


def test_damaged_files(tmp_path):
    path = write(tmp_path / "a.parquet", ["abc"] * 1000, labels_for(range(1000)))
    whole = path.read_bytes()
    for content in (b"no parquet at all", whole[:-20], b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            list(read_records(path))
        assert (caught.value.code, caught.value.problem.path) == (Code.BAD_FORMAT, str(path))
        assert "\n" not in str(caught.value)


def test_blocks_are_small(tmp_path, monkeypatch):
    sequences = [np.zeros(50_000, dtype=np.int32) + row for row in range(100)]
    path = write(tmp_path / "a.parquet", sequences, labels_for(sequences), use_dictionary=False)
    sizes = []
    usual = pq.ParquetFile.iter_batches

    def measured(self, *args, **options):
        for batch in usual(self, *args, **options):
            sizes.append(batch.nbytes)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", measured)
    records = iter(read_records(path))
    assert next(records).sequence[0] == 0
    assert len(sizes) == 2  # a look at one row, and the first block
    assert [record.sequence[-1] for record in records] == list(range(1, 100))
    assert max(sizes) < 20_000_000 / 2


def test_a_damaged_group_does_not_end_the_process(tmp_path):
    """Arrow aborts where it is asked about a column chunk whose account of sizes is damaged."""
    content = write(tmp_path / "a.parquet", ["abc"] * 5, ["x"] * 5).read_bytes()
    for position in range(len(content) - 400, len(content) - 8):
        damaged = bytearray(content)
        damaged[position] ^= 1
        (tmp_path / "b.parquet").write_bytes(damaged)
        with contextlib.suppress(DataError):
            list(read_records(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2**31 - 1], pa.date32()),
        pa.array([2**62], pa.duration("s")),
        pa.array([[2**62]], pa.list_(pa.duration("s"))),
    ],
)
@pytest.mark.parametrize("odd", ["text", "label"])
def test_a_value_that_python_cannot_hold(tmp_path, values, odd):
    pq.write_table(pa.table({"text": ["a"], "label": ["b"], odd: values}), tmp_path / "a.parquet")
    with pytest.raises(DataError) as caught:
        list(read_records(tmp_path / "a.parquet"))
    assert caught.value.code is Code.BAD_FORMAT


def test_lists_of_empty_lists(tmp_path):
    kind = pa.list_(pa.list_(pa.float64()))
    table = pa.table({"text": pa.array([[[], []], [[1.0]]], kind), "label": ["a", "b"]})
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = read_records(tmp_path / "a.parquet").checked(Kind.SERIES)
    assert first.problem.code is Code.EMPTY_SEQUENCE
    assert second.sequence.tolist() == [[1.0]]


@pytest.mark.parametrize("values", [[1], [True], [{"a": 1}], [datetime.date(2000, 1, 1)]])
def test_a_column_of_neither_strings_nor_lists(tmp_path, values):
    pq.write_table(pa.table({"text": values, "label": ["a"]}), tmp_path / "a.parquet")
    (record,) = read_records(tmp_path / "a.parquet")
    assert (record.sequence, record.problem.code) == (None, Code.WRONG_TYPE)


def test_one_long_string_in_every_row_is_read_a_few_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_BYTES", 10_000)
    write(tmp_path / "a.parquet", ["x" * 1_000] * 50, ["a"] * 50)
    sizes = []
    usual = parquet.to_sequences
    monkeypatch.setattr(
        parquet, "to_sequences", lambda column: sizes.append(len(column)) or usual(column)
    )
    assert len(list(read_records(tmp_path / "a.parquet"))) == 50
    assert max(sizes) <= 10


def test_a_row_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LONGEST_RECORD", 1_000)
    write(tmp_path / "a.parquet", [np.zeros(2_000)], ["a"])
    with pytest.raises(DataError) as caught:
        list(read_records(tmp_path / "a.parquet"))
    assert caught.value.code is Code.TOO_LONG


def test_decimal_numbers(tmp_path):
    one, two = Decimal("1.50"), Decimal(2)
    sequences = [[one, two], None, [one, None], []]
    path = write(tmp_path / "a.parquet", sequences, [two, one, two, one])
    first, *others = read_records(path).checked(Kind.SERIES)
    assert (first.sequence.ravel().tolist(), first.label) == ([1.5, 2], "2")
    codes = [record.problem.code for record in others]
    assert codes == [Code.MISSING_SEQUENCE, Code.NAN_VALUE, Code.EMPTY_SEQUENCE]
    path = write(tmp_path / "b.parquet", [[[one, two], [two, one]]], [one])
    (record,) = read_records(path).checked(Kind.SERIES)
    assert (record.sequence.tolist(), record.label) == ([[1.5, 2], [2, 1.5]], "1.5")


def test_decimal_numbers_that_no_float_has_stay_apart(tmp_path):
    ids = [Decimal("12345678901234567891"), Decimal("12345678901234567890")]
    labels = [Decimal("0.10000000000000000001"), Decimal("0.1")]
    path = write(tmp_path / "a.parquet", [ids, ids[::-1]], labels)
    records = list(read_records(path).checked(Kind.EVENTS))
    assert records[0].sequence == list(map(str, ids))
    assert [record.label for record in records] == list(map(str, labels))
