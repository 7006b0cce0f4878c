"""Many files of records as one data set: several paths, or a folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from seqwise.data.kinds import Kind
from seqwise.data.readers.fasta import LabelTable
from seqwise.data.readers.interface import Wanted
from seqwise.data.records import FORMAT_BY_ENDING, Record, RecordFile, check_records, open_records
from seqwise.errors import Code, DataError, Problem, excerpt

LEFT_OUT = (".", "_")  # names that begin so say something of the data, and hold none
TABLES = tuple(ending for ending, name in FORMAT_BY_ENDING.items() if name != "lines")
ENDINGS = tuple(f".{ending}{packed}" for ending in TABLES for packed in ("", ".gz"))


@dataclass(frozen=True)
class RecordFiles:
    """Several files as one, in their order; each record keeps its number in its own file.

    Parameters
    ----------
    files
        One or more. One without records, such as engines leave behind, is passed over.
    """

    files: tuple[RecordFile, ...]

    @property
    def path(self) -> str:
        """The files, as a person would call them."""
        others = len(self.files) - 1
        return self.files[0].path + (f" and {others:,} more" if others else "")

    @property
    def format(self) -> str:
        """The formats of the files."""
        return ", ".join(dict.fromkeys(file.format for file in self.files))

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns of the first file."""
        return self.files[0].columns

    @property
    def sequence_column(self) -> str | None:
        """Name of the column of sequences in all files."""
        return self.files[0].sequence_column

    @property
    def label_column(self) -> str | None:
        """Name of the column of labels in all files."""
        return self.files[0].label_column

    @property
    def multilabel(self) -> bool:
        """Whether a record of the first file may bear any number of labels."""
        return self.files[0].multilabel

    @property
    def once(self) -> bool:
        """Whether one of them can be read only once."""
        return any(file.once for file in self.files)

    def by_file(self) -> Iterator[tuple[RecordFile, Iterable[Record]]]:
        """Give each file, and what reads its records as they were found."""
        return ((file, _records_of(file)) for file in self.files)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order, each with its sequence as it was found.

        Raises
        ------
        DataError
            `no-records` where no file has any, and as `RecordFile`.
        """
        is_empty = True
        for file, records in self.by_file():
            for record in records:
                is_empty = False
                yield record.of_file(file.path)
        if is_empty:
            expected, remedy = "at least one", "check how the files were written"
            problem = Problem(Code.NO_RECORDS, "no records", expected, remedy, path=self.path)
            raise DataError(problem)

    def checked(self, kind: Kind, *, start: int = 0) -> Iterator[Record]:
        """Read the records with each sequence in the form of its kind, as `RecordFile` does."""
        return check_records(islice(self, start, None), kind, column=self.sequence_column)


def read_collection(
    paths: Sequence[str | os.PathLike[str]],
    *,
    format: str | None = None,  # noqa: A002 - as in `read_records`
    sequence: str | None = None,
    label: str | None = None,
    labels_from: str | os.PathLike[str] | None = None,
    label_required: bool = True,
    label_separator: str | None = None,
) -> RecordFile | RecordFiles:
    """Open one or more files of records as one.

    Parameters
    ----------
    paths
        Files, and folders of files that stand for these in the order of their names. A folder that
        holds folders is one of `label/*.txt`.
    format, sequence, label, labels_from, label_required, label_separator
        As in `read_records`. Where columns are found by their names, those of the first file are
        those of all.

    Returns
    -------
    RecordFile or RecordFiles
        To be iterated over.

    Raises
    ------
    DataError, ConfigError
        As `read_records`; `bad-format` for anything else in a folder of files.
    """
    files = [file for path in paths for file in _expand(os.fspath(path), format)]
    table = None
    if labels_from is not None:
        table = LabelTable(os.fspath(labels_from), label, label_separator)
    wanted = Wanted(sequence, label, table, label_required, label_separator)
    first = open_records(files[0], wanted, format)
    if len(files) == 1:
        return first
    wanted = replace(
        wanted, sequence=first.sequence_column or sequence, label=first.label_column or label
    )
    return RecordFiles((first, *(open_records(file, wanted, format) for file in files[1:])))


def _expand(path: str, format_name: str | None) -> list[str]:
    """List the files of a folder that holds files; a path of another sort stands for itself."""
    if format_name == "folder" or not os.path.isdir(path):
        return [path]
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        return [path]  # the reader says what is wrong
    entries = [entry for entry in entries if not entry.name.startswith(LEFT_OUT)]
    endings = ENDINGS if format_name is None else ("",)

    def is_meant(entry: os.DirEntry[str]) -> bool:
        return entry.is_file() and entry.name.lower().endswith(endings)

    files = [entry.path for entry in entries if is_meant(entry)]
    if not files or any(entry.is_dir() for entry in entries):
        return [path]
    stray = next((entry for entry in entries if not is_meant(entry)), None)
    if stray is not None:
        found = f"a file {excerpt(stray.name)} beside files of records"
        expected, remedy = f"files that end in {' '.join(TABLES)}", "move it away"
        raise DataError(Problem(Code.BAD_FORMAT, found, expected, remedy, path=path))
    return files


def _records_of(file: RecordFile) -> Iterable[Record]:
    try:
        yield from file
    except DataError as error:
        if error.code is not Code.NO_RECORDS:
            raise
