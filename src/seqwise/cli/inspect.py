"""`seqwise inspect`: what is in a file or in a model, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from seqwise.artifact import Artifact, is_model, is_pretrained, load_artifact, load_pretrained
from seqwise.cli.commands import Inspect
from seqwise.cli.files import OpenFile, open_for_training, say
from seqwise.cli.gathering import MOST_IN_MEMORY, is_large
from seqwise.cli.options import FileOptions
from seqwise.cli.pretrain import describe_encoder, describe_scores
from seqwise.data.labels import Labels
from seqwise.data.store_folder import is_store
from seqwise.data.targets import class_counts
from seqwise.errors import Code, ConfigError, DataError, Problem, one_line
from seqwise.inspection import FileSummary, summarise
from seqwise.inspection_tables import summary_table
from seqwise.training.companion import NETWORK
from seqwise.training.description import describe_parts, describe_run
from seqwise.training.fits import CHARACTERS, FOREST, LINEAR
from seqwise.training.gathering import gather
from seqwise.training.preparation import PreparedData, load_prepared, prepare
from seqwise.training.reports import StepScores
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes, describe_shape
from seqwise.training.trials import tell

NO_LABELS = (Code.COLUMN_MISSING, Code.COLUMN_UNCLEAR, Code.MISSING_LABEL)


def run(options: Inspect) -> None:
    """Look at a model folder, at a file, or at two files."""
    path, second, how = options.path, options.second, options.how
    if is_model(path) or is_pretrained(path):
        if second is not None:
            found, remedy = "a model and a file", "use seqwise evaluate MODEL FILE"
            if not is_model(path):
                found, remedy = "a pretrained network and a file", "name one of them"
            raise ConfigError(Problem(Code.BAD_SETTING, found, "one model or files", remedy))
        (_inspect_model if is_model(path) else _inspect_pretrained)(path, options.json)
        return
    if is_store(path):
        if second is not None:
            found, remedy = "a store and a file", "name one of them"
            raise ConfigError(Problem(Code.BAD_SETTING, found, "one store or files", remedy))
        _inspect_store(path, options.json)
        return
    if second is not None and is_model(second):
        found, remedy = "a file and a model", "use seqwise evaluate MODEL FILE"
        raise ConfigError(Problem(Code.BAD_SETTING, found, "one model or files", remedy))
    first = _open(path, how)
    summary = summarise(first.reader()(), first.kind)
    summaries = [(first, summary)]
    if second is not None:
        other = _open(second, _as_before(how, first))
        records = other.reader()()
        summaries.append((other, summarise(records, first.kind, known=summary.fingerprints)))
    choices = _choices(first)
    if options.json:
        found_all = [_to_dict(source, each) for source, each in summaries]
        print(json.dumps({"files": found_all, "training": choices}, ensure_ascii=False, indent=2))  # noqa: T201
        return
    console = Console()
    for source, each in summaries:
        say(console, source.facts())
        console.print(summary_table(each))
    console.print("\n[bold]Training on it would choose[/bold]")
    say(console, [(name, escape(text)) for name, text in choices.items()])


def _open(path: str, how: FileOptions) -> OpenFile:
    """Open a file with its labels as training would find them, or without where it has none."""
    try:
        return open_for_training([path], how)
    except DataError as error:
        if how.label is not None or error.code not in NO_LABELS:
            raise
        return open_for_training([path], how, label_required=False)


def _as_before(how: FileOptions, first: OpenFile) -> FileOptions:
    """Read the second file as the first one was read."""
    column = how.sequence or first.records.sequence_column
    return replace(how, kind=first.kind.value, sequence=column)


def _to_dict(source: OpenFile, summary: FileSummary) -> dict[str, Any]:
    records = source.records
    return {
        "path": records.path,
        "format": records.format,
        "sequence_column": records.sequence_column,
        "label_column": records.label_column,
        "kind_guess": source.reason,
        **summary.to_dict(),
    }


def _choices(source: OpenFile) -> dict[str, str]:
    """Say what training on the file would choose, by getting ready for it."""
    records = source.records
    if records.label_column is None and (records.columns or records.format == "lines"):
        return {"training": "not without labels (--label)"}
    try:
        data = gather(source.reader(), source.kind, skip_bad=True, path=records.path)
        if is_large(data):
            return {"training": f"to encode it into a store first: more than {MOST_IN_MEMORY}"}
        run = TrainingRun(prepare(data, source.kind, Wishes(), skip_bad=True), Wishes())
    except DataError as error:
        return {"training": f"not on this file: {error.problem}"}
    return dict(describe_run(run))


def _inspect_store(path: str, as_json: bool) -> None:
    prepared = load_prepared(path)
    plan, labels = prepared.plan, prepared.labels
    if as_json:
        facts = {
            **plan.to_dict(),
            "num_steps": int(prepared.train.sequences.lengths.sum()) + prepared.num_valid_steps,
            "num_cut": prepared.num_cut,
            "class_counts": dict(zip(labels.names, _class_counts(prepared), strict=True)),
        }
        print(json.dumps(facts, ensure_ascii=False, indent=2))  # noqa: T201
        return
    counts = zip(labels.names, _class_counts(prepared), strict=True)
    shown = ", ".join(f"{one_line(name)} {count:,}" for name, count in list(counts)[:20])
    more = f" and {len(labels) - 20:,} more" if len(labels) > 20 else ""
    columns = ""
    if plan.data.sequence_column is not None:
        columns = f", column {plan.data.sequence_column!r}"
    split = f"{plan.valid_fraction:.0%} held out" if plan.valid_fraction else "a file of its own"
    say(
        Console(),
        [
            ("store", f"{escape(path)}, made with seqwise {escape(one_line(plan.version))}"),
            ("encoded from", f"{escape(one_line(f'{plan.path}: {plan.data.kind}{columns}'))}"),
            *((name, escape(text)) for name, text in describe_parts(prepared) if name != "classes"),
            ("classes", f"{len(labels):,}{_any_number(labels)}: {escape(shown)}{more}"),
            ("split", f"{split}, seed {plan.seed}"),
            ("refit", "all records are there for one" if prepared.whole else "none"),
        ],
    )


def _class_counts(prepared: PreparedData) -> list[int]:
    """Count the records of both parts by class."""
    parts = (prepared.train.targets, prepared.valid.targets)
    counts = np.sum([class_counts(part, len(prepared.labels)) for part in parts], axis=0)
    return [int(count) for count in counts]


def _inspect_pretrained(path: str, as_json: bool) -> None:
    pretrained = load_pretrained(path)
    account, shape = pretrained.account, pretrained.shape
    if as_json:
        print(json.dumps(pretrained.to_dict(), ensure_ascii=False, indent=2))  # noqa: T201
        return
    scores = StepScores(account.valid_loss, account.baseline_loss, 0)
    made_with = ", ".join(f"{name} {version}" for name, version in pretrained.versions.items())
    num_weights = sum(weight.numel() for weight in pretrained.weights.values())
    say(
        Console(),
        [
            ("pretrained", f"{escape(path)}, made with {escape(one_line(made_with))}"),
            ("reads", str(pretrained.data.kind)),
            ("steps", pretrained.codec.describe()),
            ("shape", f"{describe_encoder(shape)}; {num_weights:,} weights; no classes"),
            (
                "trained on",
                f"{account.num_train:,} records of {escape(one_line(str(account.file)))}, "
                f"best epoch {account.best_epoch} of {account.num_epochs}, "
                f"seed {pretrained.train.seed}, {account.seconds:,.0f} s",
            ),
            (
                "held out",
                f"{account.num_valid:,} records: "
                f"{describe_scores(scores, is_series=shape.num_channels > 0)}",
            ),
            ("next", f"seqwise train FILE --pretrained {escape(path)}"),
        ],
    )


def _inspect_model(path: str, as_json: bool) -> None:
    artifact = load_artifact(path)
    if as_json:
        print(json.dumps(_model_to_dict(artifact), ensure_ascii=False, indent=2))  # noqa: T201
        return
    names = artifact.labels.names
    shown = ", ".join(map(one_line, names[:20])) + (
        f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    )
    training = artifact.training
    num_records = training.num_train + (training.num_valid if training.refitted else 0)
    num_weights = sum(weight.numel() for weight in artifact.model.parameters())
    columns = ""
    if artifact.data.sequence_column is not None:
        columns = f", column {artifact.data.sequence_column!r}"
    made_with = ", ".join(f"{name} {version}" for name, version in artifact.versions.items())
    place = f" of {escape(one_line(training.file))}" if training.file is not None else ""
    origin = f"{escape(path)}, made with {escape(one_line(made_with))}"
    say(
        Console(),
        [
            ("model", origin),
            ("reads", escape(f"{artifact.data.kind}{columns}")),
            ("steps", artifact.codec.describe() + _describe_cut(artifact)),
            ("classes", f"{len(names):,}{_any_number(artifact.labels)}: {escape(shown)}"),
            *_thresholds(artifact),
            ("shape", f"{describe_shape(artifact.shape)}; {num_weights:,} weights"),
            (
                "trained on",
                f"{num_records:,} records{place}, "
                f"best epoch {training.best_epoch} of {len(training.epochs)}, "
                f"seed {artifact.train.seed}, {training.seconds:,.0f} s",
            ),
            *_tried(artifact),
            *_balance(artifact),
            ("held out", _held_out(artifact)),
            *_alone(artifact),
        ],
    )


def _tried(artifact: Artifact) -> list[tuple[str, str]]:
    """Say what each encoder came to, where several were tried."""
    tried = _join_pairs(artifact.training.tried, ".4f")
    measure = "log loss" if artifact.labels.multilabel else "accuracy"
    return [("tried", f"{escape(tried)}: {measure} of short trainings")] * bool(tried)


def _alone(artifact: Artifact) -> list[tuple[str, str]]:
    """Say how good each model is alone, where several answer together."""
    training = artifact.training
    members = {
        NETWORK: training.network_accuracy,
        LINEAR: training.linear_accuracy,
        CHARACTERS: training.character_accuracy,
        FOREST: training.forest_accuracy,
    }
    found = {name: accuracy for name, accuracy in members.items() if accuracy is not None}
    text = f"{_join_pairs(found, '.4f')}: {_accuracy(artifact)} on these"
    return [("each alone", text)] * bool(found)


def _balance(artifact: Artifact) -> list[tuple[str, str]]:
    """Say how the classes were weighed, where it was asked for, and why."""
    chosen, tried = artifact.train.class_weight, artifact.training.tried_weights
    if chosen == "none" and not tried:
        return []
    text = chosen if isinstance(chosen, str) else _join_pairs(chosen, "g")
    if tried:
        text += f", by the macro F1 of short trainings ({_join_pairs(tried, '.4f')})"
    return [("balance", f"class weights {escape(text)}")]


def _join_pairs(numbers: Mapping[str, float | None], form: str) -> str:
    """Name up to twenty numbers."""
    pairs = [f"{one_line(name)} {tell(number, form)}" for name, number in numbers.items()]
    more = f" and {len(pairs) - 20:,} more" if len(pairs) > 20 else ""
    return ", ".join(pairs[:20]) + more


def _held_out(artifact: Artifact) -> str:
    training = artifact.training
    refit = "; scores before the refit, on records held out" if training.refitted else ""
    return (
        f"{training.num_valid:,} records: {_accuracy(artifact)} {training.valid_accuracy:.4f}, "
        f"macro F1 {training.valid_macro_f1:.4f}, log loss {training.valid_log_loss:.4f}{refit}"
    )


def _accuracy(artifact: Artifact) -> str:
    return "subset accuracy" if artifact.labels.multilabel else "accuracy"


def _any_number(labels: Labels) -> str:
    return ", any number a record" if labels.multilabel else ""


def _thresholds(artifact: Artifact) -> list[tuple[str, str]]:
    """Say from which probability labels are given, where it is not the most probable class."""
    pairs = zip(artifact.labels.names, artifact.decision.thresholds, strict=True)
    given = {name: each for name, each in pairs if each is not None}
    return [("thresholds", escape(_join_pairs(given, ".3f")))] if given else []


def _describe_cut(artifact: Artifact) -> str:
    limit = artifact.data.max_length
    return "" if limit is None else f", sequences cut at {limit:,} steps"


def _model_to_dict(artifact: Artifact) -> dict[str, Any]:
    return {
        "versions": artifact.versions,
        "labels": list(artifact.labels.values),
        "multilabel": artifact.labels.multilabel,
        "thresholds": dict(zip(artifact.labels.names, artifact.decision.thresholds, strict=True)),
        "data": artifact.data.to_dict(),
        "model": artifact.shape.to_dict(),
        "train": artifact.train.to_dict(),
        "training": artifact.training.to_dict(),
    }
