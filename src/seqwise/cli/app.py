"""The commands and their options; what a command does is imported when it is called.

torch takes seconds to import, and `seqwise --help` should not.
"""

from __future__ import annotations

import importlib
import os
from enum import StrEnum
from typing import Annotated

import typer

from seqwise.cli.ending import heed_signals, prepare_streams
from seqwise.cli.options import FileOptions
from seqwise.cli.program import Program
from seqwise.cli.usage import refuse_option
from seqwise.version import __version__

app = typer.Typer(
    cls=Program,
    name="seqwise",
    help="One label for a whole sequence: text, DNA, protein, series, events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class KindName(StrEnum):
    """What sequences are."""

    text = "text"
    dna = "dna"
    protein = "protein"
    series = "series"
    events = "events"


class FormatName(StrEnum):
    """How a file is written."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    parquet = "parquet"
    fasta = "fasta"
    ts = "ts"
    folder = "folder"
    lines = "lines"


class EncoderName(StrEnum):
    """What reads the steps."""

    auto = "auto"
    rnn = "rnn"
    lstm = "lstm"
    gru = "gru"
    mingru = "mingru"
    convolution = "convolution"
    residual = "residual"
    transformer = "transformer"


class TokensName(StrEnum):
    """What a step of text is."""

    words = "words"
    characters = "characters"
    bytes = "bytes"
    bpe = "bpe"


class DeviceName(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class PrecisionName(StrEnum):
    """What the encoder computes in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class StreamFormat(StrEnum):
    """How predictions are written to standard output."""

    csv = "csv"
    jsonl = "jsonl"


DATA, MODEL, TRAINING = "What a step is", "The model", "The training"

File = Annotated[str, typer.Argument(metavar="FILE", help="A file, or a folder label/*.txt.")]
Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files, folders of files, or a folder label/*.txt."),
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A folder that train has written.")]
Format = Annotated[
    FormatName | None, typer.Option("--format", help="How the file is written; guessed.")
]
Sequence = Annotated[
    str | None, typer.Option("--sequence", metavar="COLUMN", help="Column of the sequences.")
]
Label = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Column of labels.")]
LabelsFrom = Annotated[
    str | None,
    typer.Option("--labels-from", metavar="TABLE", help="Table of ids and labels for FASTA."),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        "--label-separator", metavar="TEXT", help="Between several labels of a cell, such as ';'."
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|LABEL=NUMBER,...",
        help="Probability from which a label is given, in place of what training chose.",
    ),
]
Kind = Annotated[KindName | None, typer.Option("--kind", help="What the sequences are; guessed.")]
Device = Annotated[DeviceName | None, typer.Option("--device", help="Where to compute.")]
Precision = Annotated[
    PrecisionName | None,
    typer.Option("--precision", help="Of the encoder; bfloat16 is faster on some hardware."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Probabilities independent of the batch in every bit."),
]
CheckpointSeconds = Annotated[
    float, typer.Option(help="Between two moments that a stopped run can go on from.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave bad records out; report them.")]
Strict = Annotated[bool, typer.Option("--strict", help="A bad record is an error.")]


Tokens = Annotated[
    TokensName | None, typer.Option(help="What a step of text is.", rich_help_panel=DATA)
]
Lowercase = Annotated[
    bool | None,
    typer.Option(
        "--lowercase/--keep-case", help="Whether case of text is dropped.", rich_help_panel=DATA
    ),
]
VocabSize = Annotated[
    int | None, typer.Option(help="Most tokens or events to know.", rich_help_panel=DATA)
]
MinCount = Annotated[
    int | None,
    typer.Option(help="Words and events seen less often are unknown.", rich_help_panel=DATA),
]
Kmer = Annotated[
    int | None, typer.Option(help="Letters of DNA or protein in a token.", rich_help_panel=DATA)
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        help="Steps after which sequences are cut; none by default.", rich_help_panel=DATA
    ),
]
ValidFraction = Annotated[
    float | None,
    typer.Option(help="Share held out to choose the epoch.", rich_help_panel=TRAINING),
]
Refit = Annotated[
    bool | None,
    typer.Option(
        "--refit/--keep-best",
        help="Train once more on all of FILE, or keep the best epoch's model.",
        rich_help_panel=TRAINING,
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Word vectors (GloVe, .vec) to start from.", rich_help_panel=TRAINING
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="What pretrain wrote, to start from.", rich_help_panel=TRAINING
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Of the split, the weights and the order.", rich_help_panel=TRAINING),
]
Valid = Annotated[
    str | None, typer.Option(metavar="FILE", help="Chooses the epoch; else a part of FILE.")
]

Encoder = Annotated[
    EncoderName | None, typer.Option(help="What reads the steps.", rich_help_panel=MODEL)
]
EmbeddingDim = Annotated[
    int | None, typer.Option(help="Size of a step's vector.", rich_help_panel=MODEL)
]
HiddenSize = Annotated[
    int | None, typer.Option(help="Size of a hidden state.", rich_help_panel=MODEL)
]
NumLayers = Annotated[
    int | None, typer.Option(help="Layers of the encoder.", rich_help_panel=MODEL)
]
Bidirectional = Annotated[
    bool | None,
    typer.Option(
        "--bidirectional/--one-direction", help="Directions of reading.", rich_help_panel=MODEL
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(help="Share of values dropped in training.", rich_help_panel=MODEL),
]
Epochs = Annotated[
    int | None,
    typer.Option(help="Most passes over the training part.", rich_help_panel=TRAINING),
]
Patience = Annotated[
    int | None,
    typer.Option(help="Epochs without gain before stopping.", rich_help_panel=TRAINING),
]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Sequences in a batch, at the most.", rich_help_panel=TRAINING),
]
BatchSteps = Annotated[
    int | None,
    typer.Option(help="Padded steps in a batch, at the most.", rich_help_panel=TRAINING),
]
Window = Annotated[
    int | None,
    typer.Option(help="Steps of a sequence that an epoch reads.", rich_help_panel=TRAINING),
]
LearningRate = Annotated[
    float | None, typer.Option(help="The highest, after warm-up.", rich_help_panel=TRAINING)
]
WarmupFraction = Annotated[
    float | None,
    typer.Option(help="Share of training that warms up.", rich_help_panel=TRAINING),
]
WeightDecay = Annotated[float | None, typer.Option(help="Of AdamW.", rich_help_panel=TRAINING)]
ClipNorm = Annotated[
    float | None, typer.Option(help="Largest norm of a gradient.", rich_help_panel=TRAINING)
]
Workers = Annotated[int, typer.Option(min=0, max=64, help="Threads that prepare batches ahead.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where training was stopped.")]


@app.command()
def train(
    files: Files,
    out: Annotated[
        str, typer.Option("--out", metavar="MODEL", help="Folder to write.", callback=refuse_option)
    ],
    valid: Valid = None,
    kind: Kind = None,
    sequence: Sequence = None,
    label: Label = None,
    format_: Format = None,
    labels_from: LabelsFrom = None,
    label_separator: LabelSeparator = None,
    skip_bad: SkipBad = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace MODEL.")] = False,
    resume: Resume = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    workers: Workers = 0,
    device: Device = None,
    precision: Precision = None,
    quiet: Quiet = False,
    tokens: Tokens = None,
    lowercase: Lowercase = None,
    vocab_size: VocabSize = None,
    min_count: MinCount = None,
    kmer: Kmer = None,
    max_length: MaxLength = None,
    encoder: Encoder = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="last, mean, max, attention, or several joined by +.", rich_help_panel=MODEL
        ),
    ] = None,
    embedding_dim: EmbeddingDim = None,
    hidden_size: HiddenSize = None,
    num_layers: NumLayers = None,
    bidirectional: Bidirectional = None,
    dropout: Dropout = None,
    kernel_size: Annotated[
        int | None,
        typer.Option(help="Tokens that a convolution sees; 0: none.", rich_help_panel=MODEL),
    ] = None,
    num_positions: Annotated[
        int | None,
        typer.Option(help="Positions with a vector of their own.", rich_help_panel=MODEL),
    ] = None,
    linear: Annotated[
        bool | None,
        typer.Option(
            "--linear/--no-linear",
            help="Let a linear model answer together with the network; the default, unless an "
            "encoder is named.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    both_strands: Annotated[
        bool | None,
        typer.Option(
            "--both-strands/--one-strand",
            help="The same answer for DNA and its reverse complement.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    ngrams: Annotated[
        int | None,
        typer.Option(help="Tokens of the linear model's longest n-gram.", rich_help_panel=MODEL),
    ] = None,
    num_networks: Annotated[
        int | None,
        typer.Option(help="Networks that answer together.", rich_help_panel=MODEL),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="That training may take: 90s, 10m, 1.5h; what is tried is chosen to fit.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    epoch_share: Annotated[
        float | None,
        typer.Option(help="Share of the records that an epoch takes.", rich_help_panel=TRAINING),
    ] = None,
    epochs: Epochs = None,
    patience: Patience = None,
    batch_size: BatchSize = None,
    batch_steps: BatchSteps = None,
    window: Window = None,
    token_dropout: Annotated[
        float | None,
        typer.Option(help="Share of tokens read as unknown.", rich_help_panel=TRAINING),
    ] = None,
    jitter: Annotated[
        float | None,
        typer.Option(
            help="Series: noise added, in deviations of a channel.", rich_help_panel=TRAINING
        ),
    ] = None,
    scaling: Annotated[
        float | None,
        typer.Option(
            help="Series: spread of the factor of a whole series.", rich_help_panel=TRAINING
        ),
    ] = None,
    mutation: Annotated[
        float | None,
        typer.Option(help="DNA: share of letters read as another.", rich_help_panel=TRAINING),
    ] = None,
    strand_flip: Annotated[
        float | None,
        typer.Option(
            help="DNA: share of sequences read from the other strand.", rich_help_panel=TRAINING
        ),
    ] = None,
    learning_rate: LearningRate = None,
    warmup_fraction: WarmupFraction = None,
    weight_decay: WeightDecay = None,
    clip_norm: ClipNorm = None,
    average_decay: Annotated[
        float | None,
        typer.Option(
            help="Of the moving average of the weights that is kept; 0: none.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(help="Probability spread over all classes.", rich_help_panel=TRAINING),
    ] = None,
    class_weight: Annotated[
        str | None,
        typer.Option(
            help="none, balanced, or LABEL=WEIGHT,LABEL=WEIGHT.", rich_help_panel=TRAINING
        ),
    ] = None,
    tune_thresholds: Annotated[
        bool | None,
        typer.Option(
            "--tune-thresholds/--plain-thresholds",
            help="Choose the probabilities from which labels are given by F1 on records held out; "
            "the default where a record may bear any number of labels.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    valid_fraction: ValidFraction = None,
    refit: Refit = None,
    vectors: Vectors = None,
    pretrained: Pretrained = None,
    seed: Seed = None,
) -> None:
    """Train a model on labelled files or on a store, and write it to a folder."""
    _call(
        "train",
        files=files,
        out=out,
        valid=valid,
        skip_bad=skip_bad,
        overwrite=overwrite,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        workers=workers,
        quiet=quiet,
        how=FileOptions(kind, format_, sequence, label, labels_from, label_separator),
        wishes={
            "tokens": tokens,
            "lowercase": lowercase,
            "vocab_size": vocab_size,
            "min_count": min_count,
            "kmer": kmer,
            "max_length": max_length,
            "encoder": encoder,
            "pooling": pooling,
            "embedding_dim": embedding_dim,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "kernel_size": kernel_size,
            "num_positions": num_positions,
            "linear": linear,
            "ngrams": ngrams,
            "num_networks": num_networks,
            "budget": budget,
            "epoch_share": epoch_share,
            "both_strands": both_strands,
            "epochs": epochs,
            "patience": patience,
            "batch_size": batch_size,
            "batch_steps": batch_steps,
            "window": window,
            "token_dropout": token_dropout,
            "jitter": jitter,
            "scaling": scaling,
            "mutation": mutation,
            "strand_flip": strand_flip,
            "learning_rate": learning_rate,
            "warmup_fraction": warmup_fraction,
            "weight_decay": weight_decay,
            "clip_norm": clip_norm,
            "average_decay": average_decay,
            "label_smoothing": label_smoothing,
            "class_weight": class_weight,
            "tune_thresholds": tune_thresholds,
            "valid_fraction": valid_fraction,
            "refit": refit,
            "vectors": vectors,
            "pretrained": pretrained,
            "seed": seed,
            "device": device,
            "precision": precision,
        },
    )


@app.command()
def pretrain(
    files: Files,
    out: Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="To write.")],
    kind: Kind = None,
    sequence: Sequence = None,
    format_: Format = None,
    skip_bad: SkipBad = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FOLDER.")] = False,
    resume: Resume = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    workers: Workers = 0,
    device: Device = None,
    quiet: Quiet = False,
    tokens: Tokens = None,
    lowercase: Lowercase = None,
    vocab_size: VocabSize = None,
    min_count: MinCount = None,
    kmer: Kmer = None,
    max_length: MaxLength = None,
    encoder: Encoder = None,
    embedding_dim: EmbeddingDim = None,
    hidden_size: HiddenSize = None,
    num_layers: NumLayers = None,
    bidirectional: Bidirectional = None,
    dropout: Dropout = None,
    epochs: Epochs = None,
    patience: Patience = None,
    batch_size: BatchSize = None,
    batch_steps: BatchSteps = None,
    window: Window = None,
    learning_rate: LearningRate = None,
    warmup_fraction: WarmupFraction = None,
    weight_decay: WeightDecay = None,
    clip_norm: ClipNorm = None,
    valid_fraction: ValidFraction = None,
    seed: Seed = None,
) -> None:
    """Learn from unlabelled files to foretell the next step; train begins with what was learned."""
    _call(
        "pretrain",
        files=files,
        out=out,
        skip_bad=skip_bad,
        overwrite=overwrite,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        workers=workers,
        quiet=quiet,
        how=FileOptions(kind, format_, sequence, None, None),
        wishes={
            "tokens": tokens,
            "lowercase": lowercase,
            "vocab_size": vocab_size,
            "min_count": min_count,
            "kmer": kmer,
            "max_length": max_length,
            "encoder": encoder,
            "embedding_dim": embedding_dim,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "epochs": epochs,
            "patience": patience,
            "batch_size": batch_size,
            "batch_steps": batch_steps,
            "window": window,
            "learning_rate": learning_rate,
            "warmup_fraction": warmup_fraction,
            "weight_decay": weight_decay,
            "clip_norm": clip_norm,
            "valid_fraction": valid_fraction,
            "seed": seed,
            "device": device,
        },
    )


@app.command()
def encode(
    files: Files,
    out: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="STORE", help="Folder to write.", callback=refuse_option
        ),
    ],
    valid: Valid = None,
    kind: Kind = None,
    sequence: Sequence = None,
    label: Label = None,
    format_: Format = None,
    labels_from: LabelsFrom = None,
    label_separator: LabelSeparator = None,
    skip_bad: SkipBad = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace STORE.")] = False,
    quiet: Quiet = False,
    tokens: Tokens = None,
    lowercase: Lowercase = None,
    vocab_size: VocabSize = None,
    min_count: MinCount = None,
    kmer: Kmer = None,
    max_length: MaxLength = None,
    valid_fraction: ValidFraction = None,
    refit: Refit = None,
    vectors: Vectors = None,
    pretrained: Pretrained = None,
    seed: Seed = None,
) -> None:
    """Encode labelled files for training, in memory that does not grow with them."""
    _call(
        "encode",
        files=files,
        out=out,
        valid=valid,
        skip_bad=skip_bad,
        overwrite=overwrite,
        quiet=quiet,
        how=FileOptions(kind, format_, sequence, label, labels_from, label_separator),
        wishes={
            "tokens": tokens,
            "lowercase": lowercase,
            "vocab_size": vocab_size,
            "min_count": min_count,
            "kmer": kmer,
            "max_length": max_length,
            "valid_fraction": valid_fraction,
            "refit": refit,
            "vectors": vectors,
            "pretrained": pretrained,
            "seed": seed,
        },
    )


@app.command()
def evaluate(
    model: Model,
    file: File,
    train_file: Annotated[
        str | None,
        typer.Option("--train", metavar="FILE", help="Also score without the records of FILE."),
    ] = None,
    json_: Json = False,
    sequence: Sequence = None,
    label: Label = None,
    format_: Format = None,
    labels_from: LabelsFrom = None,
    label_separator: LabelSeparator = None,
    strict: Strict = False,
    deterministic: Deterministic = False,
    device: Device = None,
    precision: Precision = None,
    threshold: Threshold = None,
    quiet: Quiet = False,
) -> None:
    """Score a model on a labelled file."""
    _call(
        "evaluate",
        folder=model,
        file=file,
        train_file=train_file,
        as_json=json_,
        strict=strict,
        deterministic=deterministic,
        device=device,
        precision=precision,
        threshold=threshold,
        quiet=quiet,
        how=FileOptions(None, format_, sequence, label, labels_from, label_separator),
    )


@app.command()
def predict(
    model: Model,
    file: Annotated[str, typer.Argument(metavar="FILE", help="- is standard input.")] = "-",
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where to: OUT.csv, .jsonl or .parquet.",
            callback=refuse_option,
        ),
    ] = None,
    out_format: Annotated[
        StreamFormat, typer.Option("--output-format", help="On standard output.")
    ] = StreamFormat.csv,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="A probability for each class.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    sequence: Sequence = None,
    format_: Format = None,
    label_separator: LabelSeparator = None,
    threshold: Threshold = None,
    strict: Strict = False,
    deterministic: Deterministic = False,
    device: Device = None,
    precision: Precision = None,
    quiet: Quiet = False,
) -> None:
    """Write a label and its probability for each record, in their order.

    A prediction of a file into OUT that was stopped goes on when the same command is run again.
    """
    _call(
        "predict",
        folder=model,
        file=file,
        out=out,
        out_format=str(out_format),
        probabilities=probabilities,
        overwrite=overwrite,
        strict=strict,
        checkpoint_seconds=checkpoint_seconds,
        deterministic=deterministic,
        device=device,
        precision=precision,
        threshold=threshold,
        quiet=quiet,
        how=FileOptions(None, format_, sequence, None, None, label_separator),
    )


@app.command()
def inspect(
    path: Annotated[str, typer.Argument(metavar="FILE|STORE|MODEL", help="What to look at.")],
    second: Annotated[
        str | None, typer.Argument(metavar="FILE", help="What has it in common with the first?")
    ] = None,
    json_: Json = False,
    kind: Kind = None,
    sequence: Sequence = None,
    label: Label = None,
    format_: Format = None,
    labels_from: LabelsFrom = None,
    label_separator: LabelSeparator = None,
) -> None:
    """Say what is in a file, and what training on it would choose; or in a store or a model."""
    _call(
        "inspect",
        path=path,
        second=second,
        as_json=json_,
        how=FileOptions(kind, format_, sequence, label, labels_from, label_separator),
    )


@app.command()
def bench(
    json_: Json = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads of torch; its own number by default.")
    ] = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Measure the speed of training and inference here, in about a minute."""
    _call("bench", as_json=json_, threads=threads, device=device, quiet=quiet)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqwise {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """One label for a whole sequence: text, DNA, protein, series, events."""


def _call(command: str, **arguments: object) -> None:
    """Import a command's file and run it."""
    importlib.import_module(f"seqwise.cli.{command}").run(**arguments)


def main() -> None:
    """Run the command line."""
    _wait_less()
    prepare_streams()
    heed_signals()
    app()


def _wait_less() -> None:
    """Have threads that wait for each other give way soon.

    GNU OpenMP lets them spin for milliseconds, and a machine that is busy with other work takes
    many times as long for two threads as for one then. Read when torch is loaded, later than here.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
