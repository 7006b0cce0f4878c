"""From the two cells of a row to a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqwise.data.readers.interface import RawSequence, Record
from seqwise.data.readers.label_form import LabelForm
from seqwise.data.readers.values import MEND, check_text, describe, is_missing
from seqwise.errors import Code, Problem


@dataclass(frozen=True, slots=True)
class RowCheck:
    """Makes the records of one table.

    Parameters
    ----------
    path
        The table, for messages.
    sequence_column, label_column
        Names of the columns; no label where there is no such column.
    labels
        How labels are read.
    """

    path: str
    sequence_column: str
    label_column: str | None
    labels: LabelForm

    def record(
        self, sequence: object, label: object, number: int, line: int | None = None
    ) -> Record:
        """Make a record, with a problem where a cell is missing or broken."""
        sequence = _check_sequence(sequence)
        if isinstance(sequence, Problem):
            return self.bad(sequence, number, line, self.sequence_column)
        if self.label_column is None:
            return Record(sequence, None, number, line)
        checked = self.labels.read(label)
        if isinstance(checked, Problem):
            return self.bad(checked, number, line, self.label_column)
        return Record(sequence, checked, number, line)

    def bad(
        self, problem: Problem, number: int, line: int | None = None, column: str | None = None
    ) -> Record:
        """Make a record of a problem."""
        problem = problem.at(path=self.path, line=line, record=number, column=column)
        return Record(None, None, number, line, problem)


def _check_sequence(value: object) -> RawSequence | Problem:
    if isinstance(value, str):
        return check_text(value) or value
    if isinstance(value, list | np.ndarray):
        return value
    if is_missing(value):
        return Problem(Code.MISSING_SEQUENCE, "no value", "a sequence", MEND)
    return Problem(Code.WRONG_TYPE, describe(value), "a string or a list", "choose another column")
