"""Residual blocks of dilated convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from seqwise.nn.convolution import StepConvolution
from seqwise.nn.dropout import Dropout
from seqwise.nn.encoder import Encoder, check_features
from seqwise.nn.masking import zero_padding

WIDTH = 5
DILATIONS = 10  # 1, 2, 4, ... 512; a block above begins with 1 again


class ResidualBlock(nn.Module):
    """A dilated convolution whose result is added to what it has read.

    Parameters
    ----------
    size
        Features of a step, on both sides.
    dilation
        Distance from one step that a filter sees to the next.
    dropout
        Probability of dropping an added value while training.
    """

    def __init__(self, size: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.convolution = StepConvolution(size, size, WIDTH, dilation=dilation)
        self.projection = nn.Linear(size, size)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Add to ``(batch, time, size)`` what the steps around each step say."""
        seen = zero_padding(self.norm(x), lengths)
        added = self.projection(self.convolution(seen).relu())
        return x + self.dropout(added)  # type: ignore[no-any-return]


class ResidualEncoder(Encoder):
    """Residual blocks whose convolutions reach twice as far from block to block.

    Residual networks for series: Wang, Yan and Oates 2017; dilations that double, and begin anew
    after 512: van den Oord et al. 2016, WaveNet, here looking to both sides. Norms are of each step
    alone (Ba et al. 2016) and stand before the convolutions: statistics of a batch would let mates
    into an answer, and statistics over time would need the whole sequence.

    Parameters
    ----------
    input_size
        Features of an input step.
    hidden_size
        Filters of each block.
    num_layers
        Blocks. A step sees ``2 * (2**num_layers - 1)`` steps to either side, up to ten blocks.
    dropout
        Probability of dropping a value that a block adds, while training.

    Attributes
    ----------
    output_size : int
        ``hidden_size``.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        dilations = [2 ** (layer % DILATIONS) for layer in range(num_layers)]
        self.input_size = input_size
        self.output_size = hidden_size
        self.context = WIDTH // 2 * sum(dilations)
        self.entry = nn.Linear(input_size, hidden_size)
        self.blocks = nn.ModuleList(
            ResidualBlock(hidden_size, dilation=dilation, dropout=dropout) for dilation in dilations
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``(batch, time, input_size)``, as `Encoder` says."""
        check_features(x, self.input_size)
        x = self.entry(zero_padding(x, lengths))  # (batch, time, hidden_size)
        for block in self.blocks:
            x = block(x, lengths)
        return self.norm(x)  # type: ignore[no-any-return]
