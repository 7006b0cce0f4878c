"""Opening a file as the user, the file itself and the model say, and telling what was guessed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import Artifact
from seqwise.cli.options import FileOptions
from seqwise.data.collection import LEFT_OUT, RecordFiles, read_collection
from seqwise.data.kinds import Kind, guess_kind
from seqwise.data.records import Record, RecordFile, check_records
from seqwise.errors import Code, DataError, Problem, excerpt

SAMPLE = 1_000  # records that a guess looks at


@dataclass(frozen=True)
class OpenFile:
    """A file and what its sequences are.

    Parameters
    ----------
    records
        To be iterated over.
    kind
        As the user said, or as guessed.
    reason
        What the guess rests on; empty where the user said so.
    kept
        The records of each file, as they were found, where something can be read only once; None
        of all else.
    """

    records: RecordFile | RecordFiles
    kind: Kind
    reason: str
    kept: list[tuple[RecordFile, list[Record]]] | None = None

    def reader(self) -> Callable[[], Iterable[Record]]:
        """Give what reads the checked records anew."""
        if self.kept is None:
            return partial(self.records.checked, self.kind)
        kept, column = self.kept, self.records.sequence_column
        return lambda: check_records(
            (record.of_file(file.path) for file, records in kept for record in records),
            self.kind,
            column=column,
        )

    def facts(self) -> list[tuple[str, str]]:
        """Name the file, its columns and its kind, for people."""
        place = f"{escape(self.records.path)} ({self.records.format})"
        if self.records.sequence_column is not None:
            label = self.records.label_column
            place += f", sequences in {escape(repr(self.records.sequence_column))}"
            place += f", labels in {escape(repr(label))}" if label is not None else ", no labels"
        if self.records.multilabel:
            place += ", any number of labels a record"
        kind = str(self.kind)
        if self.reason:
            kind += f" (a guess: {escape(self.reason)}; --kind says otherwise)"
        return [("file", place), ("kind", kind)]


def open_for_training(
    paths: Sequence[str], how: FileOptions, *, label_required: bool = True
) -> OpenFile:
    """Open one or more files, and guess their kind where the user does not say it."""
    records = _read(paths, how, label_required=label_required)
    kept = None
    if records.once:
        parts = records.by_file() if isinstance(records, RecordFiles) else [(records, records)]
        kept = [(file, list(found)) for file, found in parts]
    if how.kind is not None:
        return OpenFile(records, Kind(how.kind), "", kept)
    source = records if kept is None else chain.from_iterable(found for _, found in kept)
    sample = list(islice(source, SAMPLE))
    sequences = [each.sequence for each in sample if each.sequence is not None]
    problems = [each.problem for each in sample if each.problem is not None]
    if problems and not sequences:
        raise DataError(problems[0], others=problems[1:], count=len(problems))
    try:
        of_molecules = records.format == "fasta"
        kind, reason = guess_kind(sequences, records.sequence_column, of_molecules=of_molecules)
    except DataError as error:
        raise DataError(error.problem.at(path=records.path)) from None
    return OpenFile(records, kind, reason, kept)


def separator_for(how: FileOptions, artifact: Artifact) -> str | None:
    """Choose what stands between labels: what the user says, or what did in training."""
    said = how.label_separator
    return artifact.data.label_separator if said is None else said


def open_for_model(
    path: str, how: FileOptions, artifact: Artifact, *, label_required: bool
) -> RecordFile | RecordFiles:
    """Open a file for a model: its columns are those of training, where the file has them."""
    separator = separator_for(how, artifact) if label_required else None
    how = replace(how, label_separator=separator)
    known = replace(
        how,
        sequence=how.sequence or artifact.data.sequence_column,
        label=how.label or (artifact.data.label_column if label_required else None),
    )
    try:
        records = _read([path], known, label_required=label_required)
    except DataError as error:
        if error.code is not Code.COLUMN_MISSING or known == how:
            raise
        try:
            records = _read([path], how, label_required=label_required)
        except DataError:
            raise error from None  # the model's own columns are the better advice
    if label_required and records.multilabel is not artifact.labels.multilabel:
        raise DataError(_other_form(records))
    return records


def _other_form(records: RecordFile | RecordFiles) -> Problem:
    forms = ["one label a record", "any number of labels a record"]
    found, expected = forms[records.multilabel], f"{forms[not records.multilabel]}, as in training"
    remedy = "write labels as in training"
    if not records.multilabel:
        remedy = "say what separates labels (--label-separator), or write lists"
    return Problem(Code.WRONG_TYPE, found, expected, remedy, path=records.path)


def guesses(
    records: RecordFile | RecordFiles, how: FileOptions, artifact: Artifact
) -> list[tuple[str, str]]:
    """Say how a file is read where that does not follow from its name, the user or training."""
    place, column = "", ""
    if records.path == "-" and how.format is None:
        place = ": a guess, by its beginning; --format says otherwise"
    name, known = records.sequence_column, artifact.data.sequence_column
    if name is not None and name not in (how.sequence, known):
        reason = "by its name" if known is None else f"there is no {known!r} as in training"
        column = f", sequences in {name!r} (a guess: {reason}; --sequence says otherwise)"
    text = escape(f"{records.path} ({records.format}{place}){column}")
    return [("file", text)] if place or column else []


def _read(
    paths: Sequence[str], how: FileOptions, *, label_required: bool
) -> RecordFile | RecordFiles:
    return read_collection(
        paths,
        format=how.format,
        sequence=how.sequence,
        label=how.label,
        labels_from=how.labels_from,
        label_separator=how.label_separator,
        label_required=label_required,
    )


def check_apart(out: str, files: Iterable[str]) -> None:
    """Make sure that nothing is written where the next reading of a folder would find it.

    Raises
    ------
    DataError
        If an output is in a folder that is read, and not below a name that readers leave out.
    """
    target = Path(os.path.realpath(out))
    for file in files:
        source = Path(os.path.realpath(file))
        if source not in target.parents:
            continue
        if not target.relative_to(source).parts[0].startswith(LEFT_OUT):
            found, expected = f"it is in {excerpt(file)}, which is read", "another place"
            problem = Problem(Code.OUTPUT_UNWRITABLE, found, expected, "name another", path=out)
            raise DataError(problem)


def say(console: Console, facts: list[tuple[str, str]]) -> None:
    """Write lines of a name and what there is to say of it."""
    for name, text in facts:
        console.print(f"[bold]{name:<11}[/bold] {text}", highlight=False, soft_wrap=True)
