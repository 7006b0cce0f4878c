"""Parquet, a small block of rows at a time. The only reader that needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqwise.data.readers.columns import choose_columns
from seqwise.data.readers.interface import RawSequence, Record, Wanted
from seqwise.data.readers.rows import RowCheck
from seqwise.data.readers.source import LONGEST_RECORD, Source
from seqwise.errors import Code, DataError, Problem, one_line

BLOCK_BYTES = 1 << 23
MOST_BYTES = 1 << 27
MOST_ROWS = 4096


class ParquetReader:
    """Reader of Parquet files.

    Columns of strings give strings. Columns of lists of numbers give arrays that share the memory
    of their block, and lists of lists give ``(time, channels)`` where all steps have the same
    channels; other lists give lists.

    Parameters
    ----------
    source
        The file.
    wanted
        The columns the user named.

    Raises
    ------
    DataError
        `file-unreadable` for standard input, `bad-format` for a file that is not Parquet or is
        damaged, `duplicate-header`, `column-missing` and `column-unclear`.
    """

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        if source.is_pipe:
            found, remedy = (
                "Parquet from standard input or a pipe",
                "save the input in a file first",
            )
            raise DataError(
                Problem(Code.FILE_UNREADABLE, found, "a file", remedy, path=source.path)
            )
        with self._opened() as file:
            self.columns: tuple[str, ...] = tuple(file.schema_arrow.names)
        self.sequence_column, self.label_column = choose_columns(self.columns, wanted, source.path)
        self._check = RowCheck(
            source.path, self.sequence_column, self.label_column, wanted.label_required
        )

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        names = [self.sequence_column]
        if self.label_column is not None:
            names.append(self.label_column)
        number = 0
        num_rows = self._num_rows(names)
        with self._opened() as file:
            for batch in file.iter_batches(num_rows, columns=names):
                labels: list[Any] = [None] * batch.num_rows
                if self.label_column is not None:
                    labels = _to_list(batch.column(self.label_column))
                sequences = read_sequences(batch.column(self.sequence_column))
                for sequence, label in zip(sequences, labels, strict=True):
                    number += 1
                    yield self._check.record(sequence, label, number)

    @contextmanager
    def _opened(self, **options: Any) -> Iterator[pq.ParquetFile]:
        options |= {"pre_buffer": False, "buffer_size": 1 << 20}
        try:
            with pq.ParquetFile(self._source.path, **options) as file:
                yield file
        except DataError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            # The last two: a date that Python cannot hold, a name that is not UTF-8.
            found = one_line(str(error).partition("\n")[0].rstrip(". "))
            remedy = "write or unpack the file again, or name its format (--format)"
            raise DataError(
                Problem(
                    Code.BAD_FORMAT, found, "a whole Parquet file", remedy, path=self._source.path
                )
            ) from error

    def _num_rows(self, names: list[str]) -> int:
        """Choose how many rows make a block of about 8 MB, and at the worst one of 128 MB."""
        with self._opened() as file:
            starts = tuple(f"{name}." for name in names)
            paths = {index: file.schema.column(index).path for index in range(len(file.schema))}
        leaves = [index for index, path in paths.items() if f"{path}.".startswith(starts)]
        usual = worst = 1
        with self._opened(read_dictionary=[paths[index] for index in leaves]) as file:
            for number in range(file.num_row_groups):
                group = file.metadata.row_group(number)
                # Before `group.column`, which ends the process where the group is damaged.
                first = next(file.iter_batches(1, row_groups=[number], columns=names), None)
                if first is None:
                    continue
                longest = max(map(_longest_value, first.columns))
                chunks = [group.column(index) for index in leaves]
                num_values = sum(chunk.num_values for chunk in chunks)
                num_bytes = sum(chunk.total_uncompressed_size for chunk in chunks)
                # Equal numbers are packed to next to nothing, and unpacked to 8 bytes each.
                usual = max(usual, max(num_bytes, 8 * num_values) // group.num_rows)
                worst = max(worst, usual, longest * num_values // group.num_rows)
        if worst > 8 * LONGEST_RECORD:
            raise self._source.too_long()
        return int(max(min(BLOCK_BYTES // usual, MOST_BYTES // worst, MOST_ROWS), 1))


def _longest_value(column: pa.Array) -> int:
    """Give the bytes of the longest string in a dictionary; one copy of it may serve all rows."""
    while _is_list(column.type):
        column = column.values
    if not pa.types.is_dictionary(column.type):
        return 0
    return pc.max(pc.binary_length(column.dictionary)).as_py() or 0


def _to_list(column: pa.Array) -> list[Any]:
    """Give Python values; text that is not UTF-8 comes with lone surrogates in it."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(_as_binary(column.type)).to_pylist()
    return [_decoded(value) for value in values]


def _as_binary(kind: pa.DataType) -> pa.DataType:
    return pa.large_list(pa.large_binary()) if pa.types.is_nested(kind) else pa.large_binary()


def _decoded(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [_decoded(step) for step in value]
    return value


def read_sequences(column: pa.Array) -> Iterable[RawSequence | None]:
    """Give the sequences of a column: views of one array where they are made of numbers."""
    column = _plain_list(column)
    if not _is_list(column.type):
        return _to_list(column)
    present = column.is_valid().to_pylist()
    bounds = column.offsets.to_numpy()
    steps = _plain_list(column.values)
    if _is_numbers(steps):
        values = steps.to_numpy(zero_copy_only=False)
        return (
            values[start:end] if there else None
            for there, (start, end) in zip(present, pairwise(bounds), strict=True)
        )
    if _is_list(steps.type) and not steps.null_count and _is_numbers(steps.values):
        values = steps.values.to_numpy(zero_copy_only=False)
        inner = steps.offsets.to_numpy()
        return (
            _channels(values, inner[start : end + 1]) if there else None
            for there, (start, end) in zip(present, pairwise(bounds), strict=True)
        )
    return _to_list(column)


def _channels(values: NDArray[Any], bounds: NDArray[np.integer]) -> RawSequence:
    num_channels = np.unique(np.diff(bounds))
    if len(num_channels) == 1:
        steps = values[bounds[0] : bounds[-1]]
        return steps.reshape(len(bounds) - 1, num_channels[0])  # (time, channels)
    return [values[start:end].tolist() for start, end in pairwise(bounds)]  # bad, or empty


def _plain_list(column: pa.Array) -> pa.Array:
    """Turn lists of a fixed size into lists with offsets."""
    if pa.types.is_fixed_size_list(column.type):
        return column.cast(pa.large_list(column.type.value_field))
    return column


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_numbers(values: pa.Array) -> bool:
    kind = values.type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return bool(plain) and not values.null_count
