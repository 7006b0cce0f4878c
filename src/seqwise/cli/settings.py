"""The options that set a field of a configuration; None leaves it open, and training chooses.

A setting has the name of its field (`seqwise.config`), whose values it takes; a text is read in
`wishes.py` where it stands for more than itself. Each group has a panel of its own in the help.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from seqwise.config import Case, Encoder, Tokens

_data = partial(typer.Option, rich_help_panel="What a step is")
_model = partial(typer.Option, rich_help_panel="The model")
_training = partial(typer.Option, rich_help_panel="The training")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How records become encoded sequences."""

    tokens: Annotated[Tokens | None, _data(help="What a step of text is.")] = None
    case: Annotated[
        Case | None,
        _data(
            help="Capitals of text: made small, with a mark before the word or without; or kept."
        ),
    ] = None
    vocab_size: Annotated[int | None, _data(help="Most tokens or events to know.")] = None
    min_count: Annotated[
        int | None, _data(help="What is seen less often is unknown; words are read in pieces.")
    ] = None
    kmer: Annotated[int | None, _data(help="Letters of DNA or protein in a token.")] = None
    max_length: Annotated[
        int | None, _data(help="Steps after which sequences are cut; none by default.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The shape of a model."""

    encoder: Annotated[Literal["auto", Encoder] | None, _model(help="What reads the steps.")] = None
    pooling: Annotated[
        str | None, _model(help="last, mean, max, attention, or several joined by +.")
    ] = None
    embedding_dim: Annotated[int | None, _model(help="Size of a step's vector.")] = None
    hidden_size: Annotated[int | None, _model(help="Size of a hidden state.")] = None
    num_layers: Annotated[int | None, _model(help="Layers of the encoder.")] = None
    bidirectional: Annotated[
        bool | None, _model("--bidirectional/--one-direction", help="Directions of reading.")
    ] = None
    dropout: Annotated[float | None, _model(help="Share of values dropped in training.")] = None
    kernel_size: Annotated[int | None, _model(help="Tokens that a convolution sees; 0: none.")] = (
        None
    )
    stride: Annotated[
        int | None, _model(help="Steps joined into one by convolutions, a power of two; 1: none.")
    ] = None
    num_positions: Annotated[int | None, _model(help="Positions with a vector of their own.")] = (
        None
    )
    linear: Annotated[
        bool | None,
        _model(
            "--linear/--no-linear",
            help="Let linear models, and for series a forest, answer together with the network; "
            "the default, unless an encoder is named.",
        ),
    ] = None
    own_scale: Annotated[
        bool | None,
        _model(
            "--own-scale/--common-scale",
            help="Series: see each by its own mean and deviation as well; the default where their "
            "loudness differs greatly.",
        ),
    ] = None
    both_strands: Annotated[
        bool | None,
        _model(
            "--both-strands/--one-strand",
            help="The same answer for DNA and its reverse complement.",
        ),
    ] = None
    ngrams: Annotated[
        int | None,
        _model(help="Tokens of the linear model's longest n-gram; of long text, 1 is tried, too."),
    ] = None
    num_networks: Annotated[int | None, _model(help="Networks that answer together.")] = None


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a model is trained."""

    budget: Annotated[
        str | None,
        _training(
            metavar="TIME",
            help="That all of it may take: 90s, 10m, 1.5h; what is tried is chosen to fit.",
        ),
    ] = None
    epoch_share: Annotated[
        float | None, _training(help="Share of the records that an epoch takes.")
    ] = None
    epochs: Annotated[int | None, _training(help="Most passes over the training part.")] = None
    patience: Annotated[int | None, _training(help="Epochs without gain before stopping.")] = None
    batch_size: Annotated[
        int | None, _training(help="Sequences in a batch, at the most: 32, fewer of a small file.")
    ] = None
    batch_steps: Annotated[int | None, _training(help="Padded steps in a batch, at the most.")] = (
        None
    )
    window: Annotated[int | None, _training(help="Steps of a sequence that an epoch reads.")] = None
    token_dropout: Annotated[float | None, _training(help="Share of tokens read as unknown.")] = (
        None
    )
    jitter: Annotated[
        float | None, _training(help="Series: noise added, in deviations of a channel.")
    ] = None
    scaling: Annotated[
        float | None, _training(help="Series: spread of the factor of a whole series.")
    ] = None
    mutation: Annotated[float | None, _training(help="DNA: share of letters read as another.")] = (
        None
    )
    strand_flip: Annotated[
        float | None, _training(help="DNA: share of sequences read from the other strand.")
    ] = None
    learning_rate: Annotated[float | None, _training(help="The highest, after warm-up.")] = None
    warmup_fraction: Annotated[float | None, _training(help="Share of training that warms up.")] = (
        None
    )
    weight_decay: Annotated[float | None, _training(help="Of AdamW.")] = None
    clip_norm: Annotated[float | None, _training(help="Largest norm of a gradient.")] = None
    average_decay: Annotated[
        float | None,
        _training(help="Of the moving average of the weights that is kept; 0: none."),
    ] = None
    label_smoothing: Annotated[
        float | None, _training(help="Probability spread over all classes.")
    ] = None
    class_weight: Annotated[
        str | None,
        _training(
            help="none, balanced, auto (whichever of the two has the higher macro F1 on records "
            "held out), or LABEL=WEIGHT,LABEL=WEIGHT."
        ),
    ] = None
    tune_thresholds: Annotated[
        bool | None,
        _training(
            "--tune-thresholds/--plain-thresholds",
            help="Choose the probabilities from which labels are given by F1 on records held out; "
            "the default where a record may bear any number of labels.",
        ),
    ] = None
    valid_fraction: Annotated[
        float | None,
        _training(
            help="Share held out to choose the epoch: a tenth, or fifty records where that is "
            "more, up to a quarter."
        ),
    ] = None
    refit: Annotated[
        bool | None,
        _training(
            "--refit/--keep-best",
            help="Train once more on all of FILE, or keep the best epoch's model.",
        ),
    ] = None
    vectors: Annotated[
        str | None,
        _training(metavar="FILE", help="Word vectors (GloVe, .vec) to start from."),
    ] = None
    pretrained: Annotated[
        str | None, _training(metavar="FOLDER", help="What pretrain wrote, to start from.")
    ] = None
    seed: Annotated[int | None, _training(help="Of the split, the weights and the order.")] = None
