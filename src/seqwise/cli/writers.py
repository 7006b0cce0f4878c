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
from seqwise.data.labels import Labels
from seqwise.predictor import PredictedBlock, result_columns


class Writer(ABC):
    """Writes the rows of one block after the other.

    Columns: `label`, `probability`, `problem`, and on request a probability for each class, named
    ``probability:CLASS``. Where a record has a problem, the others are empty.
    """

    def __init__(self, labels: Labels, *, probabilities: bool) -> None:
        self.labels = labels
        self.probabilities = probabilities
        self.columns = result_columns(labels, probabilities=probabilities)

    def write(self, block: PredictedBlock) -> None:
        """Write a row for each record of a block."""
        self._write(block.columns(self.labels, probabilities=self.probabilities))

    @abstractmethod
    def _write(self, columns: dict[str, list[Any]]) -> None:
        """Write columns of equal length."""

    @abstractmethod
    def close(self) -> None:
        """Write what belongs at the end, and close the file."""


class CsvWriter(Writer):
    """Rows of CSV; what is missing is empty."""

    def __init__(
        self, file: IO[str], labels: Labels, *, probabilities: bool, header: bool = True
    ) -> None:
        super().__init__(labels, probabilities=probabilities)
        self._file = file
        self._rows = csv.writer(file, lineterminator="\n")
        if header:
            self._rows.writerow(self.columns)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        self._rows.writerows(zip(*columns.values(), strict=True))

    @override
    def close(self) -> None:
        self._file.close()


class JsonLinesWriter(Writer):
    """An object a line; what is missing is null."""

    def __init__(self, file: IO[str], labels: Labels, *, probabilities: bool) -> None:
        super().__init__(labels, probabilities=probabilities)
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

    def __init__(self, path: Path, labels: Labels, *, probabilities: bool) -> None:
        super().__init__(labels, probabilities=probabilities)
        self._schema = result_schema(labels, probabilities=probabilities)
        self._file = pq.ParquetWriter(path, self._schema)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        self._file.write_table(pa.table(columns, schema=self._schema))

    @override
    def close(self) -> None:
        self._file.close()


def stream_writer(file: IO[str], form: str, labels: Labels, *, probabilities: bool) -> Writer:
    """Open a writer of ``csv`` or ``jsonl`` on a stream that is open already."""
    kind = CsvWriter if form == "csv" else JsonLinesWriter
    return kind(file, labels, probabilities=probabilities)


@dataclass(frozen=True)
class Form:
    """How predictions are written to a file, in one piece or in parts to be joined.

    Parameters
    ----------
    name
        ``csv``, ``jsonl`` or ``parquet``.
    labels
        The classes of the model.
    probabilities
        Whether each class gets a column.
    """

    name: str
    labels: Labels
    probabilities: bool

    def open(self, path: Path, *, first: bool) -> Writer:
        """Open a writer on a new file; only the first part has the names of the columns.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self.name == "parquet":
            return ParquetWriter(path, self.labels, probabilities=self.probabilities)
        file = path.open("w", encoding="utf-8", newline="")
        if self.name == "csv":
            return CsvWriter(file, self.labels, probabilities=self.probabilities, header=first)
        return JsonLinesWriter(file, self.labels, probabilities=self.probabilities)

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
