"""Parquet, a small block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqwise.data.readers.arrow import is_list, label_form, to_sequences, to_values
from seqwise.data.readers.columns import choose_columns
from seqwise.data.readers.interface import Record, Wanted
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
            schema = file.schema_arrow
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.sequence_column, self.label_column = choose_columns(self.columns, wanted, source.path)
        labels = label_form(schema, self.label_column, wanted)
        self.multilabel = labels.multilabel
        self._check = RowCheck(source.path, self.sequence_column, self.label_column, labels)

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
                    labels = to_values(batch.column(self.label_column))
                sequences = to_sequences(batch.column(self.sequence_column))
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
    while is_list(column.type):
        column = column.values
    if not pa.types.is_dictionary(column.type):
        return 0
    return pc.max(pc.binary_length(column.dictionary)).as_py() or 0
