"""The commands: what each is told, in the order of its help.

A command is a dataclass whose fields are its arguments and options; a field that is a group has all
of the group's options, or those that `Only` names. `run` in the file of the command's name takes
it. The docstring is what the help says of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from seqwise.cli.options import (
    CheckpointSeconds,
    Computing,
    Deterministic,
    FileOptions,
    Files,
    Json,
    Model,
    Quiet,
    Resume,
    SkipBad,
    Strict,
    Threshold,
    Valid,
    Workers,
)
from seqwise.cli.settings import DataSettings, ModelSettings, TrainingSettings
from seqwise.cli.signature import Only
from seqwise.cli.usage import refuse_option


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model on labelled files or on a store, and write it to a folder."""

    files: Files
    out: Annotated[
        str, typer.Option("--out", metavar="MODEL", help="Folder to write.", callback=refuse_option)
    ]
    valid: Valid = None
    how: FileOptions
    skip_bad: SkipBad = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace MODEL.")] = False
    resume: Resume = False
    checkpoint_seconds: CheckpointSeconds = 60.0
    workers: Workers = 0
    computing: Computing
    quiet: Quiet = False
    data: DataSettings
    model: ModelSettings
    training: TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Pretrain:
    """Learn from unlabelled files to foretell the next step; train begins with what was learned."""

    files: Files
    out: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FOLDER", help="To write.", callback=refuse_option),
    ]
    how: Annotated[FileOptions, Only("kind", "sequence", "format")]
    skip_bad: SkipBad = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FOLDER.")] = False
    resume: Resume = False
    checkpoint_seconds: CheckpointSeconds = 60.0
    workers: Workers = 0
    computing: Annotated[Computing, Only("device")]
    quiet: Quiet = False
    data: DataSettings
    model: Annotated[
        ModelSettings,
        Only("encoder", "embedding_dim", "hidden_size", "num_layers", "bidirectional", "dropout"),
    ]
    training: Annotated[
        TrainingSettings,
        Only(
            "epochs",
            "patience",
            "batch_size",
            "batch_steps",
            "window",
            "learning_rate",
            "warmup_fraction",
            "weight_decay",
            "clip_norm",
            "valid_fraction",
            "seed",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Encode:
    """Encode labelled files for training, in memory that does not grow with them."""

    files: Files
    out: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="STORE", help="Folder to write.", callback=refuse_option
        ),
    ]
    valid: Valid = None
    how: FileOptions
    skip_bad: SkipBad = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace STORE.")] = False
    quiet: Quiet = False
    data: DataSettings
    training: Annotated[
        TrainingSettings, Only("valid_fraction", "refit", "vectors", "pretrained", "seed")
    ]


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a model on a labelled file."""

    model: Model
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or a folder label/*.txt.")]
    train_file: Annotated[
        str | None,
        typer.Option("--train", metavar="FILE", help="Also score without the records of FILE."),
    ] = None
    json: Json = False
    how: Annotated[
        FileOptions, Only("sequence", "label", "format", "labels_from", "label_separator")
    ]
    strict: Strict = False
    deterministic: Deterministic = False
    computing: Computing
    threshold: Threshold = None
    quiet: Quiet = False


@dataclass(frozen=True, kw_only=True)
class Predict:
    """Write a label and its probability for each record, in their order.

    A prediction of a file into OUT that was stopped goes on when the same command is run again.
    """

    model: Model
    file: Annotated[str, typer.Argument(metavar="FILE", help="- is standard input.")] = "-"
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where to: OUT.csv, .jsonl or .parquet.",
            callback=refuse_option,
        ),
    ] = None
    output_format: Annotated[
        Literal["csv", "jsonl"] | None,
        typer.Option(help="On standard output; csv where nothing is said."),
    ] = None
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="A probability for each class.")
    ] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False
    checkpoint_seconds: CheckpointSeconds = 60.0
    how: Annotated[FileOptions, Only("sequence", "format", "label_separator")]
    threshold: Threshold = None
    strict: Strict = False
    deterministic: Deterministic = False
    computing: Computing
    quiet: Quiet = False


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Say what is in a file, and what training on it would choose; or in a store or a model."""

    path: Annotated[str, typer.Argument(metavar="FILE|STORE|MODEL", help="What to look at.")]
    second: Annotated[
        str | None, typer.Argument(metavar="FILE", help="What has it in common with the first?")
    ] = None
    json: Json = False
    how: FileOptions


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure the speed of training and inference here, in about a minute."""

    json: Json = False
    threads: Annotated[
        int | None, typer.Option(help="Threads of torch; its own number by default.")
    ] = None
    computing: Annotated[Computing, Only("device")]
    quiet: Quiet = False


COMMANDS = (Train, Pretrain, Encode, Evaluate, Predict, Inspect, Bench)
