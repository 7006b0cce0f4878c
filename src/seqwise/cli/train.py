"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import save_artifact
from seqwise.cli.commands import Train
from seqwise.cli.files import say
from seqwise.cli.gathering import MOST_IN_MEMORY, gather_files, prepare_files, with_kind
from seqwise.cli.options import FileOptions
from seqwise.cli.session import Session, one_voice
from seqwise.cli.wishes import sort_wishes
from seqwise.data.store_folder import is_store
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.decision import Decision
from seqwise.evaluation.metrics import Scores
from seqwise.evaluation.tables import in_words
from seqwise.training.companion import NETWORK
from seqwise.training.description import describe_run
from seqwise.training.distribution import World, join_world
from seqwise.training.plan import settle
from seqwise.training.preparation import PreparedData, load_prepared
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.trials import are_even, measure, tell


def run(options: Train) -> None:
    """Train, save, and say what was done."""
    begun = time.perf_counter()
    with join_world() as world, one_voice(world), ExitStack() as stack:
        console = Console(stderr=True, quiet=options.quiet or not world.is_first)
        session = Session(world, options, console)
        is_encoded = len(options.files) == 1 and is_store(options.files[0])
        store = None if is_encoded else session.store
        with world.together():
            chosen = sort_wishes(options.computing, options.data, options.model, options.training)
            session.begin(stack)
        if session.is_done(store):
            return
        prepared, chosen = _prepare(options, chosen, store, console, world)
        waiting = console.status("finding out what fits into the budget")
        with world.together(), waiting if "budget" in chosen.train else nullcontext():
            training = TrainingRun(
                prepared, chosen, world=world, workers=options.workers, begun=begun
            )
        session.go_through(training, partial(describe_run, training), stack)
        with world.together():
            if world.is_first:
                artifact, announce = training.artifact(), session.checkpoints.announce
                save_artifact(artifact, options.out, overwrite=options.overwrite, announce=announce)
                session.clear(store)
    if world.is_first:
        say(console, _result(training, options.out))


def _prepare(
    options: Train, wishes: Wishes, store: Path | None, console: Console, world: World
) -> tuple[PreparedData, Wishes]:
    """Read and encode the files; what is large the first process encodes for all."""
    if store is None:
        with world.together():
            return _open(options, wishes, console)
    prepared = None
    with world.together():
        how, skip_bad = with_kind(options.how, wishes), options.skip_bad
        data = gather_files(
            options.files, options.valid, how, wishes, skip_bad=skip_bad, console=console
        )
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


def _open(options: Train, wishes: Wishes, console: Console) -> tuple[PreparedData, Wishes]:
    """Take what was encoded before."""
    if options.valid is not None or options.how != FileOptions() or options.skip_bad:
        found, expected = "how to read a file, beside a store", "only settings of the training"
        remedy = "say it to seqwise encode"
        raise ConfigError(Problem(Code.BAD_SETTING, found, expected, remedy))
    [store] = options.files
    say(console, [("store", escape(store))])
    prepared = load_prepared(store)
    return prepared, settle(wishes, prepared.plan)


def _result(training: TrainingRun, out: str) -> list[tuple[str, str]]:
    best = training.training.best.epoch
    scores = training.scores
    name, beside = "log loss", ""
    if isinstance(scores, Scores):
        name = "accuracy"
        beside = f" (most frequent class: {scores.majority_accuracy:.4f})"
    text = (
        f"best epoch {best} of {len(training.reports)}; on the {scores.num_records:,} records held "
    )
    text += f"out: {in_words(scores)}{beside}"
    facts = [*_tried(training, name), ("result", text)]
    if training.config.tune_thresholds:
        text = "chosen on these records, too: the F1 of other records will be a little lower"
        if training.decision == Decision.of(training.prepared.labels):
            text = "as they were: too few of these records bear the labels to choose by"
        facts.append(("thresholds", text))
    companion = training.companion
    if companion is not None:
        members = {NETWORK: companion.network_scores, **companion.own_scores}
        alone = ", ".join(f"{role} {tell(measure(each))}" for role, each in members.items())
        weights = ", ".join(f"{weight:.2f}" for weight in companion.weights.values())
        text = f"{alone}, each alone; they answer together, with weights {weights}"
        facts.append((name, text))
    if training.is_refitted:
        text = (
            f"anew on all records, up to epoch {best}; the result above has the scores before the "
            "refit, on records held out"
        )
        facts.append(("refit", text))
    facts += [("budget", text) for text in _cut_short(training)]
    facts.append(("model in", f"{escape(out)}   next: seqwise evaluate {escape(out)} FILE"))
    return facts


def _tried(training: TrainingRun, name: str) -> list[tuple[str, str]]:
    """Say what short trainings have come to."""
    facts = []
    if training.tried_encoders:
        tried = (f"{each.encoder} {tell(measure(each.scores))}" for each in training.tried_encoders)
        text = f"{name} of {', '.join(tried)}: {training.shape.encoder} it is"
        if are_even(training.tried_encoders):
            text += ", by its log loss"
        facts.append(("tried", text))
    if training.tried_weights:
        tried = (f"{each} {tell(macro_f1)}" for each, macro_f1 in training.tried_weights.items())
        chosen = training.config.class_weight
        text = f"macro F1 with class weights {', '.join(tried)}: {chosen} it is"
        facts.append(("balance", text))
    return facts


def _cut_short(training: TrainingRun) -> Iterator[str]:
    """Say what a budget has ended before its time."""
    if not training.training.is_over:
        yield f"spent after epoch {len(training.reports)} of {training.training.config.epochs}"
    num_more, num_finished = training.schedule.num_more, len(training.finished)
    if num_finished < num_more:
        yield f"spent after {num_finished} of the {num_more} trainings that were to follow"
