"""A linear classifier of random convolutions of a series."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, describe, shape_error
from seqwise.nn.masking import mask_from_lengths, zero_padding

KERNEL_STEPS = 9
NUM_KERNELS = 84  # ways to choose 3 of 9 steps
MOST_CHANNELS = 8  # that one kernel reads
CHUNK_STEPS = 16_384


def _make_kernels() -> Tensor:
    """Make the kernels, ``(84, 9)``: 2 at three steps and -1 at the others."""
    kernels = torch.full((NUM_KERNELS, KERNEL_STEPS), -1.0)
    for kernel, steps in zip(kernels, combinations(range(KERNEL_STEPS), 3), strict=True):
        kernel[list(steps)] = 2.0
    return kernels


KERNELS = _make_kernels()


class KernelModel(nn.Module):
    """Logits that are linear in what many fixed convolutions find in a series.

    Each kernel is laid over the series with several dilations, on channels drawn at random. How
    often the result lies above a threshold, and by how much on average, are two features of the
    series; its length is another (MiniRocket, Dempster, Schmidt and Webb 2021; MultiRocket, Tan et
    al. 2022). `training.ridge` fits it.

    Parameters
    ----------
    num_channels
        Of the series.
    num_classes
        Size of the logits.
    num_dilations, num_thresholds
        Of each kernel.

    Attributes
    ----------
    dilations
        int64 ``(num_dilations,)``.
    channels
        ``(num_dilations, 84, num_channels)``, 1 where a kernel reads a channel.
    thresholds
        ``(num_dilations, 84, num_thresholds)``.
    mean, scale
        ``(num_features,)``, of the features on the training part.
    weight, bias
        ``(num_features, num_classes)`` and ``(num_classes,)``.
    """

    dilations: Tensor
    channels: Tensor
    thresholds: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self, num_channels: int, num_classes: int, *, num_dilations: int, num_thresholds: int
    ) -> None:
        super().__init__()
        shape = (num_dilations, NUM_KERNELS)
        num_features = num_dilations * NUM_KERNELS * num_thresholds * 2 + 1
        self.num_channels = num_channels
        self.register_buffer("dilations", torch.ones(num_dilations, dtype=torch.int64))
        self.register_buffer("channels", torch.ones(*shape, num_channels))
        self.register_buffer("thresholds", torch.zeros(*shape, num_thresholds))
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("scale", torch.ones(num_features))
        self.weight = nn.Parameter(torch.zeros(num_features, num_classes))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    @classmethod
    def from_config(cls, config: ModelConfig) -> KernelModel:
        """Build the one that a configuration describes, which knows nothing yet."""
        return cls(
            config.num_channels,
            config.num_classes,
            num_dilations=config.num_dilations,
            num_thresholds=config.num_thresholds,
        )

    def sizes(self) -> dict[str, int]:
        """Give what `from_config` reads of the model's sizes."""
        num_dilations, _, num_thresholds = self.thresholds.shape
        return {"num_dilations": num_dilations, "num_thresholds": num_thresholds}

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return len(self.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch of series.

        Raises
        ------
        ShapeError
            If the inputs are no series of as many channels.
        """
        features = (self.measure(batch) - self.mean) / self.scale
        # In double precision, as the other sums: the features are many and small.
        logits = features.double() @ self.weight.double() + self.bias
        return logits.to(self.weight.dtype)

    def measure(self, batch: Batch) -> Tensor:
        """Compute the features ``(batch, num_features)`` of a batch, in double precision."""
        if batch.inputs.dim() != 3 or batch.inputs.size(2) != self.num_channels:
            found = f"inputs are {describe(batch.inputs)}"
            raise shape_error(found, f"(batch, time, {self.num_channels})", "give it such a series")
        # A feature jumps where a result meets a threshold, so that it must not depend on the order
        # of a sum: in double precision that moves a result by less than any two of them differ.
        x = zero_padding(batch.inputs, batch.lengths).double().transpose(1, 2)
        lengths = batch.lengths.to(x.device)
        features = [
            self._measure(x, lengths, number, dilation)
            for number, dilation in enumerate(self.dilations.tolist())
        ]
        return torch.cat([*features, lengths.double().log().unsqueeze(1)], dim=1)

    def _measure(self, x: Tensor, lengths: Tensor, number: int, dilation: int) -> Tensor:
        """Compute the features of one dilation; the padding counts for nothing."""
        thresholds = self.thresholds[number]  # (84, num_thresholds)
        totals = x.new_zeros(2, len(x), *thresholds.shape, dtype=torch.float64)
        for start in range(0, x.size(2), CHUNK_STEPS):
            stop = min(start + CHUNK_STEPS, x.size(2))
            found = self.convolve(x, number, dilation, start, stop)  # (batch, 84, steps)
            padding = ~mask_from_lengths(lengths - start, stop - start).unsqueeze(1)
            found.masked_fill_(padding, -torch.inf)  # above no threshold
            for index, threshold in enumerate(thresholds.unbind(1)):
                above = (found - threshold.unsqueeze(1)).clamp_(min=0)
                totals[0, :, :, index] += above.count_nonzero(dim=2)
                totals[1, :, :, index] += above.sum(2)
        return (totals / lengths.view(1, -1, 1, 1)).transpose(0, 1).flatten(1)

    def convolve(self, x: Tensor, number: int, dilation: int, start: int, stop: int) -> Tensor:
        """Lay the kernels of a dilation over some steps of ``(batch, channels, time)``."""
        reach = dilation * (KERNEL_STEPS // 2)
        before, behind = min(reach, start), min(reach, x.size(2) - stop)
        part = nn.functional.pad(
            x[:, :, start - before : stop + behind], (reach - before, reach - behind)
        )
        shifted = [part[:, :, shift * dilation :] for shift in range(KERNEL_STEPS)]
        steps = torch.stack([each[:, :, : stop - start] for each in shifted], dim=2).flatten(1, 2)
        kernels = self.channels[number].unsqueeze(2) * KERNELS.to(x.device).unsqueeze(1)
        return kernels.flatten(1).double() @ steps  # (batch, 84, steps)
