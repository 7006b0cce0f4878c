"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import save_artifact
from seqwise.cli.files import say
from seqwise.cli.gathering import MOST_IN_MEMORY, gather_files, prepare_files, with_kind
from seqwise.cli.options import FileOptions
from seqwise.cli.session import Session, one_voice
from seqwise.cli.wishes import sort_wishes
from seqwise.data.store_folder import is_store
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.metrics import Scores
from seqwise.evaluation.tables import in_words
from seqwise.training.description import describe_run
from seqwise.training.distribution import World, join_world
from seqwise.training.plan import settle
from seqwise.training.preparation import PreparedData, load_prepared
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes


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
    with join_world() as world, one_voice(world), ExitStack() as stack:
        console = Console(stderr=True, quiet=quiet or not world.is_first)
        session = Session(
            world, out, resume=resume, checkpoint_seconds=checkpoint_seconds, console=console
        )
        is_encoded = len(files) == 1 and is_store(files[0])
        store = None if is_encoded else session.store
        with world.together():
            chosen = sort_wishes(wishes)
            session.begin(stack, device=wishes.get("device"), overwrite=overwrite)
        if session.is_done(store):
            return
        prepared, chosen = _prepare(files, valid, chosen, how, skip_bad, store, console, world)
        with world.together():
            training = TrainingRun(prepared, chosen, world=world, workers=workers)
        say(console, describe_run(training))
        session.go_through(training, stack)
        with world.together():
            if world.is_first:
                artifact, announce = training.artifact(), session.checkpoints.announce
                save_artifact(artifact, out, overwrite=overwrite, announce=announce)
                session.clear(store)
    if world.is_first:
        say(console, _result(training, out))


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
        how = with_kind(how, wishes)
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


def _result(training: TrainingRun, out: str) -> list[tuple[str, str]]:
    best = training.training.best.epoch
    scores = training.scores
    # What chooses an epoch and an encoder.
    name, measure, beside = "log loss", attrgetter("log_loss"), ""
    if isinstance(scores, Scores):
        name, measure = "accuracy", attrgetter("accuracy")
        beside = f" (most frequent class: {scores.majority_accuracy:.4f})"
    facts = [
        (
            "result",
            f"best epoch {best} of {len(training.reports)}; on the "
            f"{scores.num_records:,} records held out: {in_words(scores)}{beside}",
        )
    ]
    if training.config.tune_thresholds:
        text = "chosen on these records, too: the F1 of other records will be a little lower"
        facts.append(("thresholds", text))
    companion = training.companion
    if companion is not None:
        members = {"network": companion.network_scores, **companion.own_scores}
        alone = ", ".join(f"{role} {measure(each):.4f}" for role, each in members.items())
        believed = ", ".join(f"{weight:.2f}" for weight in companion.weights)
        text = f"{alone}, each alone; they answer together, believed {believed} times"
        facts.append((name, text))
    if training.is_refitted:
        text = (
            f"anew on all records, up to epoch {best}; the result above has the scores before the "
            "refit, on records held out"
        )
        facts.append(("refit", text))
    if training.trials:
        tried = (f"{each.encoder} {measure(each):.4f}" for each in training.trials)
        text = f"{name} of {', '.join(tried)}: {training.shape.encoder} it is"
        facts.insert(0, ("tried", text))
    facts.append(("model in", f"{escape(out)}   next: seqwise evaluate {escape(out)} FILE"))
    return facts
