"""`seqwise pretrain`: from unlabelled files to the beginnings of later models."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from seqwise.cli.commands import Pretrain
from seqwise.cli.files import open_for_training, say
from seqwise.cli.gathering import MOST_IN_MEMORY, is_large, tell_dropped
from seqwise.cli.session import Session, one_voice
from seqwise.cli.wishes import sort_wishes
from seqwise.config import ModelConfig
from seqwise.training.description import count_epochs, describe_parts
from seqwise.training.distribution import World, join_world
from seqwise.training.gathering import gather
from seqwise.training.preparation import PreparedData, load_prepared
from seqwise.training.pretraining import PretrainingRun
from seqwise.training.reports import StepScores
from seqwise.training.settings import Wishes
from seqwise.training.unlabelled import prepare_unlabelled, unlabelled


def run(options: Pretrain) -> None:
    """Pretrain, save, and say what was done."""
    with join_world() as world, one_voice(world), ExitStack() as stack:
        console = Console(stderr=True, quiet=options.quiet or not world.is_first)
        session = Session(world, options, console)
        with world.together():
            chosen = sort_wishes(options.computing, options.data, options.model, options.training)
            session.begin(stack)
        if session.is_done(session.store):
            return
        prepared = _prepare(options, chosen, session.store, console, world)
        with world.together():
            training = PretrainingRun(prepared, chosen, world=world, workers=options.workers)
        session.go_through(training, partial(_describe, training), stack)
        with world.together():
            if world.is_first:
                announce = session.checkpoints.announce
                training.pretrained().save(
                    options.out, overwrite=options.overwrite, announce=announce
                )
                session.clear(session.store)
    if world.is_first:
        place = escape(options.out)
        scores = training.scores
        found = describe_scores(scores, is_series=training.shape.num_channels > 0)
        if scores.loss >= scores.baseline:
            found += ": no better than that (more --epochs or more sequences may help)"
        best = f"best epoch {training.training.best.epoch} of {len(training.reports)}"
        num_valid = len(prepared.valid.sequences)
        say(console, [("result", f"{best}; on the {num_valid:,} records held out: {found}")])
        say(console, [("in", f"{place}   next: seqwise train FILE --pretrained {place}")])


def describe_scores(scores: StepScores, *, is_series: bool) -> str:
    """Say how well steps are foretold, beside who does not look at the sequence."""
    if is_series:
        beside = "of the mean, or of the last value once more"
        return f"mean squared error {scores.loss:.4f} ({scores.baseline:.4f} {beside})"
    beside = "by the frequencies of tokens alone"
    return f"perplexity {_perplexity(scores.loss)} ({_perplexity(scores.baseline)} {beside})"


def describe_encoder(shape: ModelConfig) -> str:
    """Say in a few words what foretells steps."""
    layers = f"{shape.num_layers} layers" if shape.num_layers > 1 else "1 layer"
    directions = "both directions" if shape.bidirectional else "one direction"
    return f"{shape.encoder} ({layers} of {shape.hidden_size}, {directions})"


def _perplexity(loss: float) -> str:
    return f"{math.exp(min(loss, 700)):,.1f}"


def _prepare(
    options: Pretrain, wishes: Wishes, store: Path, console: Console, world: World
) -> PreparedData:
    """Read and encode the files; what is large the first process encodes for all."""
    prepared = None
    with world.together():
        source = open_for_training(options.files, options.how, label_required=False)
        say(console, source.facts())
        records = source.records
        data = gather(
            unlabelled(source.reader()),
            source.kind,
            skip_bad=options.skip_bad,
            path=records.path,
            wishes=wishes,
        )
        tell_dropped(console, data.dropped)
        wishes = wishes.with_columns(records.sequence_column, None, None)
        folder = store if is_large(data) else None
        if folder is not None:
            text = f"more than {MOST_IN_MEMORY}: encoded into {escape(str(store))}"
            say(console, [("store", f"{text}, until the result is there")])
        if folder is None or world.is_first:
            prepared = prepare_unlabelled(data, source.kind, wishes, store=folder)
    with world.together():
        return prepared or load_prepared(store)


def _describe(run: PretrainingRun) -> list[tuple[str, str]]:
    num_weights = sum(weight.numel() for weight in run.training.model.parameters())
    parts = [fact for fact in describe_parts(run.prepared) if fact[0] != "classes"]
    return [
        *parts,
        ("model", f"{describe_encoder(run.shape)}; {num_weights:,} weights"),
        ("training", f"at most {count_epochs(run.config.epochs)}"),
    ]
