"""Long sequences made short, before an encoder reads them."""

from __future__ import annotations

from itertools import accumulate, pairwise
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from seqwise.nn.batch import shape_error
from seqwise.nn.embedding import PADDING_ID, Channels, Embedding, TokenEmbedding, check_odd
from seqwise.nn.masking import mask_from_lengths

KERNEL_SIZE = 9  # steps that a filter sees


class StridedEmbedding(Embedding):
    """Many steps made few: convolutions, each with a ReLU and a maximum over two or four steps.

    A recurrent layer reads step after step and remembers a few hundred of them; a recording has
    thousands. As in Sainath et al. 2015 and, for DNA, in Quang and Xie 2016. Beyond both ends of a
    sequence stand zeros, as in the padding.

    Parameters
    ----------
    steps
        The vectors of single steps: of tokens, or the channels of a series.
    embedding_dim
        Filters of the last convolution, the size of a vector; those above have half as many each.
    stride
        Steps that share a vector: 2, 4, 8 or another power of two.
    kernel_size
        Steps that a filter sees, an odd number.

    Raises
    ------
    ShapeError
        If `stride` is no such number, or `kernel_size` is even.
    """

    def __init__(
        self,
        steps: TokenEmbedding | Channels,
        embedding_dim: int,
        *,
        stride: int,
        kernel_size: int = KERNEL_SIZE,
    ) -> None:
        super().__init__()
        if stride < 2 or stride.bit_count() > 1:
            raise shape_error(f"stride is {stride}", "a power of two", "take 2, 4, 8, 16 ...")
        check_odd(kernel_size)
        self.embedding_dim = embedding_dim
        self.num_channels = steps.num_channels
        self.stride = stride
        self.steps = steps
        doublings = stride.bit_length() - 1
        self.factors = [2] * (doublings % 2) + [4] * (doublings // 2)
        # Where there are many steps, there are fewer filters.
        halvings = range(len(self.factors) - 1, -1, -1)
        sizes = [steps.embedding_dim, *(max(embedding_dim >> each, 1) for each in halvings)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(above, below, kernel_size, padding=kernel_size // 2)
            for above, below in pairwise(sizes)
        )
        # A filter of a later convolution sees neighbours as far apart as so many steps.
        apart = [1, *accumulate(self.factors[:-1], mul)]
        reach = kernel_size // 2 * sum(apart)
        self.context = -(-reach // stride) * stride  # whole vectors

    @override
    def prepare(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        if inputs.dim() == 2:
            return inputs
        # Beside each step whether it is one: the padding's id says so of tokens.
        is_real = mask_from_lengths(lengths, inputs.size(1), inputs.device).unsqueeze(2)
        return torch.cat([self.steps.prepare(inputs, lengths), is_real.to(inputs)], dim=2)

    def forward(self, inputs: Tensor) -> Tensor:
        """Embed what `prepare` has given; ``(batch, time / stride, embedding_dim)``, rounded up."""
        if inputs.dim() == 2:
            x, is_real = self.steps(inputs), inputs != PADDING_ID
        else:
            x, is_real = self.steps(inputs[:, :, :-1]), inputs[:, :, -1] > 0
        missing = -inputs.size(1) % self.stride
        x = functional.pad(x.transpose(1, 2), (0, missing))  # (batch, features, time)
        is_real = functional.pad(is_real, (0, missing)).unsqueeze(1)
        for convolution, factor in zip(self.convolutions, self.factors, strict=True):
            x = convolution(x).masked_fill_(~is_real, 0)
            # The same as of its positive part, and a pass less over what is still long.
            x = functional.max_pool1d(x, factor).relu()
            is_real = is_real[:, :, ::factor]
        return x.transpose(1, 2)
