"""Convolutions of several widths side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqwise.nn.dropout import Dropout
from seqwise.nn.encoder import Encoder, check_features
from seqwise.nn.masking import zero_padding

WIDTHS = (3, 4, 5)


class StepConvolution(nn.Conv1d):
    """A convolution over steps that gives a step for each step; beyond both ends stand zeros.

    Parameters
    ----------
    input_size, output_size
        Features of a step.
    width
        Steps that a filter sees; of an even number the odd one lies behind the step.
    dilation
        Distance from one step that is seen to the next.
    """

    def __init__(self, input_size: int, output_size: int, width: int, *, dilation: int = 1) -> None:
        super().__init__(input_size, output_size, width, dilation=dilation)
        reach = (width - 1) * dilation
        self.before = (width - 1) // 2 * dilation
        self.behind = reach - self.before

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(batch, time, input_size)``; returns ``(batch, time, output_size)``."""
        x = nn.functional.pad(x, (0, 0, self.before, self.behind))
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ConvolutionEncoder(Encoder):
    """Filters of several widths over the steps, followed by a ReLU.

    Kim 2014, Convolutional Neural Networks for Sentence Classification; there it is followed by
    max pooling, dropout and one linear layer. Layers above the first are our own.

    Parameters
    ----------
    input_size
        Features of an input step.
    hidden_size
        Filters of each width.
    num_layers
        Layers, one above the other.
    dropout
        Probability of dropping a value between two layers while training.

    Attributes
    ----------
    output_size : int
        ``hidden_size`` for each of the three widths, 3, 4 and 5 steps.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.output_size = len(WIDTHS) * hidden_size
        self.context = num_layers * (max(WIDTHS) // 2)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers = nn.ModuleList(_SideBySide(size, hidden_size) for size in sizes)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``(batch, time, input_size)``, as `Encoder` says."""
        check_features(x, self.input_size)
        for index, layer in enumerate(self.layers):
            if index:
                x = self.dropout(x)
            x = layer(zero_padding(x, lengths))  # filters at the last steps look beyond the end
        return x


class _SideBySide(nn.Module):
    def __init__(self, input_size: int, num_filters: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            StepConvolution(input_size, num_filters, width) for width in WIDTHS
        )

    def forward(self, x: Tensor) -> Tensor:
        """Filter ``(batch, time, input_size)``; ``(batch, time, num_filters * widths)``."""
        return torch.cat([convolution(x) for convolution in self.convolutions], dim=-1).relu()
