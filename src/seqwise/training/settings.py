"""What training chooses where the user says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqwise.config import (
    LEAST_WITH_PIECES,
    MOST_STRIDE,
    WITH_DIRECTIONS,
    DataConfig,
    ModelConfig,
    TrainConfig,
)
from seqwise.data.codecs import Codec
from seqwise.data.kinds import Kind
from seqwise.data.records import RawSequence
from seqwise.strict import setting_error, unknown_setting

SIZES_OF_COMPANIONS = {
    "num_ngrams",
    "ngram_repeats",
    "num_character_ngrams",
    "num_dilations",
    "num_thresholds",
    "num_levels",
    "num_starts",
    "num_trees",
    "num_nodes",
}
# Each with the fields that are no wishes, as they follow from the data.
CONFIGURATIONS: tuple[tuple[Any, set[str]], ...] = (
    (DataConfig, {"kind"}),
    (
        ModelConfig,
        {"num_classes", "multilabel", "vocab_size", "num_channels", *SIZES_OF_COMPANIONS},
    ),
    (TrainConfig, set()),
)
# What a setting is about; with other kinds it would have no effect, and is refused.
MEANT_FOR = {
    "tokens": (Kind.TEXT,),
    "case": (Kind.TEXT,),
    "vocab_size": (Kind.TEXT, Kind.EVENTS),
    "min_count": (Kind.TEXT, Kind.EVENTS),
    "kmer": (Kind.DNA, Kind.PROTEIN),
    "token_dropout": (Kind.TEXT, Kind.DNA, Kind.PROTEIN, Kind.EVENTS),
    "jitter": (Kind.SERIES,),
    "scaling": (Kind.SERIES,),
    "mutation": (Kind.DNA,),
    "strand_flip": (Kind.DNA,),
}
SAMPLE = 1_000
# What may be said of any kind: that there be no such thing.
_IDLE = {
    **DataConfig(kind="text").to_dict(),
    **dict.fromkeys(("token_dropout", "jitter", "scaling", "mutation", "strand_flip"), 0.0),
}
MAX_POSITIONS = 1_024
LARGE_VOCABULARY = 1_000  # learned by heart sooner than a small one
GREAT_SPREAD = 2.0  # a quarter of the series is more than seven times as loud as another
ENOUGH_VECTORS = 200  # of a long series; a recurrent layer remembers no more
CONVOLVING = 0.1  # what it costs to make few vectors of many steps, in an LSTM's price of a step
MANY_WORDS = 500_000  # of so long a text, three in a row come again (docs/design/0016)
MOTIF = 9  # letters of DNA or protein that a filter sees at once
ENOUGH_UPDATES = 5_000  # a small file gets more epochs, until it has had so many updates
MOST_STEPS = 30_000_000  # a long one gets fewer, so that it is done in minutes
EPOCHS_RANGE = (6, 60)
# A batch is made smaller where an epoch would have fewer updates (docs/design/0035-small-files.md),
UPDATES_AN_EPOCH, SMALLEST_BATCH = 12, 4
# and more is held out where a tenth of the records would be fewer.
RECORDS_HELD_OUT, LARGEST_SHARE = 50, 0.25
# What other encoders than the LSTM are better given (docs/design/0015-encoders.md).
SHAPES: dict[str, dict[str, Any]] = {
    "convolution": {"pooling": "max"},
    "residual": {"pooling": "max+mean", "num_layers": 5},
    "transformer": {"pooling": "max+mean", "num_layers": 2},
}
RATES = {"transformer": 1e-3}
# With more records to learn from, the tenth held out would add little to what a model knows, and a
# second training costs as much as the first.
MOST_REFITTED = 20_000


@dataclass(frozen=True)
class Wishes:
    """The settings that the user has spoken of, by their names; all others are chosen.

    Parameters
    ----------
    data, model, train
        Fields of `DataConfig`, `ModelConfig` and `TrainConfig`.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def sorted(cls, settings: Mapping[str, Any]) -> Self:
        """Give each setting to the configuration that has it; None leaves a setting open.

        Raises
        ------
        ConfigError
            For a name that none of them has, and for a value that cannot be.
        """
        parts: list[dict[str, Any]] = [{}, {}, {}]
        names = [{each.name for each in fields(kind)} - own for kind, own in CONFIGURATIONS]
        for name, value in settings.items():
            homes = [part for part, known in zip(parts, names, strict=True) if name in known]
            if not homes:
                raise unknown_setting(name, value, set().union(*names))
            if value is not None and (name, value) != ("encoder", "auto"):
                homes[0][name] = value
        # Refused here, before a file is read, and not only where a configuration is made of them.
        DataConfig.from_dict({"kind": "text", **parts[0]})
        inputs = "num_channels" if parts[1].get("own_scale") else "vocab_size"
        ModelConfig.from_dict({"num_classes": 2, inputs: 1, **parts[1]})
        TrainConfig.from_dict(parts[2])
        return cls(*parts)

    def with_columns(
        self, sequence: str | None, label: str | None, label_separator: str | None
    ) -> Self:
        """Add what a file is read by, so that a model remembers it."""
        columns = {
            "sequence_column": sequence,
            "label_column": label,
            "label_separator": label_separator,
        }
        return replace(self, data={**self.data, **columns})


def choose_data(kind: Kind, sequences: Sequence[RawSequence], wishes: Wishes) -> DataConfig:
    """Choose what a step is.

    Text of single words (names, say) is read by the character, and with its case. Other text is
    read by the word; capitals are marked, and a word seen once is read in pieces: see
    docs/design/0033.

    Raises
    ------
    ConfigError
        For a setting that has no effect on sequences of this kind.
    """
    _check_meant(kind, {**wishes.data, **wishes.train})
    chosen: dict[str, Any] = {"kind": str(kind)}
    if kind is Kind.TEXT:
        words = np.mean([len(str(text).split()) for text in sequences[:SAMPLE]])
        if words < 2:
            chosen |= {"tokens": "characters", "case": "keep"}
        elif wishes.data.get("tokens", "words") != "words":
            chosen["case"] = "drop"
        elif wishes.data.get("vocab_size", LEAST_WITH_PIECES) >= LEAST_WITH_PIECES:
            chosen["min_count"] = 2
    return DataConfig.from_dict(chosen | dict(wishes.data))


def _check_meant(kind: Kind, wished: Mapping[str, Any]) -> None:
    """Refuse a setting that has no effect on sequences of a kind."""
    for name, kinds in MEANT_FOR.items():
        value = wished.get(name)
        if kind not in kinds and value not in (None, _IDLE[name]):
            expected = f"nothing, as it is about {' and '.join(kinds)}, and these are {kind}"
            raise setting_error(name, value, expected)


def _check_letters(data: DataConfig, config: TrainConfig, *, both_strands: bool) -> None:
    """Refuse changes of letters and strands that a model could not see."""
    if config.mutation and data.kmer > 1:
        raise setting_error("mutation", config.mutation, "0, or single letters (--kmer 1)")
    if config.strand_flip and data.kmer % 2 == 0:
        expected = "0, or k-mers of an odd number of letters (--kmer)"
        raise setting_error("strand_flip", config.strand_flip, expected)
    if config.strand_flip and both_strands:
        expected = "0 with --both-strands, which reads both each time"
        raise setting_error("strand_flip", config.strand_flip, expected)


def choose_refit(num_records: int, *, holds_out: bool, wishes: Wishes) -> bool:
    """Choose whether to train once more on all records.

    Parameters
    ----------
    num_records
        Sequences in the training part.
    holds_out
        Whether a part of the training file chooses the epoch.
    wishes
        What the user has said.
    """
    return bool(wishes.train.get("refit", holds_out and num_records <= MOST_REFITTED))


def choose_valid_fraction(num_records: int, wishes: Wishes) -> float:
    """Choose which share of the records is held out: of few a larger one, as it has to choose.

    Parameters
    ----------
    num_records
        Of the training file.
    wishes
        What the user has said.
    """
    wanted = round(min(RECORDS_HELD_OUT / num_records, LARGEST_SHARE), 3)
    return float(wishes.train.get("valid_fraction", max(wanted, TrainConfig().valid_fraction)))


def choose_stride(kind: str, lengths: NDArray[np.int64], wishes: Wishes) -> int:
    """Choose how many steps are joined into one: several where most series are long.

    Parameters
    ----------
    kind
        Of the sequences.
    lengths
        Steps of each that are read at once, ``(n,)``.
    wishes
        What the user has said.
    """
    vectors = float(np.median(lengths)) / ENOUGH_VECTORS if kind == "series" else 1.0
    longest = min(1 << int(math.log2(max(vectors, 1.0))), MOST_STRIDE)
    return int(wishes.model.get("stride", longest))


def price_of_steps(stride: int) -> float:
    """Say what a step costs that is joined with others, in an LSTM's price of a step."""
    return 1.0 if stride == 1 else CONVOLVING + 1 / stride


def choose_model(
    codec: Codec,
    encoder: str,
    *,
    num_classes: int,
    multilabel: bool = False,
    common_length: int | None,
    num_tokens: int = 0,
    stride: int = 1,
    spread: float = 0.0,
    wishes: Wishes,
) -> ModelConfig:
    """Choose the shape of a network that fits a codec.

    Parameters
    ----------
    codec
        Fitted.
    encoder
        What reads the steps.
    num_classes
        Size of the logits.
    multilabel
        Whether a record may bear any number of these.
    common_length
        Steps of the training sequences where all have the same number: their positions mean
        something then. None otherwise.
    num_tokens
        Of all training sequences.
    stride
        As `choose_stride` gives it.
    spread
        Of the loudness of series: the logarithm of how many times as loud the louder quarter of
        them is at the least as the softer quarter at the most; 0 for tokens.
    wishes
        What the user has said.

    Raises
    ------
    ConfigError
        For another strand that the sequences do not have.
    """
    if wishes.model.get("both_strands") and codec.complements() is None:
        expected = "false: only DNA has another strand, read in k-mers of an odd number of letters"
        raise setting_error("both_strands", True, expected)
    num_positions = 0 if common_length is None else -(-common_length // stride)
    is_biological = codec.config.kind in ("dna", "protein")
    chosen: dict[str, Any] = {
        "num_classes": num_classes,
        "multilabel": multilabel,
        "dropout": 0.5 if codec.vocab_size >= LARGE_VOCABULARY else 0.3,
        "kernel_size": MOTIF if is_biological and codec.config.kmer == 1 else 0,
        "vocab_size": codec.vocab_size,
        "num_channels": codec.num_channels,
        "stride": stride,
        "num_positions": num_positions if num_positions <= MAX_POSITIONS else 0,
        "own_scale": spread > GREAT_SPREAD,
        "ngrams": _longest_ngram(codec, num_tokens),
        **SHAPES.get(encoder, {}),
        "encoder": encoder,
    }
    return ModelConfig.from_dict(chosen | dict(wishes.model))


def _longest_ngram(codec: Codec, num_tokens: int) -> int:
    """Choose the n-grams that say most of such sequences, by what they got on held-out parts."""
    data = codec.config
    if data.kind == "dna" and data.kmer == 1:
        return 8
    if data.kind == "text" and data.tokens in ("characters", "bytes"):
        return 4
    return 2 if data.kind == "text" and num_tokens < MANY_WORDS else 3


def choose_training(
    data: DataConfig,
    *,
    num_records: int,
    num_steps: int,
    refits: bool,
    multilabel: bool = False,
    valid_fraction: float | None = None,
    wishes: Wishes,
) -> TrainConfig:
    """Choose how long to train, how fast, in which batches and how many tokens to drop.

    Parameters
    ----------
    data
        What a step is.
    num_records
        Sequences in the training part.
    num_steps
        Steps that an epoch trains on, and a third of those that it validates on, at their price.
    refits
        Whether there is something to refit on.
    multilabel
        Whether a record may bear any number of labels.
    valid_fraction
        Share that was held out, if one was.
    wishes
        What the user has said.

    Raises
    ------
    ConfigError
        For a setting that has no effect on such sequences.
    """
    _check_meant(Kind(data.kind), wishes.train)
    if multilabel and wishes.train.get("class_weight") == "auto":
        expected = "none, balanced or a table: thresholds are chosen by the F1 of each label here"
        raise setting_error("class_weight", "auto", expected)
    is_biological = data.kind in ("dna", "protein")
    # Who names an encoder wants to see what that one can do, alone.
    chosen: dict[str, Any] = {
        "refit": refits,
        "linear": "encoder" not in wishes.model,
        "tune_thresholds": multilabel,
        "batch_size": _choose_batch_size(num_records),
    }
    if valid_fraction is not None:
        chosen["valid_fraction"] = valid_fraction
    if is_biological or (data.kind == "text" and data.tokens in ("characters", "bytes")):
        # A letter says less than a word: more of them can be lost, so that no few are relied on.
        chosen["token_dropout"] = 0.15
    if data.kind == "series":
        chosen["token_dropout"] = 0.0  # there are none
    if is_biological:
        chosen["learning_rate"] = 3e-3
    config = TrainConfig.from_dict(chosen | dict(wishes.train))
    both_strands = bool(wishes.model.get("both_strands"))
    _check_letters(data, config, both_strands=both_strands)
    if "epochs" in wishes.train:
        return config
    updates_an_epoch = max(1, int(num_records * config.epoch_share) // config.batch_size)
    few, many = EPOCHS_RANGE
    epochs = min(math.ceil(ENOUGH_UPDATES / updates_an_epoch), MOST_STEPS // num_steps, many)
    return replace(config, epochs=max(few, epochs))


def _choose_batch_size(num_records: int) -> int:
    """Choose the largest power of two that leaves an epoch enough updates."""
    fitting = max(num_records // UPDATES_AN_EPOCH, SMALLEST_BATCH)
    return min(1 << (fitting.bit_length() - 1), TrainConfig().batch_size)


def choose_rate(config: TrainConfig, encoder: str, wishes: Wishes) -> TrainConfig:
    """Choose the learning rate of an encoder that trains at another one than the rest."""
    if encoder in RATES and "learning_rate" not in wishes.train:
        return replace(config, learning_rate=RATES[encoder])
    return config


def describe_shape(shape: ModelConfig) -> str:
    """Say in a few words what a model is made of."""
    layers = f"{shape.num_layers} layers" if shape.num_layers > 1 else "1 layer"
    details = [f"{layers} of {shape.hidden_size}"]
    if shape.encoder == "convolution":
        details = [f"{layers} of {shape.hidden_size} for each width"]
    if shape.encoder in WITH_DIRECTIONS:
        details.append("both directions" if shape.bidirectional else "one direction")
    if shape.both_strands:
        details.append("both strands")
    if shape.own_scale:
        details.append("own scale")
    if shape.num_positions:
        details.append(f"{shape.num_positions} positions")
    convolution = f"convolution over {shape.kernel_size}, " if shape.kernel_size else ""
    if shape.stride > 1:
        convolution = f"convolutions that join {shape.stride} steps, "
    number = f"{shape.num_networks} networks, each " if shape.num_networks > 1 else ""
    beside = ""
    if shape.num_ngrams:
        what = f"n-grams (1 to {shape.ngrams})" if shape.ngrams > 1 else "single tokens"
        what += ", by how often they come" if shape.ngram_repeats else ""
        beside = f"; beside it a linear model of {shape.num_ngrams:,} {what}"
    if shape.num_character_ngrams:
        beside += f" and one of {shape.num_character_ngrams:,} n-grams of characters"
    if shape.num_dilations:
        beside = "; beside it a linear model of random convolutions"
    if shape.num_trees:
        beside += f" and a forest of {shape.num_trees} trees"
    network = f"{convolution}{shape.encoder} ({', '.join(details)}), pooling {shape.pooling}"
    return f"{number}{network}{beside}"
