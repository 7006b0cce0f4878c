"""The way from a path to a stream of records."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from seqwise.data.kinds import Kind, check_sequence
from seqwise.data.readers.columns import LABEL_NAMES, SEQUENCE_NAMES
from seqwise.data.readers.delimited import DelimitedReader, find_delimiter
from seqwise.data.readers.fasta import FastaReader, LabelTable
from seqwise.data.readers.folder import FolderReader
from seqwise.data.readers.interface import RawSequence, Record, RecordReader, Wanted
from seqwise.data.readers.jsonl import JsonLinesReader
from seqwise.data.readers.lines import LinesReader
from seqwise.data.readers.source import Source
from seqwise.data.readers.timeseries import TimeSeriesReader
from seqwise.errors import Code, ConfigError, DataError, Problem, excerpt

__all__ = ["FORMATS", "RawSequence", "Record", "RecordFile", "check_records", "read_records"]

# Programs that pack, and how what they write begins.
PACKED = {
    "zip": rb"PK\x03\x04",
    "bzip2": rb"BZh[1-9]1AY&",
    "xz": rb"\xfd7zXZ\0",
    "zstd": rb"\x28\xb5\x2f\xfd",
}
FORMATS = ("csv", "tsv", "jsonl", "parquet", "fasta", "ts", "folder", "lines")

WITH_SEPARATOR = ("csv", "tsv", "jsonl", "parquet", "fasta")
FORMAT_BY_ENDING = {
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
    "fasta": "fasta",
    "fa": "fasta",
    "fna": "fasta",
    "faa": "fasta",
    "ts": "ts",
    "txt": "lines",
}
_TS_TAG = re.compile(
    r"@(problemname|timestamps|missing|univariate|dimensions?|equallength|serieslength"
    r"|classlabel|targetlabel|data)\b",
    re.IGNORECASE,
)
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class RecordFile:
    """A file of records; each iteration reads it anew, a record at a time.

    Standard input and pipes can be read once.

    Parameters
    ----------
    path
        The file, as the user named it.
    format
        One of `FORMATS`.
    columns
        Names of all columns, or None for a format without.
    sequence_column, label_column
        Names of the columns in use.
    multilabel
        Whether a record may bear any number of labels.
    once
        Whether it can be read only once.
    """

    path: str
    format: str
    columns: tuple[str, ...] | None
    sequence_column: str | None
    label_column: str | None
    multilabel: bool
    once: bool
    _reader: RecordReader = field(repr=False)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order, each with its sequence as it was found.

        Raises
        ------
        DataError
            `no-records`, and what makes it impossible to read on: `bad-gzip`, `bad-format`.
        """
        records = iter(self._reader)
        first = next(records, None)
        if first is None:
            raise DataError(
                Problem(
                    Code.NO_RECORDS,
                    "no records" if self.columns is None else "no records after the header",
                    "at least one",
                    "check how the file was written",
                    path=self.path,
                )
            )
        return chain((first,), records)

    def checked(self, kind: Kind, *, start: int = 0) -> Iterator[Record]:
        """Read the records with each sequence in the form of its kind.

        Parameters
        ----------
        kind
            What the sequences are meant to be.
        start
            Records at the beginning to pass over; they are read, and not looked at.

        Yields
        ------
        Record
            With the sequence that `check_sequence` gives, or without one and with a `problem`
            that says where it is.
        """
        records = islice(self, start, None)
        return check_records(records, kind, path=self.path, column=self.sequence_column)


def check_records(
    records: Iterable[Record], kind: Kind, *, path: str | None = None, column: str | None = None
) -> Iterator[Record]:
    """Bring the sequence of each record to the form of its kind.

    Parameters
    ----------
    records
        As readers give them, or made from Python objects.
    kind
        What the sequences are meant to be.
    path, column
        Where they come from, for messages.

    Yields
    ------
    Record
        With the sequence that `check_sequence` gives, or without one and with a `problem` that
        says where it is.
    """
    for record in records:
        if record.problem is not None:
            yield record
            continue
        sequence = check_sequence(record.sequence, kind)
        if sequence is record.sequence:
            yield record
        elif isinstance(sequence, Problem):
            yield replace(record, sequence=None, problem=record.place(sequence, path, column))
        else:
            yield replace(record, sequence=sequence)


def read_records(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word of the command line, --format
    sequence: str | None = None,
    label: str | None = None,
    labels_from: str | os.PathLike[str] | None = None,
    label_required: bool = True,
    label_separator: str | None = None,
) -> RecordFile:
    """Open a file of records.

    Columns and labels are found at once, so that what is wrong with the file as a whole is known
    before the first record is read. A record that is bad has a `problem`; the others are not
    affected. Labels are strings: in JSON Lines and Parquet, 1 and 1.0 become "1", and True "true".

    Parameters
    ----------
    path
        A file (packed with gzip or not), a folder, or "-" for standard input.
    format
        One of `FORMATS`; None to go by the ending of the name, or else by the first bytes.
    sequence, label
        Columns of CSV, TSV, JSON Lines and Parquet; None to find them by their names. Formats
        without columns do not use them, apart from `label` in the table `labels_from`.
    labels_from
        For FASTA: a CSV or TSV file of ids and labels.
    label_required
        Whether a record without a label is a bad one. If not, a label that cannot be used is None.
    label_separator
        What stands between the labels of a cell, where a record may bear any number of them and
        they are written in one string. Columns of lists are recognised without it.

    Returns
    -------
    RecordFile
        To be iterated over.

    Raises
    ------
    DataError
        For a file that cannot be used as a whole.
    ConfigError
        `bad-setting` for an unknown `format`, for `labels_from` with another format than FASTA, and
        for a `label_separator` that is empty, or with a format that has no cells.
    """
    table = None
    if labels_from is not None:
        table = LabelTable(os.fspath(labels_from), label, label_separator)
    wanted = Wanted(sequence, label, table, label_required, label_separator)
    return open_records(os.fspath(path), wanted, format)


def open_records(path: str, wanted: Wanted, format_name: str | None) -> RecordFile:
    """Open a file of records, as `read_records` does, with wishes that several files may share."""
    if format_name is not None and format_name not in FORMATS:
        found = f"format {excerpt(format_name)}"
        raise ConfigError(_bad_setting(found, f"one of {', '.join(FORMATS)}"))
    source = Source(path)
    if not source.is_folder:
        _look_at_start(source)
    chosen = format_name or _guess_format(source, wanted.sequence)
    if source.is_folder != (chosen == "folder"):
        found = "a folder" if source.is_folder else "a file"
        expected = f"a file of the format {chosen}" if source.is_folder else "a folder"
        remedy = "name another path or format (--format)"
        raise DataError(Problem(Code.FILE_UNREADABLE, found, expected, remedy, path=path))
    if wanted.labels_from is not None and chosen != "fasta":
        raise ConfigError(_bad_setting(f"a table of labels for the format {chosen}", "FASTA"))
    if wanted.label_separator is not None and chosen not in WITH_SEPARATOR:
        found = f"a separator of labels for the format {chosen}"
        raise ConfigError(_bad_setting(found, f"one of {', '.join(WITH_SEPARATOR)}"))
    reader = _open_reader(chosen, source, wanted)
    return RecordFile(
        path,
        chosen,
        reader.columns,
        reader.sequence_column,
        reader.label_column,
        reader.multilabel,
        source.is_pipe,
        reader,
    )


def _bad_setting(found: str, expected: str) -> Problem:
    return Problem(Code.BAD_SETTING, found, expected, "change or leave out the setting")


def _look_at_start(source: Source) -> None:
    """Refuse what is empty, and what another program has packed."""
    with source.preview() as stream:
        start = stream.peek(8)
    if not start:
        found, remedy = "nothing at all", "check how the file was written"
        raise DataError(Problem(Code.FILE_EMPTY, found, "records", remedy, path=source.path))
    packed_by = next((name for name, mark in PACKED.items() if re.match(mark, start)), None)
    if packed_by is not None:
        found, expected = f"data packed by {packed_by}", "plain data, or packed by gzip"
        problem = Problem(Code.UNKNOWN_FORMAT, found, expected, "unpack it first", path=source.path)
        raise DataError(problem)


def _open_reader(format_name: str, source: Source, wanted: Wanted) -> RecordReader:
    if format_name == "parquet":
        # The one import inside a function: pyarrow takes longer than all the rest together.
        from seqwise.data.readers.parquet import ParquetReader  # noqa: PLC0415

        return ParquetReader(source, wanted)
    return _READERS[format_name](source, wanted)


_READERS: dict[str, Callable[[Source, Wanted], RecordReader]] = {
    "csv": partial(DelimitedReader, delimiter=","),
    "tsv": partial(DelimitedReader, delimiter="\t"),
    "jsonl": JsonLinesReader,
    "fasta": FastaReader,
    "ts": TimeSeriesReader,
    "folder": FolderReader,
    "lines": LinesReader,
}


def _guess_format(source: Source, sequence: str | None) -> str:
    if source.is_folder:
        return "folder"
    name = source.path.lower().removesuffix(".gz")
    by_ending = FORMAT_BY_ENDING.get(name.rpartition(".")[2])
    if by_ending is not None:
        return by_ending
    with source.preview() as stream:
        head = _first_line(stream) if source.is_pipe else stream.read(_HEAD_BYTES)
    by_content = _guess_from_head(head, sequence)
    if by_content is None and not source.is_pipe:
        found = f"a file that begins with {excerpt(head[:80])}"
        expected = f"a name that ends in one of .{' .'.join(FORMAT_BY_ENDING)}"
        remedy = f"name the format (--format {'|'.join(FORMATS)})"
        raise DataError(Problem(Code.UNKNOWN_FORMAT, found, expected, remedy, path=source.path))
    return by_content or "lines"


def _first_line(stream: io.BufferedReader[Any]) -> bytes:
    """Read a pipe up to the first line that is no comment; what comes after may take its time."""
    head = line = stream.readline(_HEAD_BYTES)
    while line.startswith(b"#") and len(head) < _HEAD_BYTES:
        line = stream.readline(_HEAD_BYTES)
        head += line
    return head


def _guess_from_head(head: bytes, sequence: str | None) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("{"):
        return "jsonl"
    if first.startswith(">"):
        return "fasta"
    told = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if _TS_TAG.match(told):
        return "ts"
    delimiter = find_delimiter(first, preferred=None)
    columns = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    known = {name.casefold() for name in columns} & (SEQUENCE_NAMES | LABEL_NAMES)
    if sequence in columns or (sequence is None and len(columns) > 1 and known):
        return "tsv" if delimiter == "\t" else "csv"
    return None
