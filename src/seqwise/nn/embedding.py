"""From inputs to vectors: tokens looked up, channels projected, positions added."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from seqwise.nn.batch import shape_error
from seqwise.nn.masking import mask_from_lengths

PADDING_ID = 0
TOKEN_DEVIATION = 0.3
POSITION_DEVIATION = 0.1
CONVOLVED_DIM = 32  # of the vectors below a convolution
STILL = 1e-4  # deviations of the training part, below which a series does not change


class Embedding(nn.Module):
    """What every embedding has: the size of a step's vector, and what the vector depends on.

    `num_channels` is that of the series that are embedded; 0 where they are ids. `context` is the
    number of steps to either side that a vector depends on, besides its own; None where it depends
    on the place in the sequence. `stride` is the number of steps that share a vector: that many
    times fewer go on from here.
    """

    embedding_dim: int
    num_channels: int = 0
    context: int | None = 0
    stride: int = 1

    def shorten(self, lengths: Tensor) -> Tensor:
        """Count the vectors of sequences of so many steps."""
        return (lengths + self.stride - 1) // self.stride

    def prepare(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Put beside each step what it is to be told of the whole sequence: nothing, as a rule.

        Parameters
        ----------
        inputs
            ``(batch, time[, channels])``, 0 in the padding.
        lengths
            int64 ``(batch,)``.

        Returns
        -------
        Tensor
            What the embedding is called with, for any stretch of time.
        """
        return inputs


class TokenEmbedding(Embedding):
    """A learned vector for each token id; that of padding, id 0, is zero.

    Parameters
    ----------
    vocab_size
        Number of ids, padding and unknown included.
    embedding_dim
        Size of a vector.
    """

    def __init__(self, vocab_size: int, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.table = nn.Embedding(vocab_size, embedding_dim, padding_idx=PADDING_ID)
        # torch starts with a deviation of 1: too loud for the many tokens that are rarely updated.
        with torch.no_grad():
            self.table.weight.normal_(std=TOKEN_DEVIATION)[PADDING_ID].zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        """Look up ids ``(batch, time)``; returns ``(batch, time, embedding_dim)``."""
        return self.table(inputs)  # type: ignore[no-any-return]


class ConvolutionEmbedding(Embedding):
    """Each token with its neighbours: a convolution over the vectors of tokens, then a ReLU.

    For alphabets of few letters, where a single one says little: motifs are found before the
    recurrent layers read, as in Quang and Xie 2016, DanQ. Beyond both ends of a sequence stand
    zeros, as in the padding.

    Parameters
    ----------
    vocab_size
        Number of ids, padding and unknown included.
    embedding_dim
        Filters, the size of a step's vector.
    kernel_size
        Tokens that a filter sees, an odd number.

    Raises
    ------
    ShapeError
        If `kernel_size` is even.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, *, kernel_size: int) -> None:
        super().__init__()
        check_odd(kernel_size)
        self.embedding_dim = embedding_dim
        self.context = kernel_size // 2
        self.tokens = TokenEmbedding(vocab_size, CONVOLVED_DIM)
        self.convolution = nn.Conv1d(
            CONVOLVED_DIM, embedding_dim, kernel_size, padding=kernel_size // 2
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Embed ids ``(batch, time)``, 0 in the padding; ``(batch, time, embedding_dim)``."""
        x = self.tokens(inputs).transpose(1, 2)  # (batch, CONVOLVED_DIM, time)
        return self.convolution(x).relu().transpose(1, 2)  # type: ignore[no-any-return]


class Channels(Embedding):
    """The channels of a series as they are.

    Parameters
    ----------
    num_channels
        Channels of a step.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.embedding_dim = self.num_channels = num_channels

    def forward(self, inputs: Tensor) -> Tensor:
        """Give back ``(batch, time, embedding_dim)``."""
        return inputs


class OwnScale(Channels):
    """The channels of a series, seen by its own scale as well.

    Each channel comes three times: as it is; less its mean in this series and divided by its
    deviation there; and the logarithm of that deviation. Where some series are a hundred times as
    loud as others, those that are not would all look like silence.

    Parameters
    ----------
    num_channels
        Channels of a step; `prepare` makes three of each.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)
        self.embedding_dim = 3 * num_channels

    @override
    def prepare(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        # In double precision: a series may be long, and far from 0.
        x = inputs.double()
        sizes = lengths.to(x.device).view(-1, 1, 1)
        is_real = mask_from_lengths(lengths, x.size(1), x.device).unsqueeze(2)
        shifted = (x - x.sum(1, keepdim=True) / sizes) * is_real
        deviation = (shifted.square().sum(1, keepdim=True) / sizes + STILL**2).sqrt()
        loudness = deviation.log().expand_as(x) * is_real
        views = [inputs, (shifted / deviation).to(inputs), loudness.to(inputs)]
        return torch.cat(views, dim=2)


class ChannelProjection(Embedding):
    """A learned linear projection of the channels of a series.

    Parameters
    ----------
    channels
        Of a step, as they are or by the series' own scale.
    embedding_dim
        Size of a vector.
    """

    def __init__(self, channels: Channels, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.num_channels = channels.num_channels
        self.channels = channels
        self.linear = nn.Linear(channels.embedding_dim, embedding_dim)

    @override
    def prepare(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.channels.prepare(inputs, lengths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Project ``(batch, time, channels)``; returns ``(batch, time, embedding_dim)``."""
        return self.linear(self.channels(inputs))  # type: ignore[no-any-return]


class PositionEmbedding(Embedding):
    """Another embedding plus a learned vector for each position.

    For sequences whose steps mean something by their place, such as a window cut around a site:
    a recurrent layer would have to learn to count.

    Parameters
    ----------
    embedding
        What to add to.
    num_positions
        Positions with a vector of their own, from the start; later ones share the last.
    """

    context = None

    def __init__(self, embedding: Embedding, num_positions: int) -> None:
        super().__init__()
        self.embedding_dim = embedding.embedding_dim
        self.num_channels = embedding.num_channels
        self.stride = embedding.stride
        self.embedding = embedding
        self.table = nn.Embedding(num_positions, embedding.embedding_dim)
        nn.init.normal_(self.table.weight, std=POSITION_DEVIATION)

    @override
    def prepare(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.embedding.prepare(inputs, lengths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Embed inputs ``(batch, time[, channels])``; returns ``(batch, time, embedding_dim)``."""
        x = self.embedding(inputs)
        positions = torch.arange(x.size(1), device=inputs.device)
        return x + self.table(positions.clamp(max=self.table.num_embeddings - 1))  # type: ignore[no-any-return]


def check_odd(kernel_size: int) -> None:
    """Make sure that a filter sees as many steps on either side.

    Raises
    ------
    ShapeError
        If it does not.
    """
    if kernel_size % 2 == 0:
        raise shape_error(
            f"kernel_size is {kernel_size}", "an odd number", "take one more or one less"
        )
