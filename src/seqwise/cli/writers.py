"""Predictions as rows of CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from seqwise.batch_predictor import result_schema
from seqwise.predictor import PredictedBlock
from seqwise.results import ResultColumns


class Writer(ABC):
    """Writes the rows of one block after the other.

    Parameters
    ----------
    columns
        What is said of each record.
    """

    def __init__(self, columns: ResultColumns) -> None:
        self.columns = columns

    def write(self, block: PredictedBlock) -> None:
        """Write a row for each record of a block."""
        self._write(self.columns.fill(block))

    @abstractmethod
    def _write(self, columns: dict[str, list[Any]]) -> None:
        """Write columns of equal length."""

    @abstractmethod
    def close(self) -> None:
        """Write what belongs at the end, and close the file."""


class _RowsOfLines:
    """Takes rows that end in CR and LF, so that a CR in a cell is quoted, and ends them in LF."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


class CsvWriter(Writer):
    """Rows of CSV; what is missing is empty, several labels are joined."""

    def __init__(self, file: IO[str], columns: ResultColumns, *, header: bool = True) -> None:
        super().__init__(columns)
        columns.check_joined()
        self._file = file
        self._rows = csv.writer(_RowsOfLines(file))
        if header:
            self._rows.writerow(self.columns.names)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        if "labels" in columns:
            columns |= {"labels": list(map(self.columns.join, columns["labels"]))}
        self._rows.writerows(zip(*columns.values(), strict=True))

    @override
    def close(self) -> None:
        self._file.close()


class JsonLinesWriter(Writer):
    """An object a line; what is missing is null."""

    def __init__(self, file: IO[str], columns: ResultColumns) -> None:
        super().__init__(columns)
        self._file = file

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        for row in zip(*columns.values(), strict=True):
            line = json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
            self._file.write(line + "\n")

    @override
    def close(self) -> None:
        self._file.close()


class ParquetWriter(Writer):
    """A row group a block; what is missing is null."""

    def __init__(self, path: Path, columns: ResultColumns) -> None:
        super().__init__(columns)
        self._schema = result_schema(columns)
        self._file = pq.ParquetWriter(path, self._schema)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        self._file.write_table(pa.table(columns, schema=self._schema))

    @override
    def close(self) -> None:
        self._file.close()


def stream_writer(file: IO[str], form: str, columns: ResultColumns) -> Writer:
    """Open a writer of ``csv`` or ``jsonl`` on a stream that is open already."""
    kind = CsvWriter if form == "csv" else JsonLinesWriter
    return kind(file, columns)


@dataclass(frozen=True)
class Form:
    """How predictions are written to a file, in one piece or in parts to be joined.

    Parameters
    ----------
    name
        ``csv``, ``jsonl`` or ``parquet``.
    columns
        What is said of each record.
    """

    name: str
    columns: ResultColumns

    def open(self, path: Path, *, first: bool) -> Writer:
        """Open a writer on a new file; only the first part has the names of the columns.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self.name == "parquet":
            return ParquetWriter(path, self.columns)
        file = path.open("w", encoding="utf-8", newline="")
        if self.name == "csv":
            return CsvWriter(file, self.columns, header=first)
        return JsonLinesWriter(file, self.columns)

    def join(self, parts: Sequence[Path], target: Path) -> None:
        """Write the file that one writer would have written, given all the blocks.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self.name == "parquet":
            _join_parquet(parts, target)
            return
        with target.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file)


def _join_parquet(parts: Sequence[Path], target: Path) -> None:
    with pq.ParquetWriter(target, pq.read_schema(parts[0])) as writer:
        for part in parts:
            with pq.ParquetFile(part) as source:
                for number in range(source.num_row_groups):
                    # In one piece, as it was written first: pages are cut piece by piece.
                    writer.write_table(source.read_row_group(number).combine_chunks())
