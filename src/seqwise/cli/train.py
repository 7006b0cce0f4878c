"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from seqwise.artifact import check_output, save_artifact
from seqwise.cli.files import open_for_training, say
from seqwise.cli.options import FileOptions
from seqwise.config import setting_error
from seqwise.data.kinds import Kind
from seqwise.errors import Problem
from seqwise.interruption import Stopped, StopRequest
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.description import describe_run
from seqwise.training.preparation import LabelledSequences, gather
from seqwise.training.progress import show_progress
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.stopping import go_on, keep_checkpoints


def run(
    *,
    file: str,
    out: str,
    valid: str | None,
    skip_bad: bool,
    overwrite: bool,
    resume: bool,
    checkpoint_seconds: float,
    quiet: bool,
    how: FileOptions,
    wishes: dict[str, Any],
) -> None:
    """Train, save, and say what was done."""
    console = Console(stderr=True, quiet=quiet)
    check_output(out, overwrite=overwrite)
    chosen = _sort_wishes(wishes)
    with Checkpoints(_beside(out)) as checkpoints:
        if not resume:
            checkpoints.check_free()
        training = _prepare(file, valid, chosen, how, skip_bad, console)
        say(console, describe_run(training))
        with StopRequest(lambda: training.current.progress.validating) as stop:
            if resume:
                _go_on(training, checkpoints, console)
            say(console, [("checkpoints", _describe(checkpoints, checkpoint_seconds))])
            reports = keep_checkpoints(training, checkpoints, stop, seconds=checkpoint_seconds)
            try:
                for _ in show_progress(training, reports, console=console):
                    pass
            except Stopped as stopped:
                _end(training, stopped)
            save_artifact(training.artifact(), out, overwrite=overwrite)
            checkpoints.remove()
    say(console, _result(training, out))


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
