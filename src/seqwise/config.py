"""The settings of a run: what a step is, the shape of a model, how it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from seqwise.strict import Settings, setting_error

KindName = Literal["text", "dna", "protein", "series", "events"]
Encoder = Literal["rnn", "lstm", "gru", "mingru", "convolution", "residual", "transformer"]
Tokens = Literal["words", "characters", "bytes", "bpe"]
Case = Literal["mark", "drop", "keep"]
AnyClassWeight = Literal["none", "balanced", "auto"] | dict[str, float]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

WITH_DIRECTIONS = ("rnn", "lstm", "gru", "mingru")  # the others see both sides of a step at once
MOST_NGRAM_WEIGHTS = 1 << 23  # n-grams times classes: 32 MiB
LEAST_WITH_PIECES = 2_400  # ids of a vocabulary of words in which there is room for pieces of words
MOST_NETWORKS = 32
MOST_STRIDE = 64
MOST_NODES = 1 << 21  # of a forest: 56 MiB
MOST_DEPTH = 4_000  # of a tree: no more questions than records that it has learned from
POOLING_PARTS = ("last", "mean", "max", "attention")


@dataclass(frozen=True, kw_only=True)
class DataConfig(Settings):
    """How records become encoded sequences.

    Parameters
    ----------
    kind
        ``text``, ``dna``, ``protein``, ``series`` or ``events``.
    sequence_column, label_column
        Names in the training file, for formats that have columns.
    label_separator
        What stands between the labels of a cell of that file; None where it holds one, or a list.
    tokens
        For text: what a step is.
    case
        For text: what becomes of capitals. ``drop`` makes them small; so does ``mark``, and a token
        of its own before a word says that it began with one, or had nothing else.
    vocab_size
        Largest number of ids for text and events, padding and unknown among them; rarer tokens
        are unknown; of 2,400 ids or more some are pieces, in which rarer words are read.
    min_count
        Tokens seen less often in the training part are treated as those that have no room; for
        text and events.
    kmer
        For DNA and protein: letters of a token; tokens overlap, a step a letter.
    max_length
        Steps after which a sequence is cut, which is reported; None cuts nothing.
    """

    kind: KindName
    sequence_column: str | None = None
    label_column: str | None = None
    label_separator: str | None = None
    tokens: Tokens = "words"
    case: Case = "mark"
    vocab_size: int = 30_000
    min_count: int = 1
    kmer: int = 1
    max_length: int | None = None

    def _check(self) -> None:
        self._check_range("vocab_size", 10, None, "at least 10")
        self._check_range("min_count", 1, None, "at least 1")
        self._check_range("kmer", 1, 6, "1 to 6")
        self._check_range("max_length", 1, None, "at least 1 step")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Settings):
    """The shape of a model.

    Parameters
    ----------
    num_classes
        Size of the logits.
    multilabel
        Whether a sequence may bear any number of labels: each logit is that of a question of its
        own then, with yes or no for an answer.
    vocab_size
        Token ids, padding and unknown included; 0 for series.
    num_channels
        Channels of a series; 0 for tokens.
    encoder
        What reads the steps; docs/encoders.md says when to take which.
    kernel_size
        For tokens: steps that a convolution over the embedding sees at once, an odd number; 0 for
        no convolution.
    stride
        Steps that convolutions join into one before the encoder reads them, a power of two; with
        more than 1 they see `kernel_size` steps each, or 9.
    num_positions
        Positions that have a learned vector of their own, added to the embedding, of steps that
        are joined where `stride` is more than 1; 0 for none.
    pooling
        ``last``, ``mean``, ``max``, ``attention``, or several joined by ``+``.
    ngrams
        For tokens: tokens of the longest n-gram of the linear model that answers together with the
        network; before it is fitted, of the longest that are tried.
    num_ngrams
        N-grams that it knows; 0 where there is no such model.
    ngram_repeats
        Whether one counts the more, the more often it stands in a sequence.
    num_character_ngrams
        For text in words or byte-pair tokens: n-grams that another such model knows, of their
        characters; 0 where there is none.
    num_networks
        Networks of this shape that answer together, trained from different seeds.
    num_dilations, num_thresholds
        For series: of each kernel of the linear model of random convolutions that answers together
        with the network; 0 where there is no such model.
    num_levels
        For series: levels of the statistics that both the linear model and a forest make use of; 0
        for none.
    num_starts
        For series: beginnings that the forest looks at; 0 for none.
    num_trees, num_nodes
        For series: trees of a forest that answers together with the network, and their nodes; 0
        where there is none.
    own_scale
        For series: see each by its own mean and deviation as well.
    both_strands
        For DNA: answer with the mean of what is said of a sequence and of its reverse complement,
        so that both get the same probabilities.
    embedding_dim, hidden_size, num_layers, bidirectional, dropout
        As torch spells them; `hidden_size` is for each direction, or width of a convolution.
    """

    num_classes: int
    multilabel: bool = False
    vocab_size: int = 0
    num_channels: int = 0
    encoder: Encoder = "lstm"
    kernel_size: int = 0
    stride: int = 1
    num_positions: int = 0
    pooling: str = "last+max+mean"
    ngrams: int = 3
    num_ngrams: int = 0
    ngram_repeats: bool = False
    num_character_ngrams: int = 0
    num_networks: int = 1
    num_dilations: int = 0
    num_thresholds: int = 0
    num_levels: int = 0
    num_starts: int = 0
    num_trees: int = 0
    num_nodes: int = 0
    own_scale: bool = False
    both_strands: bool = False
    embedding_dim: int = 128
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.3

    def _check(self) -> None:
        if (self.vocab_size > 0) == (self.num_channels > 0):
            raise setting_error("vocab_size", self.vocab_size, "either tokens or channels")
        parts = self.pooling.split("+")
        if not set(parts) <= set(POOLING_PARTS) or len(set(parts)) < len(parts):
            expected = f"of {', '.join(POOLING_PARTS)}, joined by +"
            raise setting_error("pooling", self.pooling, expected)
        fewest = 1 if self.multilabel else 2
        self._check_range("num_classes", fewest, None, f"at least {fewest}")
        self._check_range("num_networks", 1, MOST_NETWORKS, f"1 to {MOST_NETWORKS}")
        for name in ("vocab_size", "num_channels", "num_positions"):
            self._check_range(name, 0, None, "0 or more")
        if self.kernel_size and (self.kernel_size % 2 == 0 or not self.vocab_size):
            raise setting_error("kernel_size", self.kernel_size, "an odd number, and tokens")
        self._check_range("kernel_size", 0, 99, "0 to 99")
        if not 1 <= self.stride <= MOST_STRIDE or self.stride.bit_count() > 1:
            raise setting_error("stride", self.stride, f"a power of two, to {MOST_STRIDE}")
        if self.both_strands and not self.vocab_size:
            raise setting_error("both_strands", True, "false: a series has no other strand")
        if self.own_scale and not self.num_channels:
            raise setting_error("own_scale", True, "false: only a series has a scale")
        self._check_range("ngrams", 1, 8, "1 to 8")
        most = MOST_NGRAM_WEIGHTS // self.num_classes if self.vocab_size else 0
        for name in ("num_ngrams", "num_character_ngrams"):
            self._check_range(name, 0, most, f"0 to {most:,}")
        self._check_range("num_dilations", 0, 16 if self.num_channels else 0, "0 to 16, for series")
        most = 100 if self.num_dilations else 0
        self._check_range("num_thresholds", 0, most, "0 to 100, for series")
        self._check_forest()
        for name in ("embedding_dim", "hidden_size"):
            self._check_range(name, 1, None, "at least 1")
        if self.encoder == "transformer" and self.hidden_size % 2:
            raise setting_error("hidden_size", self.hidden_size, "an even number (transformer)")
        if not self.bidirectional and self.encoder not in WITH_DIRECTIONS:
            raise setting_error("bidirectional", False, f"true, or {', '.join(WITH_DIRECTIONS)}")
        self._check_range("num_layers", 1, 100, "1 to 100")
        self._check_range("dropout", 0, 0.95, "0 to 0.95")

    def _check_forest(self) -> None:
        most = 4 if self.num_dilations or self.num_trees else 0
        self._check_range("num_levels", 0, most, "0 to 4, for series")
        self._check_range("num_starts", 0, 16 if self.num_trees else 0, "0 to 16, for a forest")
        most = 1_000 if self.num_channels and self.num_levels else 0
        self._check_range("num_trees", 0, most, "0 to 1,000, for series with levels")
        most = MOST_NODES if self.num_trees else 0
        self._check_range("num_nodes", self.num_trees, most, f"one a tree, to {MOST_NODES:,}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """How a model is trained.

    Parameters
    ----------
    budget
        Seconds that all may take, from reading the files on; what is tried and how long it is
        trained is chosen to fit. None chooses by the size of the data alone.
    epochs
        The most passes over the training part, over which the learning rate falls.
    epoch_share
        Share of the batches of a pass that an epoch takes, drawn anew each time.
    patience
        Epochs without a better validation score after which training stops.
    batch_size
        Sequences in a batch, at the most.
    batch_steps
        Padded steps in a batch, at the most; a longer sequence gets a batch of its own.
    window
        Steps of a sequence that one epoch reads; of a longer one a window, drawn anew each epoch.
        Validation and prediction read sequences whole.
    token_dropout
        Probability that a token of the training part is read as unknown: what a model has to do
        with tokens that it does not know is learned, too. Not for series.
    jitter
        For series: deviation of the noise that is added to each value of the training part, in
        deviations of its channel.
    scaling
        For series: deviation of the logarithm of the factor that each series of the training part
        is multiplied by, its channels standardised.
    mutation
        For DNA in single letters: probability that a letter of the training part is read as another
        one of A, C, G and T.
    strand_flip
        For DNA: probability that a sequence of the training part is read from the other strand.
    learning_rate
        The highest, after warm-up.
    warmup_fraction
        Share of all updates during which the rate rises; it falls to 0 along a cosine afterwards.
    weight_decay
        Of AdamW, on weight matrices only.
    clip_norm
        Largest norm of a gradient.
    average_decay
        Of the exponential moving average of the weights over the updates, which is validated and
        kept in place of the weights; 0 for none.
    label_smoothing
        Probability spread evenly over all classes in the target; over yes and no for each label
        where a record may bear any number of them.
    class_weight
        ``balanced`` weighs a class by the inverse of its frequency; a table gives each label's
        weight in the loss, 1 where it names none. Where a record may bear any number of labels,
        the records with a label weigh so much beside those without: with ``balanced`` both as much.
        ``auto`` tries ``none`` and ``balanced`` in short trainings and takes what has the higher
        macro F1 on the records held out; docs/design/0031 says when that pays.
    valid_fraction
        Share of the training file held out to choose the epoch, where no file is given for it.
    tune_thresholds
        Choose the probabilities from which labels are given on the records held out, those with
        the best F1; docs/design/0019 says how. Otherwise the most probable class is given, or each
        label that is more probable than not.
    linear
        Let a linear model, of n-grams or of random convolutions, answer together with the network,
        and another one of characters for text, where these are few, or a forest for series, too.
    refit
        Train once more, on all records of the training file, as many epochs as the best one took;
        the scores stay those of the part held out. Not where a file is given to choose the epoch.
    vectors
        For text by words: a file of word vectors that the embedding starts from.
    pretrained
        A folder of `seqwise pretrain`, whose codec, embedding and encoder the model starts from.
    seed
        Of the split, the weights, the order and dropout.
    device
        ``auto`` takes a GPU where there is one.
    precision
        What the encoder computes in: ``bfloat16`` is faster where the hardware has it, and exact to
        three digits. Weights, pooling, the loss and validation stay in float32.
    """

    budget: float | None = None
    epochs: int = 20
    epoch_share: float = 1.0
    patience: int = 10
    batch_size: int = 32
    batch_steps: int = 16_384
    window: int = 4_096
    token_dropout: float = 0.05
    jitter: float = 0.0
    scaling: float = 0.0
    mutation: float = 0.0
    strand_flip: float = 0.0
    learning_rate: float = 2e-3
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.0
    label_smoothing: float = 0.0
    class_weight: AnyClassWeight = "none"
    valid_fraction: float = 0.1
    tune_thresholds: bool = False
    linear: bool = False
    refit: bool = False
    vectors: str | None = None
    pretrained: str | None = None
    seed: int = 0
    device: Device = "auto"
    precision: Precision = "float32"

    def _check(self) -> None:
        for name in ("epochs", "patience", "batch_size", "batch_steps", "window"):
            self._check_range(name, 1, None, "at least 1")
        self._check_range("budget", 1, None, "at least 1 second")
        self._check_range("epoch_share", 1e-12, 1, "above 0, at most 1")
        self._check_range("seed", 0, 2**63 - 1, "0 or more")
        for name in ("token_dropout", "mutation"):
            self._check_range(name, 0, 0.95, "0 to 0.95")
        for name in ("jitter", "scaling"):
            self._check_range(name, 0, 10, "0 to 10")
        self._check_range("strand_flip", 0, 1, "0 to 1")
        self._check_range("average_decay", 0, 0.99999, "0 to 0.99999")
        self._check_range("learning_rate", 1e-12, 10, "above 0, at most 10")
        self._check_range("warmup_fraction", 0, 1, "0 to 1")
        self._check_range("weight_decay", 0, None, "0 or more")
        self._check_range("clip_norm", 1e-12, None, "above 0")
        self._check_range("label_smoothing", 0, 0.99, "0 to 0.99")
        self._check_range("valid_fraction", 0.001, 0.9, "0.001 to 0.9")
        if isinstance(self.class_weight, dict):
            for weight in self.class_weight.values():
                if not (math.isfinite(weight) and weight >= 0):
                    raise setting_error("class_weight", weight, "0 or more")
