"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from seqwise.data.readers.columns import SEQUENCE_NAMES, choose_columns
from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.label_form import LabelForm
from seqwise.data.readers.rows import RowCheck
from seqwise.data.readers.source import Source
from seqwise.data.readers.values import MEND, check_text
from seqwise.errors import Code, DataError, Problem, excerpt

MOST_BAD_LINES = 100  # before the first object
HEAD_LINES = 100  # that tell the keys, and whether labels are lists


class JsonLinesReader:
    """Reader of JSON Lines; the columns are the keys of the first object.

    Where they do not tell what the columns are, more objects are looked at, but not in a pipe.
    Where the first label is a list, each record may bear any number of labels.

    Parameters
    ----------
    source
        The file.
    wanted
        The columns the user named.

    Raises
    ------
    DataError
        `file-empty`, `bad-json` where no line is an object, `column-missing` and `column-unclear`.
    """

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        with source.preview_text() as lines:
            line, first = self._first_object(lines)
        self.columns, self.sequence_column, self.label_column = self._choose(first, wanted, line)
        separator = wanted.label_separator
        self.multilabel = separator is not None or self._finds_lists(first)
        labels = LabelForm(wanted.label_required, self.multilabel, separator)
        self._check = RowCheck(source.path, self.sequence_column, self.label_column, labels)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        number = 0
        with self._source.open_text() as lines:
            for line_number, line in enumerate(lines, 1):
                if line.isspace():
                    continue
                number += 1
                row = _parse(line)
                if isinstance(row, Problem):
                    yield self._check.bad(row, number, line_number)
                    continue
                label = row.get(self.label_column) if self.label_column is not None else None
                yield self._check.record(row.get(self.sequence_column), label, number, line_number)

    def _choose(
        self, first: dict[str, Any], wanted: Wanted, line: int
    ) -> tuple[tuple[str, ...], str, str | None]:
        """Choose by the keys of the first object, or of those behind it, if it may lack some."""
        narrow = tuple(first)
        failure = None
        try:
            chosen = (narrow, *choose_columns(narrow, wanted, self._source.path, line))
            if chosen[1].casefold() in SEQUENCE_NAMES or wanted.sequence is not None:
                return chosen
        except DataError as error:
            failure = error
        wide = tuple(dict.fromkeys(chain(narrow, *self._head())))
        try:
            return wide, *choose_columns(wide, wanted, self._source.path, line)
        except DataError:
            if failure is not None:
                raise
            return chosen

    def _finds_lists(self, first: dict[str, Any]) -> bool:
        """Tell whether the first label is a list."""
        column = self.label_column
        if column is None:
            return False
        found = (row.get(column) for row in chain((first,), self._head()))
        return isinstance(next((each for each in found if each is not None), None), list)

    def _head(self) -> Iterator[dict[str, Any]]:
        """Read the first objects; of a pipe one is all there is as yet."""
        if self._source.is_pipe:
            return
        with self._source.preview_text() as lines:
            rows = map(_parse, islice(lines, HEAD_LINES))
            yield from (row for row in rows if isinstance(row, dict))

    def _first_object(self, lines: Iterable[str]) -> tuple[int, dict[str, Any]]:
        num_bad = 0
        first_problem = None
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            value = _parse(line)
            if isinstance(value, dict):
                return number, value
            num_bad += 1
            first_problem = first_problem or value.at(path=self._source.path, line=number)
            if num_bad == MOST_BAD_LINES:
                break
        if first_problem is not None:
            raise DataError(first_problem)
        found, remedy = "nothing at all", "check how the file was written"
        raise DataError(
            Problem(Code.FILE_EMPTY, found, "a JSON object a line", remedy, path=self._source.path)
        )


def _parse(line: str) -> dict[str, Any] | Problem:
    problem = check_text(line)
    if problem is not None:
        return problem
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", None) or str(error)
        return _bad_json(f"{excerpt(line.strip())} ({reason})")
    return value if isinstance(value, dict) else _bad_json(excerpt(line.strip()))


def _bad_json(found: str) -> Problem:
    return Problem(Code.BAD_JSON, found, "one JSON object on one line", MEND)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; json itself keeps the last of two equal keys in silence."""
    row = dict(pairs)
    if len(row) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {excerpt(twice)} twice")
    return row
