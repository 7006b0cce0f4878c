"""From the steps of an encoder to one vector for a sequence; the last use of lengths.

Each pooling is called as ``pool(x, lengths)`` with x ``(batch, time, input_size)`` and lengths from
1 to ``time``, as `Batch` has them, and returns ``(batch, output_size)``. None reads a step at or
beyond a length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqwise.nn.batch import shape_error
from seqwise.nn.masking import mask_from_lengths, step_at, zero_padding


class Pooling(nn.Module):
    """What every pooling has: the sizes on both sides.

    Where `merges` is true, a sequence may be pooled chunk by chunk, too, each direction in the
    order in which it reads: `summarise` each chunk, then `merge`.
    """

    input_size: int
    output_size: int
    merges: bool = False

    def summarise(self, chunk: Tensor) -> Tensor:
        """Pool consecutive steps ``(1, steps, input_size)``; returns ``(1, output_size)``."""
        raise NotImplementedError

    def merge(self, summaries: Tensor, lengths: Tensor) -> Tensor:
        """Pool the summaries ``(chunks, output_size)`` of chunks of so many steps, in order."""
        raise NotImplementedError


class LastPooling(Pooling):
    """The step at which each direction has read the whole sequence.

    That is step ``length - 1`` of the forward direction and step 0 of the backward one.

    Parameters
    ----------
    input_size
        Features of a step.
    bidirectional
        Whether the second half of the features comes from a backward direction.
    """

    merges = True

    def __init__(self, input_size: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.input_size = self.output_size = input_size
        self.bidirectional = bidirectional

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Pick the last step of each direction."""
        last = step_at(x, lengths - 1)
        if not self.bidirectional:
            return last
        half = self.input_size // 2
        return torch.cat([last[:, :half], x[:, 0, half:]], dim=1)

    def summarise(self, chunk: Tensor) -> Tensor:
        """Pick the step that was read last."""
        return chunk[:, -1]

    def merge(self, summaries: Tensor, lengths: Tensor) -> Tensor:
        """Pick that of the last chunk."""
        return summaries[-1:]


class MeanPooling(Pooling):
    """The mean over the real steps.

    Parameters
    ----------
    input_size
        Features of a step.
    """

    merges = True

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.input_size = self.output_size = input_size

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Average the real steps."""
        total = zero_padding(x, lengths).sum(dim=1)
        return total / lengths.to(x.device).unsqueeze(1)

    def summarise(self, chunk: Tensor) -> Tensor:
        """Average the steps of a chunk."""
        return chunk.mean(dim=1)

    def merge(self, summaries: Tensor, lengths: Tensor) -> Tensor:
        """Average the chunks, each with the weight of its steps."""
        shares = lengths.double() / lengths.sum()
        return (shares @ summaries.double()).to(summaries.dtype).unsqueeze(0)


class MaxPooling(Pooling):
    """The largest value of each feature over the real steps.

    Parameters
    ----------
    input_size
        Features of a step.
    """

    merges = True

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.input_size = self.output_size = input_size

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Take the largest real values."""
        padding = ~mask_from_lengths(lengths, x.size(1), x.device)
        return x.masked_fill(padding.unsqueeze(-1), float("-inf")).max(dim=1).values

    def summarise(self, chunk: Tensor) -> Tensor:
        """Take the largest values of a chunk."""
        return chunk.amax(dim=1)

    def merge(self, summaries: Tensor, lengths: Tensor) -> Tensor:
        """Take the largest values of all chunks."""
        return summaries.amax(dim=0, keepdim=True)


class AttentionPooling(Pooling):
    """A weighted mean of the steps, the weights learned from the steps themselves.

    Yang et al. 2016, Hierarchical Attention Networks, equations 5 to 7.

    Parameters
    ----------
    input_size
        Features of a step.
    """

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.input_size = self.output_size = input_size
        self.projection = nn.Linear(input_size, input_size)
        self.context = nn.Linear(input_size, 1, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Average the real steps by their weights."""
        x = zero_padding(x, lengths)
        scores = self.context(torch.tanh(self.projection(x))).squeeze(-1)  # (batch, time)
        padding = ~mask_from_lengths(lengths, x.size(1), x.device)
        weights = scores.masked_fill(padding, float("-inf")).softmax(dim=1)
        return torch.einsum("bt,btf->bf", weights, x)


class CombinedPooling(Pooling):
    """Several poolings side by side.

    Parameters
    ----------
    poolings
        One or more, each of the same `input_size`; the results are joined in this order.

    Raises
    ------
    ShapeError
        If they are not of one size.
    """

    def __init__(self, poolings: Sequence[Pooling]) -> None:
        super().__init__()
        sizes = sorted({pooling.input_size for pooling in poolings})
        if len(sizes) != 1:
            found = f"poolings of {', '.join(map(str, sizes)) or 'no'} features"
            raise shape_error(found, "one number of features", "build them with the same size")
        self.poolings = nn.ModuleList(poolings)
        self.input_size = sizes[0]
        self._sizes = [pooling.output_size for pooling in poolings]
        self.output_size = sum(self._sizes)
        self.merges = all(pooling.merges for pooling in poolings)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Pool in each way and join the results."""
        return torch.cat([pooling(x, lengths) for pooling in self.poolings], dim=1)

    def summarise(self, chunk: Tensor) -> Tensor:
        """Summarise in each way and join the results."""
        return torch.cat([pooling.summarise(chunk) for pooling in self.poolings], dim=1)  # type: ignore[operator]

    def merge(self, summaries: Tensor, lengths: Tensor) -> Tensor:
        """Merge in each way and join the results."""
        parts = torch.split(summaries, self._sizes, dim=1)
        merged = [
            pooling.merge(part, lengths)  # type: ignore[operator]
            for pooling, part in zip(self.poolings, parts, strict=True)
        ]
        return torch.cat(merged, dim=1)
