"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from seqwise.artifact import check_output, save_artifact
from seqwise.cli.files import open_for_training, say
from seqwise.cli.options import USAGE_ERROR, FileOptions
from seqwise.config import setting_error
from seqwise.data.kinds import Kind
from seqwise.errors import Code, Problem, SeqwiseError
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.description import describe_run
from seqwise.training.distribution import World, join_world, take_device
from seqwise.training.preparation import LabelledSequences, gather
from seqwise.training.progress import show_progress
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.stopping import Stopped, StopRequest, go_on, keep_checkpoints


def run(
    *,
    file: str,
    out: str,
    valid: str | None,
    skip_bad: bool,
    overwrite: bool,
    resume: bool,
    checkpoint_seconds: float,
    workers: int,
    quiet: bool,
    how: FileOptions,
    wishes: dict[str, Any],
) -> None:
    """Train, save, and say what was done."""
    with join_world() as world, _one_voice(world), ExitStack() as stack:
        console = Console(stderr=True, quiet=quiet or not world.is_first)
        checkpoints = Checkpoints(_beside(out))
        with world.together():
            take_device(wishes["device"] or "auto")
            if world.is_first:
                check_output(out, overwrite=overwrite)
                stack.enter_context(checkpoints)
                if not resume:
                    checkpoints.check_free()
        with world.together():
            chosen = _sort_wishes(wishes)
            training = _prepare(file, valid, chosen, how, skip_bad, console, world, workers)
        say(console, describe_run(training))
        stop = stack.enter_context(StopRequest(training))
        if resume:
            _go_on(training, checkpoints, console)
        say(console, [("checkpoints", _describe(checkpoints, checkpoint_seconds))])
        reports = keep_checkpoints(training, checkpoints, stop, seconds=checkpoint_seconds)
        try:
            for _ in show_progress(training, reports, console=console):
                pass
        except Stopped as stopped:
            _end(training, stopped)
        with world.together():
            if world.is_first:
                save_artifact(training.artifact(), out, overwrite=overwrite)
                checkpoints.remove()
    say(console, _result(training, out))


@contextmanager
def _one_voice(world: World) -> Iterator[None]:
    """Let the first process alone say what went wrong."""
    try:
        yield
    except SeqwiseError as error:
        if world.is_first:
            raise
        if error.code is not Code.PROCESS_LOST:
            world.wait_for_first()
        raise typer.Exit(USAGE_ERROR) from error


def _beside(out: str) -> str:
    return f"{Path(out)}.checkpoints"


def _describe(checkpoints: Checkpoints, seconds: float) -> str:
    folder = escape(str(checkpoints.folder))
    return f"each {seconds:g} s in {folder}, until the model is there; --resume goes on from them"


def _prepare(
    file: str,
    valid: str | None,
    wishes: Wishes,
    how: FileOptions,
    skip_bad: bool,
    console: Console,
    world: World,
    workers: int,
) -> TrainingRun:
    source = open_for_training(file, how)
    say(console, source.facts())
    training = TrainingRun(
        gather(source.records.checked(source.kind), source.kind, skip_bad=skip_bad, path=file),
        source.kind,
        wishes.with_columns(source.records.sequence_column, source.records.label_column),
        valid=_gather_valid(valid, how, source.kind, skip_bad, console),
        skip_bad=skip_bad,
        path=file,
        valid_path=valid,
        world=world,
        workers=workers,
    )
    _tell_dropped(console, training.dropped)
    return training


def _go_on(training: TrainingRun, checkpoints: Checkpoints, console: Console) -> None:
    found, problems = go_on(training, checkpoints)
    for problem in problems:
        say(console, [("passed over", escape(str(problem)))])
    where = training.place() if found else "no checkpoint was there: from the beginning"
    say(console, [("going on", where)])


def _end(training: TrainingRun, stopped: Stopped) -> NoReturn:
    """Say how to go on, and end as a program that the signal has ended."""
    if training.world.is_first:
        how = "the same command with --resume goes on from there"
        typer.echo(f"seqwise: stopped {training.place()}; {how}", err=True)
    raise typer.Exit(128 + stopped.signal)


def _sort_wishes(spoken: dict[str, Any]) -> Wishes:
    wishes: dict[str, Any] = {
        name: value if isinstance(value, (bool, int, float)) else str(value)
        for name, value in spoken.items()
        if value is not None
    }
    if "class_weight" in wishes:
        wishes["class_weight"] = _parse_class_weight(wishes["class_weight"])
    return Wishes.sorted(wishes)


def _parse_class_weight(text: str) -> str | dict[str, float]:
    """Read ``none``, ``balanced``, or ``spam=3,ham=1``."""
    if "=" not in text:
        return text
    try:
        pairs = [pair.rsplit("=", 1) for pair in text.split(",")]
        return {label: float(weight) for label, weight in pairs}
    except ValueError:
        raise setting_error("class_weight", text, "LABEL=NUMBER,LABEL=NUMBER") from None


def _gather_valid(
    path: str | None, how: FileOptions, kind: Kind, skip_bad: bool, console: Console
) -> LabelledSequences | None:
    if path is None:
        return None
    records = open_for_training(path, replace(how, kind=str(kind))).records
    data = gather(records.checked(kind), kind, skip_bad=skip_bad, path=path)
    _tell_dropped(console, data.dropped)
    return data


def _tell_dropped(console: Console, dropped: list[Problem]) -> None:
    for problem in dropped[:5]:
        say(console, [("left out", escape(str(problem)))])
    if len(dropped) > 5:
        say(console, [("left out", f"and {len(dropped) - 5:,} more")])


def _result(training: TrainingRun, out: str) -> list[tuple[str, str]]:
    best = training.training.best.epoch
    scores = training.scores
    facts = [
        (
            "result",
            f"best epoch {best} of {len(training.reports)}; on the "
            f"{scores.num_records:,} records held out: accuracy {scores.accuracy:.4f}, "
            f"macro F1 {scores.macro_f1:.4f}, log loss {scores.log_loss:.4f} "
            f"(most frequent class: {scores.majority_accuracy:.4f})",
        )
    ]
    if training.is_refitted:
        text = (
            f"anew on all records, up to epoch {best}; the result above has the scores before the "
            "refit, on records held out"
        )
        facts.append(("refit", text))
    facts.append(("model in", f"{escape(out)}   next: seqwise evaluate {escape(out)} FILE"))
    return facts
