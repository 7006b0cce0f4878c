"""Tables that Python holds: frames of pandas and Polars, tables of Arrow, Hugging Face data sets.

None of these libraries is imported. A frame or a column is what gives itself as a stream of Arrow
(``__arrow_c_stream__``: pandas from 2.2, Polars, pyarrow); a data set is what gives its rows in
batches of Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from seqwise.data.readers.arrow import label_form, to_sequences, to_values
from seqwise.data.readers.columns import choose_columns
from seqwise.data.readers.interface import RawSequence, Record, Wanted
from seqwise.data.readers.rows import RowCheck
from seqwise.data.records import RecordFile
from seqwise.errors import Code, DataError, Problem, one_line

BATCH_ROWS = 1_000


def read_frame(
    frame: Any,
    *,
    sequence: str | None = None,
    label: str | None = None,
    label_required: bool = True,
    label_separator: str | None = None,
) -> RecordFile:
    """Take a frame or a data set for a file of records.

    Parameters
    ----------
    frame
        A frame of pandas or Polars, a table of Arrow, a ``Dataset`` or an ``IterableDataset`` of
        Hugging Face; the latter is streamed.
    sequence, label
        Names of columns; None to find them by their names, as in a file.
    label_required
        Whether a record without a label is a bad one. If not, a label that cannot be used is None.
    label_separator
        What stands between the labels of a cell, where it holds any number of them in one string;
        columns of lists are recognised without it.

    Returns
    -------
    RecordFile
        To be iterated over.

    Raises
    ------
    DataError
        `column-missing`, `column-unclear` and `duplicate-header`; `wrong-type` for something else
        than a frame.

    Examples
    --------
    >>> import pyarrow
    >>> frame = pyarrow.table({"text": ["good", "bad"], "stars": [5, 1]})
    >>> [record.label for record in read_frame(frame, label="stars")]
    ['5', '1']
    """
    wanted = Wanted(sequence, label, None, label_required, label_separator)
    reader = FrameReader(frame, wanted)
    return RecordFile(
        path="",
        format="frame",
        columns=reader.columns,
        sequence_column=reader.sequence_column,
        label_column=reader.label_column,
        multilabel=reader.multilabel,
        once=False,
        _reader=reader,
    )


class FrameReader:
    """Reader of frames and data sets.

    Parameters
    ----------
    frame
        With columns.
    wanted
        The columns the user named.

    Raises
    ------
    DataError
        As `read_frame`.
    """

    def __init__(self, frame: Any, wanted: Wanted) -> None:
        if not is_frame(frame):
            raise DataError(_wrong(f"a {type(frame).__name__}"))
        self._frame = frame
        schema = _schema(frame)
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.sequence_column, self.label_column = choose_columns(self.columns, wanted, "")
        labels = label_form(schema, self.label_column, wanted)
        self.multilabel = labels.multilabel
        self._check = RowCheck("", self.sequence_column, self.label_column, labels)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        number = 0
        for batch in _batches(self._frame):
            labels: list[Any] = [None] * batch.num_rows
            if self.label_column is not None:
                labels = to_values(batch.column(self.label_column))
            sequences = to_sequences(batch.column(self.sequence_column))
            for sequence, label in zip(sequences, labels, strict=True):
                number += 1
                yield self._check.record(sequence, label, number)

    def sequences(self) -> Iterator[RawSequence | None]:
        """Give the sequences alone, unchecked; None where one is missing."""
        for batch in _batches(self._frame):
            yield from to_sequences(batch.column(self.sequence_column))


def is_frame(value: object) -> bool:
    """Tell whether a value has named columns: a frame, a table or a data set."""
    return _is_dataset(value) or (_is_arrow(value) and hasattr(value, "columns"))


def is_column(value: object) -> bool:
    """Tell whether a value is one column of a frame or of a table."""
    return _is_arrow(value) and not hasattr(value, "columns")


def is_table(frame: Any) -> bool:
    """Tell whether all columns of a frame hold numbers, so that it is an array ``(n, m)``."""
    if _is_dataset(frame):
        return False
    return all(map(_is_number, _stream(frame).schema.types))


def column_values(column: Any) -> list[Any]:
    """Give the sequences or the labels of a column; None where one is missing."""
    try:
        chunks = [column] if isinstance(column, pa.Array) else pa.chunked_array(column).chunks
    except pa.ArrowException:  # no type of Arrow: arrays with channels, or texts beside numbers
        return list(column)
    return [value for chunk in chunks for value in to_sequences(chunk)]


def _is_arrow(value: object) -> bool:
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def _is_dataset(value: object) -> bool:
    return all(hasattr(value, name) for name in ("with_format", "column_names", "features"))


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _schema(frame: Any) -> pa.Schema:
    if not _is_dataset(frame):
        return _stream(frame).schema
    if frame.features is not None:
        return frame.features.arrow_schema
    first = next(_batches(frame), None)  # of a stream that does not know them yet
    return pa.schema([]) if first is None else first.schema


def _stream(frame: Any) -> pa.RecordBatchReader:
    try:
        return pa.RecordBatchReader.from_stream(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        found = one_line(str(error).partition("\n")[0].rstrip(". "))
        raise DataError(_wrong(f"a frame that Arrow has no types for ({found})")) from error


def _batches(frame: Any) -> Iterator[pa.RecordBatch]:
    """Give the rows in small batches."""
    if _is_dataset(frame):
        # Where types are not known before, each row is taken for what it is by itself.
        num_rows = 1 if frame.features is None else BATCH_ROWS
        for table in frame.with_format("arrow").iter(batch_size=num_rows):
            yield from table.to_batches()
        return
    for batch in _stream(frame):
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _wrong(found: str) -> Problem:
    expected = "a frame of pandas, Polars or Arrow, or a data set with columns"
    return Problem(Code.WRONG_TYPE, found, expected, "give one, or a column of it (frame[COLUMN])")
