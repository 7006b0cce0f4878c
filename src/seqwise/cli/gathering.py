"""The first pass over the files of a training, as `train`, `encode` and `inspect` need it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from seqwise.cli.ending import Ended
from seqwise.cli.files import open_for_training, say
from seqwise.cli.options import FileOptions
from seqwise.data.kinds import Kind
from seqwise.strict import setting_error
from seqwise.training.gathering import Dropped, LabelledRecords, gather
from seqwise.training.preparation import PreparedData, prepare
from seqwise.training.settings import Wishes
from seqwise.training.start import open_start

# What is larger is encoded into a store: so much is at most half a gigabyte when it is encoded.
RECORDS_IN_MEMORY = 1_000_000
SIZE_IN_MEMORY = 100_000_000
MOST_IN_MEMORY = "a million records, or a hundred million characters, ids or values"


@dataclass(frozen=True)
class GatheredFiles:
    """The records of a training.

    Parameters
    ----------
    train, valid
        Those of the training files, and of a file of its own that chooses the epoch.
    kind
        What they are.
    columns
        Names of the columns of sequences and labels, and what stands between the labels of a cell.
    """

    train: LabelledRecords
    valid: LabelledRecords | None
    kind: Kind
    columns: tuple[str | None, str | None, str | None]

    @property
    def is_large(self) -> bool:
        """Whether it is better kept on disk than in memory."""
        return is_large(self.train) or (self.valid is not None and is_large(self.valid))


def is_large(records: LabelledRecords) -> bool:
    """Tell whether records are better kept on disk than in memory."""
    return len(records) > RECORDS_IN_MEMORY or records.size > SIZE_IN_MEMORY


def gather_files(
    files: list[str],
    valid: str | None,
    how: FileOptions,
    wishes: Wishes,
    *,
    skip_bad: bool,
    console: Console,
) -> GatheredFiles:
    """Open the files, say what they are, and read them once."""
    source = open_for_training(files, how)
    say(console, source.facts())
    records = source.records
    take = partial(gather, skip_bad=skip_bad, wishes=wishes)
    train = take(source.reader(), source.kind, path=records.path)
    held_out = None
    if valid is not None:
        other = open_for_training([valid], replace(how, kind=source.kind.value))
        held_out = take(other.reader(), source.kind, path=valid)
        tell_dropped(console, held_out.dropped)
    columns = (records.sequence_column, records.label_column, how.label_separator)
    return GatheredFiles(train, held_out, source.kind, columns)


def with_kind(how: FileOptions, wishes: Wishes) -> FileOptions:
    """Take the kind from what a network starts from, where that knows it and the user is silent."""
    return replace(how, kind=how.kind or open_start(wishes).kind)


def prepare_files(
    data: GatheredFiles,
    wishes: Wishes,
    *,
    store: str | Path | None,
    skip_bad: bool,
    overwrite: bool,
    console: Console,
) -> PreparedData:
    """Encode what was gathered, into a store where one is named, and tell what was left out."""
    if data.valid is not None and "valid_fraction" in wishes.train:
        expected = "nothing beside --valid: no part is held out"
        raise setting_error("valid_fraction", wishes.train["valid_fraction"], expected)
    try:
        prepared = prepare(
            data.train,
            data.kind,
            wishes,
            valid=data.valid,
            skip_bad=skip_bad,
            store=store,
            overwrite=overwrite,
        )
    except KeyboardInterrupt as error:
        if store is None:
            raise
        number = error.number if isinstance(error, Ended) else signal.SIGINT
        typer.echo(f"seqwise: interrupted; the same command goes on from {store}", err=True)
        raise typer.Exit(128 + number) from None
    tell_dropped(console, prepared.dropped)
    return prepared


def tell_dropped(console: Console, dropped: Dropped) -> None:
    """Say which records were left out and why, the first few of them."""
    for problem in dropped.listed:
        say(console, [("left out", escape(str(problem)))])
    if dropped.count > len(dropped.listed):
        more = dropped.count - len(dropped.listed)
        say(console, [("left out", f"and {more:,} more")])
