"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from seqwise.artifact import check_output, is_exactly, save_artifact
from seqwise.cli.ending import USER_ERROR
from seqwise.cli.files import say
from seqwise.cli.gathering import MOST_IN_MEMORY, gather_files, prepare_files
from seqwise.cli.options import FileOptions
from seqwise.cli.wishes import sort_wishes
from seqwise.config import setting_error
from seqwise.data.store_folder import is_store, remove_store
from seqwise.errors import Code, ConfigError, Problem, SeqwiseError
from seqwise.interruption import Stopped, StopRequest
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.description import describe_run
from seqwise.training.distribution import World, join_world, take_device
from seqwise.training.plan import settle
from seqwise.training.preparation import PreparedData, load_prepared
from seqwise.training.progress import show_progress
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.stopping import go_on, keep_checkpoints


def run(
    *,
    files: list[str],
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
        checkpoints = Checkpoints(f"{Path(out)}.checkpoints")
        is_encoded = len(files) == 1 and is_store(files[0])
        store = None if is_encoded else Path(f"{Path(out)}.encoded")
        is_saved = False
        with world.together():
            if not checkpoint_seconds >= 0:
                raise setting_error("checkpoint_seconds", checkpoint_seconds, "0 or more")
            take_device(wishes.get("device") or "auto")
            chosen = sort_wishes(wishes)
            if world.is_first:
                is_saved = resume and is_exactly(out, checkpoints.announced())
                if not is_saved:
                    check_output(out, overwrite=overwrite)
                stack.enter_context(checkpoints)
                if not resume:
                    checkpoints.check_free()
        if world.as_in_first(is_saved):
            if world.is_first:
                _clear(checkpoints, store)
            text = "saved before; what was left of its training has been removed"
            say(console, [("model in", f"{escape(out)}   {text}")])
            return
        prepared, chosen = _prepare(files, valid, chosen, how, skip_bad, store, console, world)
        with world.together():
            training = TrainingRun(prepared, chosen, world=world, workers=workers)
        say(console, describe_run(training))
        stop = stack.enter_context(StopRequest(lambda: training.current.progress.validating))
        if resume:
            _go_on(training, checkpoints, console)
        say(console, [("checkpoints", _describe(checkpoints, checkpoint_seconds))])
        reports = keep_checkpoints(training, checkpoints, stop, seconds=checkpoint_seconds)
        with _ending(training, checkpoints):
            for _ in show_progress(training, reports, console=console):
                pass
        with world.together():
            if world.is_first:
                artifact, announce = training.artifact(), checkpoints.announce
                save_artifact(artifact, out, overwrite=overwrite, announce=announce)
                _clear(checkpoints, store)
    if world.is_first:
        say(console, _result(training, out))


@contextmanager
def _ending(training: TrainingRun, checkpoints: Checkpoints) -> Iterator[None]:
    """Say how to go on after a signal; keep no checkpoints that lead to nothing."""
    try:
        yield
    except Stopped as stopped:
        _end(training, stopped)
    except ConfigError as error:
        if error.code is Code.DIVERGED and training.world.is_first:
            checkpoints.remove()  # from each of them the same training ends in the same place
        raise


def _clear(checkpoints: Checkpoints, store: Path | None) -> None:
    """Remove what a model was made from; whoever is killed here does it with --resume."""
    if store is not None:
        remove_store(store)
    checkpoints.remove()


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
        raise typer.Exit(USER_ERROR) from error


def _describe(checkpoints: Checkpoints, seconds: float) -> str:
    folder = escape(str(checkpoints.folder))
    return f"each {seconds:g} s in {folder}, until the model is there; --resume goes on from them"


def _prepare(
    files: list[str],
    valid: str | None,
    wishes: Wishes,
    how: FileOptions,
    skip_bad: bool,
    store: Path | None,
    console: Console,
    world: World,
) -> tuple[PreparedData, Wishes]:
    """Read and encode the files; what is large the first process encodes for all."""
    if store is None:
        with world.together():
            return _open(files[0], valid, wishes, how, console)
    prepared = None
    with world.together():
        data = gather_files(files, valid, how, skip_bad=skip_bad, console=console)
        wishes = wishes.with_columns(*data.columns)
        folder = store if data.is_large else None
        if folder is not None:
            text = f"more than {MOST_IN_MEMORY}: encoded into {escape(str(store))}"
            say(console, [("store", f"{text}, until the model is there")])
        if folder is None or world.is_first:
            prepared = prepare_files(
                data, wishes, store=folder, skip_bad=skip_bad, overwrite=True, console=console
            )
    with world.together():
        return prepared or load_prepared(store), wishes


def _open(
    store: str, valid: str | None, wishes: Wishes, how: FileOptions, console: Console
) -> tuple[PreparedData, Wishes]:
    """Take what was encoded before."""
    if valid is not None or how != FileOptions():
        found, expected = "how to read a file, beside a store", "only settings of the training"
        remedy = "say it to seqwise encode"
        raise ConfigError(Problem(Code.BAD_SETTING, found, expected, remedy))
    say(console, [("store", escape(store))])
    prepared = load_prepared(store)
    return prepared, settle(wishes, prepared.plan)


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
    companion = training.companion
    if companion is not None:
        text = (
            f"network alone {companion.network_scores.accuracy:.4f}, "
            f"linear model alone {companion.own_scores.accuracy:.4f}; they answer together, "
            f"believed {companion.weights[0]:.2f} and {companion.weights[1]:.2f} times"
        )
        facts.append(("accuracy", text))
    if training.is_refitted:
        text = (
            f"anew on all records, up to epoch {best}; the result above has the scores before the "
            "refit, on records held out"
        )
        facts.append(("refit", text))
    if training.trials:
        tried = (f"{each.encoder} {each.accuracy:.4f}" for each in training.trials)
        text = f"accuracy of {', '.join(tried)}: {training.shape.encoder} it is"
        facts.insert(0, ("tried", text))
    facts.append(("model in", f"{escape(out)}   next: seqwise evaluate {escape(out)} FILE"))
    return facts
