"""Plain lines: one sequence a line, no header and no label."""

from __future__ import annotations

from collections.abc import Iterator

from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.source import Source
from seqwise.data.readers.values import check_text
from seqwise.errors import Code, DataError, Problem


class LinesReader:
    """Reader of plain lines, for prediction.

    Every line is a record, an empty one too: the records stay in step with the lines.

    Parameters
    ----------
    source
        The file.
    wanted
        Whether a label is required.

    Raises
    ------
    DataError
        `missing-label` where labels are required.
    """

    columns: tuple[str, ...] | None = None
    sequence_column: str | None = None
    label_column: str | None = None
    multilabel = False

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        if wanted.label_required:
            raise DataError(
                Problem(
                    Code.MISSING_LABEL,
                    "plain lines, which have no labels",
                    "a label for each sequence",
                    "use a table with a label column, or name another format (--format)",
                    path=source.path,
                )
            )

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        with self._source.open_text() as lines:
            for number, line in enumerate(lines, 1):
                sequence = line.rstrip("\r\n")
                problem = check_text(sequence)
                if problem is None:
                    yield Record(sequence, None, number, number)
                else:
                    problem = problem.at(path=self._source.path, line=number, record=number)
                    yield Record(None, None, number, number, problem)
