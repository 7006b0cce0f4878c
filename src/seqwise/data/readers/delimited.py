"""CSV and TSV, row by row, with the lines of the file itself."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from seqwise.data.readers.columns import SEQUENCE_NAMES, choose_columns
from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.label_form import LabelForm
from seqwise.data.readers.rows import RowCheck
from seqwise.data.readers.source import LONGEST_RECORD, Source
from seqwise.data.readers.values import MEND, check_text, counted
from seqwise.errors import Code, DataError, Problem, excerpt

MOST_LABELS = 10_000


class _CellLimit:
    """Lets long cells through while at least one table is being read.

    The limit of the csv module (131,072 characters) belongs to the process, and a single sequence
    is often longer. The first table being read raises it and the last one puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_tables = 0
        self._usual = 0

    @contextmanager
    def raised(self) -> Iterator[None]:
        with self._lock:
            if not self._num_tables:
                self._usual = csv.field_size_limit(LONGEST_RECORD)
            self._num_tables += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_tables -= 1
                if not self._num_tables:
                    csv.field_size_limit(self._usual)


_cell_limit = _CellLimit()


def find_delimiter(header: str, preferred: str | None) -> str:
    r"""Decide what separates the columns from the header line.

    Parameters
    ----------
    header
        The first line of the table.
    preferred
        What the name of the file says, or None. It wins where the header has it.

    Examples
    --------
    >>> find_delimiter("text;label", preferred=",")
    ';'
    >>> find_delimiter("text\tlabel, if any", preferred=None)
    '\t'
    """
    if preferred is not None and preferred in header:
        return preferred
    # Tabs and semicolons are rarer than commas inside a name, so they speak more clearly.
    found = next((delimiter for delimiter in "\t;," if delimiter in header), None)
    return found or preferred or ","


class DelimitedReader:
    r"""Reader of CSV (``delimiter=","``) and TSV (``delimiter="\t"``).

    Quoting is that of RFC 4180: a quoted cell may hold delimiters, line ends and doubled quotes.
    Only the two columns that are used are checked for broken text. Blank lines are skipped.

    Parameters
    ----------
    source
        The file.
    wanted
        The columns the user named.
    delimiter
        What the name of the file says, or None.
    sequence_names
        Names that tell the column of the sequences.

    Raises
    ------
    DataError
        `file-empty`, `not-utf8`, `nul-byte`, `duplicate-header`, `column-missing` and
        `column-unclear` at once; while reading, `bad-format` for a quote that is never closed, or
        in a line below with more behind it, and `too-long` for a row without end.
    """

    def __init__(
        self,
        source: Source,
        wanted: Wanted,
        delimiter: str | None = None,
        sequence_names: frozenset[str] = SEQUENCE_NAMES,
    ) -> None:
        self._source = source
        with source.preview_text() as lines:
            self._header_line, first = self._first_line(lines)
        self.delimiter = find_delimiter(first, delimiter)
        self.columns: tuple[str, ...] = self._header()
        self.sequence_column, self.label_column = choose_columns(
            self.columns, wanted, source.path, self._header_line, sequence_names
        )
        separator = wanted.label_separator
        self.multilabel = separator is not None
        labels = LabelForm(wanted.label_required, self.multilabel, separator)
        self._check = RowCheck(source.path, self.sequence_column, self.label_column, labels)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        width = len(self.columns)
        sequence_at = self.columns.index(self.sequence_column)
        label_at = None if self.label_column is None else self.columns.index(self.label_column)
        # What cells were found to say; there are few different ones.
        known: dict[str | None, str | tuple[str, ...] | None] = {None: None}
        with self._source.open_text() as lines, _cell_limit.raised():
            rows = self._rows(lines)
            next(rows)  # the header
            for number, (line, row) in enumerate(rows, 1):
                if isinstance(row, Problem) or len(row) != width:
                    yield self._broken(row, number, line)
                    continue
                sequence = row[sequence_at]
                cell = None if label_at is None else row[label_at]
                if cell in known and sequence.isascii() and "\x00" not in sequence:
                    yield Record(sequence, known[cell], number, line)
                    continue
                record = self._check.record(sequence, cell, number, line)
                if record.label is not None and len(known) < MOST_LABELS:
                    known[cell] = record.label
                yield record

    def _first_line(self, lines: Iterable[str]) -> tuple[int, str]:
        for number, line in enumerate(lines, 1):
            if line.rstrip("\r\n"):
                return number, line
        raise DataError(
            Problem(
                Code.FILE_EMPTY,
                "nothing at all",
                "a header line and a line for each record",
                "check how the file was written",
                path=self._source.path,
            )
        )

    def _header(self) -> tuple[str, ...]:
        with self._source.preview_text() as lines, _cell_limit.raised():
            _, columns = next(self._rows(lines))
        if isinstance(columns, Problem):
            raise DataError(columns.at(path=self._source.path, line=self._header_line))
        problem = check_text("".join(columns))
        if problem is not None:
            raise DataError(problem.at(path=self._source.path, line=self._header_line))
        return tuple(name.strip() for name in columns)

    def _rows(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str] | Problem]]:
        """Give each row with the line where it begins; blank lines are left out."""
        size = 0  # of the row so far, which may go over many lines

        def measured() -> Iterator[str]:
            nonlocal size
            for text in lines:
                size += len(text)
                if size > LONGEST_RECORD:
                    raise self._source.too_long(line)
                yield text

        rows = csv.reader(measured(), delimiter=self.delimiter, strict=True)
        line = 1
        while True:
            try:
                for row in rows:
                    if row:
                        yield line, row
                    line, size = rows.line_num + 1, 0
                return
            except csv.Error as error:
                # The csv module goes on with the next line after an error of its own.
                yield line, self._misquoted(error, line, rows.line_num)
                line, size = rows.line_num + 1, 0

    def _misquoted(self, error: csv.Error, first: int, last: int) -> Problem:
        """Say what is wrong; of more than one line nobody knows how many records they are."""
        if "unexpected end" in str(error):
            found = f"a quote that opens here and swallows the rest of the file, to line {last:,}"
            remedy = "close the quote, or double it if it is part of the text"
            expected = "a closing quote"
        else:
            found = "a quoted cell that goes on after its closing quote"
            expected, remedy = "cells as in RFC 4180", "double the quotes inside a quoted cell"
            if last == first:
                return Problem(Code.BAD_FORMAT, found, expected, remedy)
            found += f", to line {last:,}"
            remedy += ", or close the quote that opens here"
        problem = Problem(Code.BAD_FORMAT, found, expected, remedy)
        raise DataError(problem.at(path=self._source.path, line=first)) from None

    def _broken(self, row: list[str] | Problem, number: int, line: int) -> Record:
        if isinstance(row, Problem):
            return self._check.bad(row, number, line)
        problem = Problem(
            Code.RAGGED_ROW,
            f"{counted(len(row), 'cell')}, the last {excerpt(row[-1])}",
            f"{len(self.columns)} cells, as in the header",
            f"quote cells that hold {excerpt(self.delimiter)}, or {MEND}",
        )
        return self._check.bad(problem, number, line)
