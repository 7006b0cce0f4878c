"""Self-attention with rotary positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from seqwise.nn.batch import shape_error
from seqwise.nn.dropout import Dropout
from seqwise.nn.embedding import TOKEN_DEVIATION
from seqwise.nn.encoder import Encoder, check_features
from seqwise.nn.masking import mask_from_lengths, zero_padding

# Steps that see each other; the work of attention grows with their square. Of a longer sequence
# training reads a window of as many, and inference piece after piece, each by itself.
PIECE = 4_096
HEAD_SIZE = 32
ROTARY_BASE = 10_000.0
EXPANSION = 4  # of the layer within a block


def rotary_table(time: int, features: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Give the cosines and sines that `rotate` turns by, ``(time, features / 2)`` each."""
    half = features // 2
    steps = torch.arange(time, dtype=torch.float64)
    speeds = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.outer(steps, speeds)
    return angles.cos().to(like), angles.sin().to(like)


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of features by angles that grow with the step.

    The product of two turned vectors depends on how far apart they are, not on where: Su et al.
    2021, RoFormer.

    Parameters
    ----------
    x
        ``(..., time, features)``, an even number of them; feature i pairs with i + features / 2.
    table
        Of as many steps and features.
    """
    cos, sin = table
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class TransformerBlock(nn.Module):
    """Attention over all steps, then a small network on each; each is added to what it has read.

    Parameters
    ----------
    size
        Features of a step, on both sides.
    dropout
        Probability of dropping an added value while training.
    """

    def __init__(self, size: int, *, dropout: float) -> None:
        super().__init__()
        self.num_heads = count_heads(size)
        self.norm = nn.LayerNorm(size)
        self.queries_keys_values = nn.Linear(size, 3 * size)
        self.projection = nn.Linear(size, size)
        self.network = nn.Sequential(
            nn.LayerNorm(size),
            nn.Linear(size, EXPANSION * size),
            nn.GELU(),
            nn.Linear(EXPANSION * size, size),
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        """Read ``(batch, time, size)``, each step those where ``mask (batch, 1, 1, time)`` is."""
        heads = self.queries_keys_values(self.norm(x)).unflatten(-1, (3, self.num_heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # (batch, heads, time, head_size)
        seen = nn.functional.scaled_dot_product_attention(
            rotate(queries, table), rotate(keys, table), values, attn_mask=mask
        )
        x = x + self.dropout(self.projection(seen.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.network(x))  # type: ignore[no-any-return]


class EndMarks(nn.Module):
    """Add a learned vector to the first step of each sequence, and another to the last.

    Attention with rotary positions sees how far apart two steps are, but not where a sequence
    begins and ends.

    Parameters
    ----------
    size
        Features of a step.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.marks = nn.Parameter(torch.empty(2, size))
        nn.init.normal_(self.marks, std=TOKEN_DEVIATION)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Mark the ends in ``(batch, time, size)``."""
        steps = torch.arange(x.size(1), device=x.device)
        is_last = steps == lengths.to(x.device).unsqueeze(1) - 1  # (batch, time)
        is_first = (steps == 0).expand_as(is_last)
        return x + torch.stack([is_first, is_last], dim=-1).to(x.dtype) @ self.marks


class TransformerEncoder(Encoder):
    """Blocks of self-attention in which each step sees all others of its sequence.

    Vaswani et al. 2017, Attention Is All You Need, with norms before the blocks (Xiong et al. 2020)
    and rotary positions (Su et al. 2021); the marks at both ends are our own. A sequence of more
    than 4,096 steps is cut into pieces of as many, from its start, whose steps see each other only:
    a longer one takes memory and time in proportion to its length, and each piece is what training
    reads of it.

    Parameters
    ----------
    input_size
        Features of an input step.
    hidden_size
        Features of a step between the blocks, an even number; heads have 32 each where that goes.
    num_layers
        Blocks, one above the other.
    dropout
        Probability of dropping a value that a block adds, while training.

    Attributes
    ----------
    output_size : int
        ``hidden_size``.

    Raises
    ------
    ShapeError
        If `hidden_size` is odd.
    """

    reads = True

    def __init__(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if hidden_size % 2:
            raise shape_error(
                f"hidden_size is {hidden_size}", "an even number", "take one more or one less"
            )
        self.input_size = input_size
        self.output_size = hidden_size
        self.ends = EndMarks(input_size)
        self.entry = nn.Linear(input_size, hidden_size)
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, dropout=dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``(batch, time, input_size)``, as `Encoder` says."""
        check_features(x, self.input_size)
        x = zero_padding(x, lengths)
        batch, time, _ = x.shape
        if time <= PIECE:
            return self._encode_pieces(x, lengths)
        num_pieces = math.ceil(time / PIECE)
        x = nn.functional.pad(x, (0, 0, 0, num_pieces * PIECE - time))
        starts = torch.arange(0, time, PIECE)
        lengths_of_pieces = (lengths.unsqueeze(1) - starts).clamp(0, PIECE)  # (batch, num_pieces)
        steps = self._encode_pieces(
            x.view(batch * num_pieces, PIECE, -1), lengths_of_pieces.flatten()
        )
        return steps.view(batch, num_pieces * PIECE, -1)[:, :time]

    def _encode_pieces(self, x: Tensor, lengths: Tensor) -> Tensor:
        # Not all of torch's kernels answer attention to no key at all with a number: pieces beyond
        # the end see one key, of zeros.
        mask = mask_from_lengths(lengths.clamp(min=1), x.size(1), x.device)[:, None, None, :]
        x = self.entry(self.ends(x, lengths))  # (batch, time, hidden_size)
        table = rotary_table(x.size(1), self.output_size // count_heads(self.output_size), x)
        for block in self.blocks:
            x = block(x, mask, table)
        return self.norm(x)  # type: ignore[no-any-return]

    def read(self, chunks: Iterable[Tensor], *, backward: bool) -> Iterator[Tensor]:
        """Read a sequence piece by piece, however it is cut; see `Encoder.read`."""
        for piece in _cut_anew(chunks, PIECE):
            yield self._encode_pieces(piece, torch.tensor([piece.size(1)]))


def count_heads(size: int) -> int:
    """Choose how many heads share the features: 32 each where that goes, otherwise one has all.

    Examples
    --------
    >>> [count_heads(size) for size in (6, 64, 96, 100)]
    [1, 2, 3, 1]
    """
    return size // HEAD_SIZE if size % HEAD_SIZE == 0 else 1


def _cut_anew(chunks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Join chunks ``(1, steps, features)`` and cut them into pieces of a size, but for the last."""
    rest: Tensor | None = None
    for chunk in chunks:
        joined = chunk if rest is None else torch.cat([rest, chunk], dim=1)
        *pieces, rest = torch.split(joined, size, dim=1)
        yield from pieces
    if rest is not None:
        yield rest
