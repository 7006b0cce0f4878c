"""Predictions as rows of CSV, JSON Lines or Parquet; a file appears when it is whole."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from seqwise.data.labels import Labels
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.predictor import PredictedBlock

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


class Writer(ABC):
    """Writes the rows of one block after the other.

    Columns: `label`, `probability`, `problem`, and on request a probability for each class, named
    ``probability:CLASS``. Where a record has a problem, the others are empty.
    """

    def __init__(self, labels: Labels, *, probabilities: bool) -> None:
        self.labels = labels
        self.class_columns = (
            [f"probability:{name}" for name in labels.names] if probabilities else []
        )
        self.columns = ["label", "probability", "problem", *self.class_columns]

    def write(self, block: PredictedBlock) -> None:
        """Write a row for each record of a block."""
        best = np.full(len(block.records), -1)
        best[block.usable] = block.probabilities[block.usable].argmax(axis=1)
        names = [*self.labels.names, None]  # -1 is None
        columns: dict[str, list[Any]] = {
            "label": [names[index] for index in best.tolist()],
            "probability": _floats(block.probabilities.max(axis=1)),
            "problem": [None if each is None else str(each) for each in block.problems],
        }
        for position, name in enumerate(self.class_columns):
            columns[name] = _floats(block.probabilities[:, position])
        self._write(columns)

    @abstractmethod
    def _write(self, columns: dict[str, list[Any]]) -> None:
        """Write columns of equal length."""

    def close(self) -> None:
        """Write what belongs at the end; nothing, for formats of lines."""
        return


class CsvWriter(Writer):
    """Rows of CSV; what is missing is empty."""

    def __init__(self, file: IO[str], labels: Labels, *, probabilities: bool) -> None:
        super().__init__(labels, probabilities=probabilities)
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(self.columns)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        self._rows.writerows(zip(*columns.values(), strict=True))


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


class ParquetWriter(Writer):
    """A row group a block; what is missing is null."""

    def __init__(self, path: Path, labels: Labels, *, probabilities: bool) -> None:
        super().__init__(labels, probabilities=probabilities)
        kinds = {"label": pa.string(), "problem": pa.string()}
        self._schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in self.columns])
        self._file = pq.ParquetWriter(path, self._schema)

    @override
    def _write(self, columns: dict[str, list[Any]]) -> None:
        self._file.write_table(pa.table(columns, schema=self._schema))

    @override
    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def open_writer(
    out: str | None,
    stream_format: str,
    labels: Labels,
    *,
    probabilities: bool,
    overwrite: bool,
) -> Iterator[Writer]:
    """Open a writer on a file that takes its place when all is written, or on standard output.

    Parameters
    ----------
    out
        A path that ends in .csv, .jsonl or .parquet; None is standard output.
    stream_format
        ``csv`` or ``jsonl``, for standard output.
    labels
        The classes of the model.
    probabilities
        Whether each class gets a column.
    overwrite
        Whether `out` may exist.

    Raises
    ------
    DataError
        If `out` exists, has another ending, or cannot be written.
    """
    if out is None:
        yield _text_writer(sys.stdout, stream_format, labels, probabilities=probabilities)
        return
    path = Path(out)
    form = _check_target(path, overwrite=overwrite)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    staging = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            if form == "parquet":
                writer: Writer = ParquetWriter(staging, labels, probabilities=probabilities)
            else:
                writer = _text_writer(file, form, labels, probabilities=probabilities)
            yield writer
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        staging.chmod(0o644)
        staging.replace(path)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    finally:
        staging.unlink(missing_ok=True)


def _text_writer(file: IO[str], form: str, labels: Labels, *, probabilities: bool) -> Writer:
    kind = CsvWriter if form == "csv" else JsonLinesWriter
    return kind(file, labels, probabilities=probabilities)


def _check_target(path: Path, *, overwrite: bool) -> str:
    form = ENDINGS.get(path.suffix.lower())
    if form is None:
        found = f"the ending {excerpt(path.suffix)}"
        expected = "one of " + ", ".join(ENDINGS)
        raise DataError(
            Problem(Code.UNKNOWN_FORMAT, found, expected, "rename it (-o)", path=str(path))
        )
    if path.exists() and not (overwrite and path.is_file()):
        remedy = "add --overwrite" if path.is_file() else "name a file"
        raise DataError(
            Problem(Code.OUTPUT_EXISTS, "it exists", "a new file", remedy, path=str(path))
        )
    return form


def _unwritable(path: Path, reason: str) -> DataError:
    expected = "a place that can be written"
    return DataError(
        Problem(Code.OUTPUT_UNWRITABLE, reason, expected, "name another (-o)", path=str(path))
    )


def _floats(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
