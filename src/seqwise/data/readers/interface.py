"""What every reader is given, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from seqwise.errors import Problem

if TYPE_CHECKING:
    from seqwise.data.readers.fasta import LabelTable

RawSequence = str | list[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence of a file, as it was found.

    Parameters
    ----------
    sequence
        A string, a list, or an array ``(time,)`` or ``(time, channels)``. None where `problem`
        says why there is none.
    label
        The label as a string, or None where the file has none for this record. Where a record may
        bear any number of labels, a tuple of all of them, each once and in order.
    number
        Position in the file, from 1.
    line
        Physical line where the record begins, from 1, for the formats that have lines.
    problem
        What is wrong with this record. The reader goes on with the next one.
    path
        Its file, where several are read as one.
    """

    sequence: RawSequence | None
    label: str | tuple[str, ...] | None
    number: int
    line: int | None = None
    problem: Problem | None = None
    path: str | None = None

    def of_file(self, path: str) -> Record:
        """Say of a record from which of several files it is."""
        return Record(self.sequence, self.label, self.number, self.line, self.problem, path)

    def place(self, problem: Problem, path: str | None, column: str | None = None) -> Problem:
        """Say where a problem of this record is, of a file `path` unless it says otherwise."""
        return problem.at(path=self.path or path, line=self.line, record=self.number, column=column)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks of a file.

    Parameters
    ----------
    sequence, label
        Names of columns, or None to find them.
    labels_from
        A second table with the labels of FASTA files.
    label_required
        Whether a record without a label is a bad record.
    label_separator
        What stands between the labels of a cell; None where a cell holds one label, or a list.
    """

    sequence: str | None = None
    label: str | None = None
    labels_from: LabelTable | None = None
    label_required: bool = True
    label_separator: str | None = None


class RecordReader(Protocol):
    """A reader of one format: knows its columns at once, opens the file anew for each iteration."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns, or None for a format without."""

    @property
    def sequence_column(self) -> str | None:
        """Name of the column that holds the sequences."""

    @property
    def label_column(self) -> str | None:
        """Name of the column that holds the labels, or None where there is none."""

    @property
    def multilabel(self) -> bool:
        """Whether a record may bear any number of labels."""

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
