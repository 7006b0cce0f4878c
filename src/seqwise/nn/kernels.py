"""A linear classifier of random convolutions and statistics of a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from math import prod

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, check_inputs
from seqwise.nn.masking import mask_from_lengths, zero_padding
from seqwise.nn.statistics import count_statistics, measure_series

KERNEL_STEPS = 9
NUM_KERNELS = 84  # ways to choose 3 of 9 steps
NUM_GROUPS, NUM_RIVALS = 32, 8  # of random kernels, and kernels of a group
MOST_CHANNELS = 8  # that one kernel reads
# Of all series of a piece: what is found in them stays in a CPU's cache, or fills a GPU.
PIECE_STEPS, PIECE_STEPS_OF_GPU = 2_048, 65_536


def _make_kernels() -> Tensor:
    """Make the kernels, ``(84, 9)``: 2 at three steps and -1 at the others."""
    kernels = torch.full((NUM_KERNELS, KERNEL_STEPS), -1.0)
    for kernel, steps in zip(kernels, combinations(range(KERNEL_STEPS), 3), strict=True):
        kernel[list(steps)] = 2.0
    return kernels


KERNELS = _make_kernels()


Piece = tuple[slice, int, int]  # series of a batch, and from where to where in time
Lay = Callable[[Tensor, float], Iterator[tuple[slice, Tensor, Tensor]]]  # see `_lay`


class KernelModel(nn.Module):
    """Logits that are linear in what many fixed convolutions find in a series, and in statistics.

    Each kernel is laid over the series with several dilations, on channels drawn at random. How
    often the result lies above a threshold, and by how much on average, are two features of the
    series (MiniRocket, Dempster, Schmidt and Webb 2021; MultiRocket, Tan et al. 2022). Groups of
    random kernels compete: how much each answers where it answers most of its group, and how often
    it answers least, are two more (Hydra, Dempster, Schmidt and Webb 2023). The length is another,
    and so are the statistics of `measure_series`. `training.ridge` fits it.

    Parameters
    ----------
    num_channels
        Of the series.
    num_classes
        Size of the logits.
    num_dilations, num_thresholds
        Of each kernel.
    num_levels
        Of the statistics; 0 for none.

    Attributes
    ----------
    dilations
        int64 ``(num_dilations,)``.
    channels
        ``(num_dilations, 84, num_channels)``, 1 where a kernel reads a channel.
    thresholds
        ``(num_dilations, 84, num_thresholds)``.
    rivals
        Random kernels ``(num_dilations, 32, 8, 9)``, the kernels of a group together.
    rival_channels
        ``(num_dilations, 32, num_channels)``, 1 where a group reads a channel.
    mean, scale
        ``(num_features,)``, of the features on the training part.
    weight, bias
        ``(num_features, num_classes)`` and ``(num_classes,)``.
    """

    dilations: Tensor
    channels: Tensor
    thresholds: Tensor
    rivals: Tensor
    rival_channels: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        num_channels: int,
        num_classes: int,
        *,
        num_dilations: int,
        num_thresholds: int,
        num_levels: int = 0,
    ) -> None:
        super().__init__()
        shape = (num_dilations, NUM_KERNELS)
        groups = (num_dilations, NUM_GROUPS)
        of_thresholds, of_rivals = NUM_KERNELS * num_thresholds, NUM_GROUPS * NUM_RIVALS
        self.num_statistics = count_statistics(num_channels, num_levels) if num_levels else 0
        num_features = num_dilations * 2 * (of_thresholds + of_rivals) + 1 + self.num_statistics
        self.num_channels = num_channels
        self.num_levels = num_levels
        self.register_buffer("dilations", torch.ones(num_dilations, dtype=torch.int64))
        self.register_buffer("channels", torch.ones(*shape, num_channels))
        self.register_buffer("thresholds", torch.zeros(*shape, num_thresholds))
        self.register_buffer("rivals", torch.zeros(*groups, NUM_RIVALS, KERNEL_STEPS))
        self.register_buffer("rival_channels", torch.ones(*groups, num_channels))
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
            num_levels=config.num_levels,
        )

    def sizes(self) -> dict[str, int]:
        """Give what `from_config` reads of the model's sizes."""
        num_dilations, _, num_thresholds = self.thresholds.shape
        return {
            "num_dilations": num_dilations,
            "num_thresholds": num_thresholds,
            "num_levels": self.num_levels,
        }

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

    @torch.no_grad()
    def measure(self, batch: Batch) -> Tensor:
        """Compute the features ``(batch, num_features)`` of a batch, in double precision.

        The last `num_statistics` are the statistics, drawn together as by a logarithm. Nothing is
        differentiated: what is counted has no slope.
        """
        check_inputs(batch.inputs, self.num_channels)
        # A feature jumps where a result meets a threshold, so that it must not depend on the order
        # of a sum: in double precision that moves a result by less than any two of them differ, and
        # where a series stands still, of values in single precision, not at all, unless channels
        # are some million times as large as others.
        x = zero_padding(batch.inputs, batch.lengths).float().double().transpose(1, 2)
        lengths = batch.lengths.to(x.device)
        most = PIECE_STEPS if x.device.type == "cpu" else PIECE_STEPS_OF_GPU
        pieces = list(_pieces(batch.lengths, most))
        # Used again for each piece: memory that is new takes several times as long to be written.
        room = x.new_empty(2, NUM_GROUPS * NUM_RIVALS * min(x[:, 0].numel(), most))
        features = [lengths.double().log().unsqueeze(1)]
        for number, dilation in enumerate(self.dilations.tolist()):
            lay = partial(_lay, _pad(x, dilation), lengths, dilation, pieces, room)
            features.append(self._measure_kernels(number, lengths, lay))
            features.append(self._measure_rivals(number, lengths, lay))
        if self.num_levels:
            statistics = measure_series(batch.inputs, batch.lengths, num_levels=self.num_levels)
            features.append(statistics.double().asinh())
        return torch.cat(features, dim=1)

    def _measure_kernels(self, number: int, lengths: Tensor, lay: Lay) -> Tensor:
        """Compute what lies above the thresholds of one dilation; padding counts for nothing."""
        thresholds = self.thresholds[number].double()  # (84, num_thresholds)
        weights = _weigh(KERNELS.to(thresholds), self.channels[number])
        totals = thresholds.new_zeros(2, len(lengths), *thresholds.shape)
        for rows, found, above in lay(weights, -torch.inf):  # above no threshold
            for index, threshold in enumerate(thresholds.unbind(1)):
                torch.sub(found, threshold.unsqueeze(1), out=above).clamp_(min=0)
                totals[1, rows, :, index] += above.sum(2)
                totals[0, rows, :, index] += above.sign_().sum(2)
        return (totals / lengths.view(1, -1, 1, 1)).transpose(0, 1).flatten(1)

    def _measure_rivals(self, number: int, lengths: Tensor, lay: Lay) -> Tensor:
        """Let the kernels of each group compete at each step; padding counts for nothing."""
        rivals = self.rivals[number].double()
        channels = self.rival_channels[number].repeat_interleave(NUM_RIVALS, dim=0)
        weights = _weigh(rivals.flatten(0, 1), channels)
        totals = rivals.new_zeros(2, len(lengths), NUM_GROUPS, NUM_RIVALS)
        for rows, answers, room in lay(weights, torch.nan):  # equal to nothing
            found = answers.view(len(answers), NUM_GROUPS, NUM_RIVALS, -1)
            won = room.view_as(found)
            most, least = found.amax(2, keepdim=True), found.amin(2, keepdim=True)
            torch.eq(found, most, out=won)
            heights = most.nan_to_num_(nan=0).clamp_(min=0).transpose(2, 3)
            totals[0, rows] += (won @ heights).squeeze(3)
            totals[1, rows] += torch.eq(found, least, out=won).sum(3)
        # The more there is already, the less one more is worth.
        return (totals / lengths.view(1, -1, 1, 1)).sqrt().transpose(0, 1).flatten(1)

    def convolve(self, x: Tensor, number: int, dilation: int) -> Tensor:
        """Lay the 84 kernels of a dilation over ``(batch, channels, time)``."""
        weights = _weigh(KERNELS.to(x), self.channels[number])
        room = x.new_empty(len(x) * NUM_KERNELS * x.size(2))
        return _convolve(_pad(x, dilation), weights, dilation, 0, x.size(2), out=room)


def _pieces(lengths: Tensor, most: int) -> Iterator[Piece]:
    """Cut a batch into pieces of no more than so many steps, of all series together."""
    num_rows = max(1, most // int(lengths.max()))
    for top in range(0, len(lengths), num_rows):
        rows = slice(top, top + num_rows)
        time = int(lengths[rows].max())
        for start in range(0, time, most):
            yield rows, start, min(start + most, time)


def _lay(
    padded: Tensor,
    lengths: Tensor,
    dilation: int,
    pieces: list[Piece],
    room: Tensor,
    weights: Tensor,
    beyond: float,
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Lay kernels over piece after piece, and put a value where a series has ended.

    Yields
    ------
    rows, found, spare
        Which series, the results ``(batch, num_kernels, steps)``, and as much memory again.
    """
    for rows, start, stop in pieces:
        found = _convolve(padded[rows], weights, dilation, start, stop, out=room[0])
        is_real = mask_from_lengths(lengths[rows] - start, stop - start)
        found.masked_fill_(~is_real.unsqueeze(1), beyond)
        yield rows, found, room[1, : found.numel()].view_as(found)


def _pad(x: Tensor, dilation: int) -> Tensor:
    """Put zeros around ``(batch, channels, time)``, half as many steps as a kernel spans."""
    reach = dilation * (KERNEL_STEPS // 2)
    return nn.functional.pad(x, (reach, reach))


def _weigh(kernels: Tensor, channels: Tensor) -> Tensor:
    """Make the weights ``(num_kernels, channels * 9)`` of kernels that read some channels."""
    return (channels.to(kernels).unsqueeze(2) * kernels.unsqueeze(1)).flatten(1)


def _convolve(
    padded: Tensor, weights: Tensor, dilation: int, start: int, stop: int, *, out: Tensor
) -> Tensor:
    """Lay kernels over some steps.

    Parameters
    ----------
    padded
        What `_pad` gives.
    weights
        What `_weigh` gives.
    start, stop
        Of the steps, counted without the padding.
    out
        Memory for the result.

    Returns
    -------
    Tensor
        ``(batch, num_kernels, stop - start)``.
    """
    shifts = range(0, KERNEL_STEPS * dilation, dilation)
    shifted = [padded[:, :, start + shift : stop + shift] for shift in shifts]
    steps = torch.stack(shifted, dim=2).flatten(1, 2)
    shape = (len(padded), len(weights), stop - start)
    return torch.matmul(weights, steps, out=out[: prod(shape)].view(shape))
