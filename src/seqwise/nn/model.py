"""Embedding, encoder, pooling and head put together, and the tables from names to classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, check_inputs, shape_error
from seqwise.nn.convolution import ConvolutionEncoder
from seqwise.nn.dropout import Dropout
from seqwise.nn.embedding import (
    CONVOLVED_DIM,
    ChannelProjection,
    Channels,
    ConvolutionEmbedding,
    Embedding,
    OwnScale,
    PositionEmbedding,
    TokenEmbedding,
)
from seqwise.nn.encoder import Encoder
from seqwise.nn.masking import zero_padding
from seqwise.nn.mingru import MinGRUEncoder
from seqwise.nn.pooling import (
    AttentionPooling,
    CombinedPooling,
    LastPooling,
    MaxPooling,
    MeanPooling,
    Pooling,
)
from seqwise.nn.precision import in_float32
from seqwise.nn.recurrent import Cell, RecurrentEncoder
from seqwise.nn.residual import ResidualEncoder
from seqwise.nn.strided import KERNEL_SIZE, StridedEmbedding
from seqwise.nn.transformer import TransformerEncoder


def _recurrent(cell: Cell) -> Callable[[ModelConfig], Encoder]:
    return lambda config: RecurrentEncoder(
        cell,
        config.embedding_dim,
        config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )


def _mingru(config: ModelConfig) -> Encoder:
    return MinGRUEncoder(
        config.embedding_dim,
        config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )


def _without_directions(
    kind: type[ConvolutionEncoder | ResidualEncoder | TransformerEncoder],
) -> Callable[[ModelConfig], Encoder]:
    return lambda config: kind(
        config.embedding_dim,
        config.hidden_size,
        num_layers=config.num_layers,
        dropout=config.dropout,
    )


ENCODERS: dict[str, Callable[[ModelConfig], Encoder]] = {
    "rnn": _recurrent("rnn"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "mingru": _mingru,
    "convolution": _without_directions(ConvolutionEncoder),
    "residual": _without_directions(ResidualEncoder),
    "transformer": _without_directions(TransformerEncoder),
}

POOLINGS: dict[str, Callable[[int, bool], Pooling]] = {
    "last": lambda size, bidirectional: LastPooling(size, bidirectional=bidirectional),
    "mean": lambda size, bidirectional: MeanPooling(size),
    "max": lambda size, bidirectional: MaxPooling(size),
    "attention": lambda size, bidirectional: AttentionPooling(size),
}


def build_pooling(name: str, input_size: int, *, bidirectional: bool) -> Pooling:
    """Make a pooling, or several joined by ``+``, such as ``"last+max"``."""
    poolings = [POOLINGS[part](input_size, bidirectional) for part in name.split("+")]
    return poolings[0] if len(poolings) == 1 else CombinedPooling(poolings)


class SequenceModel(nn.Module):
    """A classifier of whole sequences: embedding, encoder, pooling, head.

    Parameters
    ----------
    embedding
        An `Embedding`, called with ``(batch, time[, channels])``; it has ``embedding_dim``,
        ``num_channels`` and ``stride``.
    encoder
        Called with ``(batch, time, embedding_dim)`` and lengths; has ``input_size`` and
        ``output_size``.
    pooling
        Called with ``(batch, time, output_size)`` and lengths; has ``input_size`` and
        ``output_size``.
    head
        Linear, from the pooling's ``output_size`` to the number of classes.
    dropout
        Probability of dropping an embedded or a pooled value while training.

    Raises
    ------
    ShapeError
        If one part's size is not the size that the next one takes, or if the last step is taken of
        other directions than those of the encoder.

    Examples
    --------
    >>> import torch
    >>> from seqwise.nn import Batch
    >>> model = SequenceModel(
    ...     TokenEmbedding(100, 16),
    ...     RecurrentEncoder("lstm", 16, 32, bidirectional=True),
    ...     LastPooling(64, bidirectional=True),
    ...     nn.Linear(64, 3),
    ... )
    >>> batch = Batch(torch.tensor([[5, 7, 9], [4, 0, 0]]), lengths=torch.tensor([3, 1]))
    >>> model(batch).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        embedding: Embedding,
        encoder: Encoder,
        pooling: Pooling,
        head: nn.Linear,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_fit("embedding", embedding.embedding_dim, "encoder", encoder.input_size)
        _check_fit("encoder", encoder.output_size, "pooling", pooling.input_size)
        _check_fit("pooling", pooling.output_size, "head", head.in_features)
        _check_directions(encoder, pooling)
        self.embedding = embedding
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = Dropout(dropout)
        self.head = head

    @classmethod
    def from_config(cls, config: ModelConfig) -> SequenceModel:
        """Build the model that a configuration describes, with fresh weights."""
        embedding = build_embedding(config)
        encoder = ENCODERS[config.encoder](config)
        pooling = build_pooling(
            config.pooling, encoder.output_size, bidirectional=encoder.bidirectional
        )
        head = nn.Linear(pooling.output_size, config.num_classes)
        return cls(embedding, encoder, pooling, head, dropout=config.dropout)

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return self.head.out_features

    @property
    def dtype(self) -> torch.dtype:
        """Precision of values that go in, and of logits."""
        weight = self.head.weight
        # A quantised layer has a method of this name; it takes and gives float32.
        return weight.dtype if isinstance(weight, Tensor) else torch.float32

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch.

        Under ``torch.autocast``, all but the encoder computes in the precision of the weights.

        Raises
        ------
        ShapeError
            If the inputs are not what the embedding reads, or values of another precision.
        """
        check_inputs(batch.inputs, self.embedding.num_channels, self.dtype)
        # Ids in the padding may be anything, also outside of the table.
        inputs = zero_padding(batch.inputs, batch.lengths)
        with in_float32(inputs):
            inputs = self.embedding.prepare(inputs, batch.lengths)
            x = self.dropout(self.embedding(inputs))  # (batch, time, embedding_dim)
        lengths = self.embedding.shorten(batch.lengths)
        x = self.encoder(x, lengths).to(self.dtype)  # (batch, time, output_size)
        with in_float32(x):
            x = self.pooling(x, lengths)  # (batch, output_size)
            return self.head(self.dropout(x))  # type: ignore[no-any-return]


def build_embedding(config: ModelConfig) -> Embedding:
    """Make the embedding that a configuration describes."""
    embedding: Embedding
    if config.stride > 1:
        embedding = StridedEmbedding(
            TokenEmbedding(config.vocab_size, CONVOLVED_DIM)
            if config.vocab_size
            else _channels(config),
            config.embedding_dim,
            stride=config.stride,
            kernel_size=config.kernel_size or KERNEL_SIZE,
        )
    elif config.kernel_size:
        embedding = ConvolutionEmbedding(
            config.vocab_size, config.embedding_dim, kernel_size=config.kernel_size
        )
    elif config.vocab_size:
        embedding = TokenEmbedding(config.vocab_size, config.embedding_dim)
    else:
        embedding = ChannelProjection(_channels(config), config.embedding_dim)
    if config.num_positions:
        embedding = PositionEmbedding(embedding, config.num_positions)
    return embedding


def _channels(config: ModelConfig) -> Channels:
    return (OwnScale if config.own_scale else Channels)(config.num_channels)


def _check_directions(encoder: Encoder, pooling: Pooling) -> None:
    """Refuse the last step of a direction that ends at the first one."""
    for part in pooling.modules():
        if isinstance(part, LastPooling) and part.bidirectional != encoder.bidirectional:
            raise shape_error(
                f"LastPooling has bidirectional={part.bidirectional}",
                f"bidirectional={encoder.bidirectional}, as the encoder has",
                "build both for the same directions",
            )


def _check_fit(giver: str, given: int, taker: str, taken: int) -> None:
    if given != taken:
        raise shape_error(
            f"the {giver} gives {given} features",
            f"the {taken} that the {taker} takes",
            f"build the {taker} with the {giver}'s output size",
        )
