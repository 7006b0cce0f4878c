"""A run in words, before it begins."""

from __future__ import annotations

import numpy as np

from seqwise.data.targets import class_counts
from seqwise.errors import excerpt
from seqwise.training.preparation import PreparedData
from seqwise.training.run import TrainingRun
from seqwise.training.settings import describe_shape


def describe_run(run: TrainingRun) -> list[tuple[str, str]]:
    """Say in words what is trained on what.

    Returns
    -------
    list of (str, str)
        Names, and what there is to say of each.
    """
    prepared = run.prepared
    lengths = prepared.train.sequences.lengths
    num_weights = sum(weight.numel() for weight in run.training.model.parameters())
    facts = [
        *describe_parts(prepared),
        *run.start.describe(prepared.codec, prepared.train.sequences),
        ("model", f"{describe_shape(run.shape)}; {num_weights:,} weights"),
        *_describe_schedule(run),
    ]
    if run.config.linear:
        what = f"n-grams up to {run.shape.ngrams}"
        is_spelled = prepared.codec.spelling() is not None
        of_characters = ", and where texts are not too long one of characters, answer"
        what += of_characters if is_spelled else " answers"
        if run.shape.num_channels:
            beside = " answers" if run.shape.multilabel else " and a forest answer"
            what = f"random convolutions and statistics{beside}"
        text = f"a linear model of {what} together with it, fitted in the end"
        facts.append(("beside it", text))
    if run.world.size > 1:
        facts.append(("processes", f"{run.world.size}, among which each batch is shared out"))
    longer = int((lengths > run.config.window).sum())
    if longer:
        text = (
            f"{longer:,} sequences are longer than {run.config.window:,} steps: an epoch "
            "reads a part of each, drawn anew; validation and prediction read them whole "
            "(--window)"
        )
        facts.append(("window", text))
    if run.shape.both_strands and prepared.num_cut:
        text = (
            "of a sequence that is cut each strand loses another end: "
            "they get different answers (--max-length)"
        )
        facts.append(("strands", text))
    if prepared.plan.num_overlap:
        text = (
            f"{prepared.plan.num_overlap:,} of the records that choose the epoch stand among "
            "those to learn from, too: their scores say little"
        )
        facts.append(("overlap", text))
    return facts


def _describe_schedule(run: TrainingRun) -> list[tuple[str, str]]:
    plan, prepared = run.schedule, run.prepared
    facts = []
    if len(plan.encoders) > 1:
        epochs = count_epochs(plan.trial_epochs)
        facts.append(("tries", f"{', '.join(plan.encoders)}, {epochs} each; the best goes on"))
    elif len(run.wanted.encoders) > 1:
        facts.append(("tries", f"{plan.encoders[0]} alone: the budget has no time for others"))
    else:
        facts.append(("tries", f"{plan.encoders[0]} alone: {run.why_alone}"))
    if run.asked.class_weight == "auto":
        text = "class weights are none: the budget has no time to try balanced ones"
        if plan.tries_balanced:
            epochs = count_epochs(plan.trial_epochs)
            text = f"class weights none and balanced are tried, {epochs} each, held against each "
            text += "other by macro F1"
        facts.append(("balance", text))
    share = f", each of {plan.epoch_share:.1%} of the records" if plan.epoch_share < 1 else ""
    facts.append(("training", f"at most {count_epochs(plan.epochs)}{share}"))
    if run.config.budget is not None:
        facts.append(("budget", f"{run.config.budget:,.0f} s, by which all this was chosen"))
    networks = f", {plan.num_more} networks" if plan.num_more > 1 else ""
    if plan.refits:
        num_records = f"{len(prepared.train.sequences) + len(prepared.valid.sequences):,}"
        text = f"as many epochs as the best one took, anew on all {num_records} records{networks}"
        facts.append(("refit", text))
    elif plan.num_more:
        text = f"{plan.num_more} more, as many epochs as the best one took, from other seeds"
        facts.append(("networks", text))
    return facts


def count_epochs(number: int) -> str:
    """Say how many epochs there are."""
    return f"{number} epoch{'s' * (number > 1)}"


def describe_parts(prepared: PreparedData) -> list[tuple[str, str]]:
    """Say in words what was encoded.

    Returns
    -------
    list of (str, str)
        Names, and what there is to say of each.
    """
    num_train, num_valid = len(prepared.train.sequences), len(prepared.valid.sequences)
    steps = prepared.codec.describe()
    if prepared.codec.vocab_size:
        share = prepared.num_unknown / max(prepared.num_valid_steps, 1)
        steps += f"; {share:.1%} of those held out are unknown"
    if prepared.num_cut:
        steps += f"; {prepared.num_cut:,} sequences cut at {prepared.data.max_length:,} steps"
    return [
        ("records", f"{num_train:,} to learn from, {num_valid:,} to choose the epoch"),
        ("classes", f"{len(prepared.labels):,}{_any_number(prepared)}{_unheld(prepared)}"),
        ("steps", steps),
    ]


def _unheld(prepared: PreparedData) -> str:
    """Name classes that the scores of training say nothing of."""
    counts = class_counts(prepared.valid.targets, len(prepared.labels))
    names = [prepared.labels.names[index] for index in np.flatnonzero(counts == 0).tolist()]
    if not names:
        return ""
    shown = ", ".join(excerpt(name) for name in names[:5])
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"; no record of {shown}{more} chooses the epoch, nor is scored in training"


def _any_number(prepared: PreparedData) -> str:
    if not prepared.labels.multilabel:
        return ""
    targets = [prepared.train.targets, prepared.valid.targets]
    mean = sum(each.nnz for each in targets) / sum(each.shape[0] for each in targets)
    return f", any number a record: {mean:.2f} of them in the mean"
