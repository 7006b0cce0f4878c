"""FASTA, record by record; labels stand in the headers or in a second table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from seqwise.data.readers.delimited import DelimitedReader
from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.label_form import LabelForm
from seqwise.data.readers.source import LONGEST_RECORD, Source
from seqwise.data.readers.values import MEND, check_text
from seqwise.errors import Code, DataError, Problem, excerpt

NAMED_LABEL = re.compile(r"(?:^|\s)label=(\S+)", re.IGNORECASE)
ID_NAMES = frozenset(["id", "name", "accession", "seqid", "seq_id", "sequence_id", "header"])


class FastaReader:
    """Reader of FASTA.

    The label is what follows the id in the header (``>id label``), or the word after ``label=`` in
    it (``>id label=promoter other=words``), or comes from a second table with a column of ids and
    one of labels. Sequences may be wrapped over lines; white space inside them and lines that begin
    with ``;`` are left out.

    Parameters
    ----------
    source
        The file.
    wanted
        Whether a label is required, and the table of labels.

    Raises
    ------
    DataError
        `file-empty`; `bad-format` where text comes before the first header; what reading the table
        of labels raises.
    """

    columns: tuple[str, ...] | None = None
    sequence_column: str | None = None
    label_column: str | None = None

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        separator = wanted.label_separator
        self.multilabel = separator is not None
        self._form = LabelForm(wanted.label_required, self.multilabel, separator)
        self._labels = None if wanted.labels_from is None else wanted.labels_from.labels
        with source.preview_text() as lines:
            self._check_start(lines)

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        number, first_line, header, size = 0, 0, "", 0
        parts: list[str] = []
        with self._source.open_text() as lines:
            for line_number, line in enumerate(lines, 1):
                if line.startswith(">"):
                    if number:
                        yield self._record(header, "".join(parts), number, first_line)
                    number, first_line, header, parts = number + 1, line_number, line[1:], []
                    size = 0
                elif not line.startswith(";"):
                    parts += line.split()
                    size += len(line)
                    if size > LONGEST_RECORD:
                        raise self._source.too_long(first_line)
        if number:
            yield self._record(header, "".join(parts), number, first_line)

    def _check_start(self, lines: Iterable[str]) -> None:
        for number, line in enumerate(lines, 1):
            if line.startswith(">"):
                return
            if not line.isspace() and not line.startswith(";"):
                found, remedy = (
                    excerpt(line.strip()),
                    "name the format if it is no FASTA (--format)",
                )
                expected = "a header that begins with >"
                raise DataError(
                    Problem(
                        Code.BAD_FORMAT,
                        found,
                        expected,
                        remedy,
                        path=self._source.path,
                        line=number,
                    )
                )
        found, remedy = "no record", "check how the file was written"
        raise DataError(
            Problem(Code.FILE_EMPTY, found, "FASTA records", remedy, path=self._source.path)
        )

    def _record(self, header: str, sequence: str, number: int, line: int) -> Record:
        label = check_text(sequence) or self._label(header.strip())
        if not isinstance(label, Problem):
            return Record(sequence, label, number, line)
        problem = label.at(path=self._source.path, line=line, record=number)
        return Record(None, None, number, line, problem)

    def _label(self, header: str) -> str | tuple[str, ...] | Problem | None:
        name, *rest = header.split(maxsplit=1) or [""]
        description = rest[0] if rest else ""
        if self._labels is not None:
            label = self._labels.get(name)
            if label is None and self._form.required:
                found = f"no label for the id {excerpt(name)} in the table of labels"
                return Problem(Code.MISSING_LABEL, found, "one label a sequence", MEND)
            return label
        named = NAMED_LABEL.search(description)
        told = self._form.read(named.group(1) if named else description)
        if isinstance(told, Problem) and told.code is Code.MISSING_LABEL:
            remedy = "write it behind the id, or name a table of ids and labels (--labels-from)"
            return replace(told, remedy=remedy)
        return told


@dataclass(frozen=True)
class LabelTable:
    """A table of ids and labels, read when the first FASTA file asks for it, for all of them.

    Parameters
    ----------
    path
        CSV or TSV with a header: a column of ids (``id``, ``name``, ``accession``, ... or the other
        one of two) and one of labels.
    label
        Name of the column of labels, or None to find it.
    label_separator
        What stands between the labels of a cell; None where it holds one.
    """

    path: str
    label: str | None
    label_separator: str | None

    @cached_property
    def labels(self) -> dict[str, str | tuple[str, ...]]:
        """Label by id, or all labels of it.

        Raises
        ------
        DataError
            What reading a table raises; the first bad record is an error here. `bad-format` where
            one id has two labels.
        """
        labels: dict[str, str | tuple[str, ...]] = {}
        for record in self._open():
            if record.problem is not None:
                raise DataError(record.problem)
            name = str(record.sequence).strip()
            assert record.label is not None  # labels are required, and there is no problem
            known = labels.setdefault(name, record.label)
            if known != record.label:
                found = f"labels {excerpt(known)} and {excerpt(record.label)} for {excerpt(name)}"
                problem = Problem(Code.BAD_FORMAT, found, "one label an id", "leave one of them")
                raise DataError(record.place(problem, self.path))
        return labels

    def _open(self) -> DelimitedReader:
        try:
            wanted = Wanted(label=self.label, label_separator=self.label_separator)
            return DelimitedReader(Source(self.path), wanted, sequence_names=ID_NAMES)
        except DataError as error:
            if error.code is not Code.COLUMN_UNCLEAR:
                raise
            expected = "a column of ids (id, name, accession) and one of labels"
            remedy = "name the columns so, or name that of the labels (--label COLUMN)"
            raise DataError(replace(error.problem, expected=expected, remedy=remedy)) from None
