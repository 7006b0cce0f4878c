"""`seqwise inspect`: what is in a file or in a model, in words."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import CONFIG as MODEL_MARK
from seqwise.artifact import Artifact, load_artifact
from seqwise.cli.files import SAMPLE, OpenFile, open_for_training, say
from seqwise.cli.options import FileOptions
from seqwise.data.codecs import build_codec
from seqwise.errors import Code, ConfigError, Problem
from seqwise.inspection import FileSummary, summarise
from seqwise.inspection_tables import summary_table
from seqwise.training.settings import (
    Wishes,
    choose_data,
    choose_model,
    choose_training,
    describe_shape,
)


def run(*, path: str, second: str | None, as_json: bool, how: FileOptions) -> None:
    """Look at a model folder, at a file, or at two files."""
    if (Path(path) / MODEL_MARK).is_file():
        if second is not None:
            found = "a model and a file"
            remedy = "use seqwise evaluate MODEL FILE"
            raise ConfigError(Problem(Code.BAD_SETTING, found, "one model or files", remedy))
        _inspect_model(path, as_json)
        return
    first = open_for_training(path, how, label_required=False)
    summary = summarise(first.records.checked(first.kind), first.kind)
    summaries = [(first, summary)]
    if second is not None:
        other = open_for_training(second, _as_before(how, first), label_required=False)
        records = other.records.checked(first.kind)
        summaries.append((other, summarise(records, first.kind, known=summary.fingerprints)))
    choices = _choices(first, summary)
    if as_json:
        found_all = [_to_dict(source, each) for source, each in summaries]
        print(json.dumps({"files": found_all, "training": choices}, ensure_ascii=False, indent=2))  # noqa: T201
        return
    console = Console()
    for source, each in summaries:
        say(console, source.facts())
        console.print(summary_table(each))
    say(console, [(f"would {name}" if name == "train" else name, text) for name, text in choices])


def _as_before(how: FileOptions, first: OpenFile) -> FileOptions:
    """Read the second file as the first one was read."""
    return FileOptions(
        kind=str(first.kind),
        format=how.format,
        sequence=how.sequence or first.records.sequence_column,
        label=how.label,
        labels_from=how.labels_from,
    )


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


def _choices(source: OpenFile, summary: FileSummary) -> list[tuple[str, str]]:
    """Say what training on the file would choose, as far as its first records show."""
    checked = islice(source.records.checked(source.kind), SAMPLE)
    sequences = [each.sequence for each in checked if each.sequence is not None]
    if not sequences or len(summary.class_counts) < 2:
        return [("train", "not on this file: it needs usable records of two classes or more")]
    wishes = Wishes()
    data = choose_data(source.kind, sequences, wishes)
    codec = build_codec(data).fit(sequences)
    lengths = {len(each) for each in codec.encode(sequences)}
    shape = choose_model(
        codec,
        num_classes=len(summary.class_counts),
        common_length=lengths.pop() if len(lengths) == 1 else None,
        wishes=wishes,
    )
    train = choose_training(summary.num_usable, wishes)
    return [
        ("steps", codec.describe() + f" in the first {len(sequences):,} records"),
        ("train", f"{describe_shape(shape)}; at most {train.epochs} epochs"),
    ]


def _inspect_model(path: str, as_json: bool) -> None:
    artifact = load_artifact(path)
    if as_json:
        print(json.dumps(_model_to_dict(artifact), ensure_ascii=False, indent=2))  # noqa: T201
        return
    names = artifact.labels.names
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
    training = artifact.training
    valid = training["valid"]
    num_weights = sum(weight.numel() for weight in artifact.model.parameters())
    columns = ""
    if artifact.data.sequence_column is not None:
        columns = f", column {artifact.data.sequence_column!r}"
    made_with = ", ".join(f"{name} {version}" for name, version in artifact.versions.items())
    say(
        Console(),
        [
            ("model", f"{escape(path)}, made with {made_with}"),
            ("reads", escape(f"{artifact.data.kind}{columns}")),
            ("steps", artifact.codec.describe() + _describe_cut(artifact)),
            ("classes", f"{len(names):,}: {escape(shown)}"),
            ("shape", f"{describe_shape(artifact.shape)}; {num_weights:,} weights"),
            (
                "trained on",
                f"{training['num_train']:,} records of {escape(str(training['file']))}, "
                f"best epoch {training['best_epoch']} of {len(training['epochs'])}, "
                f"seed {artifact.train.seed}, {training['seconds']:,.0f} s",
            ),
            (
                "held out",
                f"{training['num_valid']:,} records: accuracy {valid['accuracy']:.4f}, "
                f"macro F1 {valid['macro_f1']:.4f}, log loss {valid['log_loss']:.4f}",
            ),
        ],
    )


def _describe_cut(artifact: Artifact) -> str:
    limit = artifact.data.max_length
    return "" if limit is None else f", sequences cut at {limit:,} steps"


def _model_to_dict(artifact: Artifact) -> dict[str, Any]:
    return {
        "versions": artifact.versions,
        "labels": list(artifact.labels.values),
        "data": artifact.data.to_dict(),
        "model": artifact.shape.to_dict(),
        "train": artifact.train.to_dict(),
        "training": artifact.training,
    }
