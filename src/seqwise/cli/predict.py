"""`seqwise predict`: a row for each record, in their order."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from seqwise.artifact import CONFIG, current_versions, load_artifact
from seqwise.cli.commands import Predict
from seqwise.cli.files import check_apart, guesses, open_for_model, say, separator_for
from seqwise.cli.output import Output
from seqwise.cli.summary import Summary
from seqwise.cli.wishes import parse_threshold
from seqwise.cli.writers import stream_writer
from seqwise.data.collection import RecordFiles
from seqwise.data.fingerprint import digest_path
from seqwise.data.kinds import Kind
from seqwise.data.records import RecordFile
from seqwise.errors import Code, DataError, Problem
from seqwise.identity import Identity
from seqwise.interruption import Stopped, StopRequest
from seqwise.predictor import PredictedBlock, Predictor
from seqwise.results import ResultColumns
from seqwise.strict import setting_error


def run(options: Predict) -> None:
    """Predict and write as the records come."""
    file, out, how = options.file, options.out, options.how
    console = Console(stderr=True, quiet=options.quiet)
    artifact = load_artifact(options.model)
    predictor = Predictor(
        artifact,
        device=options.computing.device or "auto",
        deterministic=options.deterministic,
        precision=options.computing.precision or "float32",
        threshold=parse_threshold(options.threshold),
    )
    separator = separator_for(how, artifact)
    columns = ResultColumns.of(predictor, probabilities=options.probabilities, separator=separator)
    records = open_for_model(file, how, artifact, label_required=False)
    say(console, guesses(records, how, artifact))
    blocks = _Blocks(predictor, records, strict=options.strict)
    if not options.checkpoint_seconds >= 0:
        raise setting_error("checkpoint_seconds", options.checkpoint_seconds, "0 or more")
    if out is None:
        writer = stream_writer(sys.stdout, options.output_format or "csv", columns)
        summary = Summary()
        for block in blocks:
            summary.add(block)
            writer.write(block)
        say(console, summary.facts())
        return
    if options.output_format is not None:
        expected = "nothing beside -o FILE, whose ending tells the format"
        raise setting_error("output_format", options.output_format, expected)
    if Path(out).exists() and os.path.exists(file) and Path(out).samefile(file):
        found = "it is the file to read"
        raise DataError(Problem(Code.OUTPUT_EXISTS, found, "another file", "rename it", path=out))
    check_apart(out, [file])
    output = Output(out, columns, overwrite=options.overwrite)
    with output:
        identity = _identity(options.model, blocks, columns)
        output.begin(identity)
        _go_on(output, blocks, console)
        with StopRequest(lambda: blocks.are_awaited) as stop:
            blocks.grant = stop.grant
            try:
                if not output.is_whole:
                    _write(output, blocks, stop, console, seconds=options.checkpoint_seconds)
            except Stopped as stopped:
                output.keep()
                _end(output, stopped, is_pipe=identity is None)
            output.finish()
    say(console, [*output.summary.facts(), ("written to", escape(out))])


class _Blocks:
    """The predictions of a file, block by block.

    Attributes
    ----------
    done : Summary
        Of the blocks that are not needed any more, being written already.
    are_awaited : bool
        Whether the next one is being made; nothing changes on the disk then.
    grant : callable
        Leaves, if that was asked for just before the next one is awaited, maybe for long.
    """

    def __init__(
        self, predictor: Predictor, records: RecordFile | RecordFiles, *, strict: bool
    ) -> None:
        self.predictor = predictor
        self.records = records
        self.strict = strict
        self.done = Summary()
        self.are_awaited = False
        self.grant: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[PredictedBlock]:
        kind, start = Kind(self.predictor.data.kind), self.done.num_records
        blocks = self.predictor.predict(
            self.records.checked(kind, start=start),
            path=self.records.path,
            column=self.records.sequence_column,
            first_block=self.done.num_blocks,
        )
        while True:
            self.are_awaited = True
            self.grant()
            block = next(blocks, None)
            self.are_awaited = False
            if block is None:
                return
            for problem in block.problems:
                if self.strict and problem is not None:
                    raise DataError(problem)
            yield block


def _identity(folder: str, blocks: _Blocks, columns: ResultColumns) -> Identity | None:
    """Name what the rows of a file follow from; None for a pipe, which is read but once."""
    path = blocks.records.path
    try:
        digest = digest_path(path)
    except OSError as error:
        found, remedy = error.strerror or str(error), "check the path and its permissions"
        code, expected = Code.FILE_UNREADABLE, "a readable file"
        raise DataError(Problem(code, found, expected, remedy, path=path)) from None
    if digest is None:
        return None
    return {
        "records": {"digest": digest},
        "model": {"the model": digest_path(Path(folder) / CONFIG)},
        "settings": {
            "format": blocks.records.format,
            "sequence": blocks.records.sequence_column,
            "probabilities": columns.probabilities,
            "thresholds": list(columns.decision.thresholds),
            "label_separator": columns.separator,
            "strict": blocks.strict,
            "deterministic": blocks.predictor.deterministic,
            "precision": blocks.predictor.precision,
            "computed on": blocks.predictor.device.type,
        },
        "versions": {name: current_versions()[name] for name in ("seqwise", "torch")},
    }


def _go_on(output: Output, blocks: _Blocks, console: Console) -> None:
    for problem in output.problems:
        say(console, [("passed over", escape(str(problem)))])
    if output.parts:
        blocks.done = output.summary
        say(console, [("going on", f"after {blocks.done.num_records:,} records")])


def _write(
    output: Output, blocks: _Blocks, stop: StopRequest, console: Console, *, seconds: float
) -> None:
    """Write all blocks, and make a part of them every now and then."""
    kept = time.monotonic()
    for block in _show(blocks, console):
        output.write(block)
        stop.grant()
        if time.monotonic() - kept >= seconds:
            output.keep()
            kept = time.monotonic()


def _end(output: Output, stopped: Stopped, *, is_pipe: bool) -> NoReturn:
    """Say how to go on, and end as a program that the signal has ended."""
    message = "interrupted, nothing new was written"
    if output.parts:
        count = output.summary.num_records
        message = f"stopped after {count:,} records; the same command goes on from there"
    elif is_pipe:
        message += ": a pipe cannot be gone on with"
    typer.echo(f"seqwise: {message}", err=True)
    raise typer.Exit(128 + stopped.signal)


def _show(blocks: _Blocks, console: Console) -> Iterator[PredictedBlock]:
    """Count the records on a terminal while they pass."""
    if not console.is_terminal:
        yield from blocks
        return
    columns = (TextColumn("{task.completed:,} records"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, completed=blocks.done.num_records)
        for block in blocks:
            progress.advance(task, len(block.records))
            yield block
