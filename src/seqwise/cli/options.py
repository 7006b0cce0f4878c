"""The options that commands share: of the files to read, of the machine, and of the run.

An option is declared once, in the words of Typer: its type, its help, and where the name of its
field is not enough its names. What belongs together is a group, which a command has as one field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from seqwise.config import Device, KindName, Precision

FormatName = Literal["csv", "tsv", "jsonl", "parquet", "fasta", "ts", "folder", "lines"]

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files, folders of files, or a folder label/*.txt."),
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A folder that train has written.")]
Valid = Annotated[
    str | None, typer.Option(metavar="FILE", help="Chooses the epoch; else a part of FILE.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave bad records out; report them.")]
Strict = Annotated[bool, typer.Option("--strict", help="A bad record is an error.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where training was stopped.")]
CheckpointSeconds = Annotated[
    float, typer.Option(help="Between two moments that a stopped run can go on from.")
]
Workers = Annotated[int, typer.Option(min=0, max=64, help="Threads that prepare batches ahead.")]
Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|LABEL=NUMBER,...",
        help="Probability from which a label is given, in place of what training chose.",
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Probabilities independent of the batch in every bit."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How a file is to be read; None where the user leaves it open."""

    kind: Annotated[KindName | None, typer.Option(help="What the sequences are; guessed.")] = None
    sequence: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the sequences.")
    ] = None
    label: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of labels.")] = None
    format: Annotated[FormatName | None, typer.Option(help="How the file is written; guessed.")] = (
        None
    )
    labels_from: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Table of ids and labels for FASTA.")
    ] = None
    label_separator: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Between several labels of a cell, such as ';'."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Computing:
    """On what a model computes, and in what."""

    device: Annotated[Device | None, typer.Option(help="Where to compute.")] = None
    precision: Annotated[
        Precision | None,
        typer.Option(help="Of the encoder; bfloat16 is faster on some hardware."),
    ] = None
