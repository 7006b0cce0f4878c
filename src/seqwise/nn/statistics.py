"""What a series is like: quantiles of its parts, and the power in its frequencies over time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqwise.nn.masking import mask_from_lengths, zero_padding

MOST_LEVELS, MOST_STARTS, MOST_STATISTICS = 4, 10, 20_000
NUM_QUANTILES = (8, 8, 4, 4)  # of an interval of each level
NUM_VIEWS = 4
FIRST_STEPS, START_QUANTILES, START_VIEWS = 8, 8, 3
FRAME_STEPS = 256
NUM_BANDS = 16
# Bands are of one width up to this share of the highest frequency, and grow from there on: the mel
# scale, at 8,000 steps a second.
BEND = 0.175
FLOOR = 1e-8  # of the mean power, below which there is silence


def count_statistics(num_channels: int, num_levels: int, num_starts: int = 0) -> int:
    """Count the numbers that `measure_series` gives of each series."""
    quantiles = sum(NUM_QUANTILES[level] for level, _, _ in _intervals(num_levels))
    bands = NUM_BANDS * (3 + _num_parts(num_levels))
    starts = START_VIEWS * 2 * num_starts * START_QUANTILES
    return num_channels * (NUM_VIEWS * quantiles + bands + starts) + 1


def choose_levels(num_channels: int) -> int:
    """Choose how far series are cut up, the less the more channels; 0 where they are too many."""
    fitting = (
        levels
        for levels in range(MOST_LEVELS, 0, -1)
        if count_statistics(num_channels, levels) <= MOST_STATISTICS
    )
    return next(fitting, 0)


def choose_starts(lengths: NDArray[np.int64], num_channels: int, num_levels: int) -> int:
    """Choose how many beginnings to look at: half of the series are no shorter than the last."""
    reached = int(np.log2(max(1.0, float(np.median(lengths)) / FIRST_STEPS))) + 1
    fitting = (
        starts
        for starts in range(min(MOST_STARTS, reached), 0, -1)
        if count_statistics(num_channels, num_levels, starts) <= MOST_STATISTICS
    )
    return next(fitting, 0)


def measure_series(
    inputs: Tensor, lengths: Tensor, *, num_levels: int, num_starts: int = 0
) -> Tensor:
    """Describe each series by numbers of which each means the same for series of any length.

    The quantiles of intervals, those of each level half as long as those of the one above, of the
    series, of its first and second differences and of its spectrum (QUANT, Dempster, Schmidt and
    Webb 2024, with a fixed number of quantiles); and the logarithms of the power in bands of
    frequencies, over time. The length is another. Where something begins, and does not last longer
    in a longer recording, the quantiles of its beginnings of 8, 16, 32 and so on steps tell more,
    and of as many steps behind each; not of the spectrum.

    Parameters
    ----------
    inputs
        ``(batch, time, channels)``.
    lengths
        int64 ``(batch,)``.
    num_levels
        1 to 4.
    num_starts
        How many beginnings, each twice as long as the last one. Of a series that ends before a
        part begins, its last step is taken.

    Returns
    -------
    Tensor
        float32 ``(batch, num_statistics)``, see `count_statistics`.
    """
    # Single values in double precision, rounded in the end: a tree asks on which side of a
    # threshold a number lies, and that must not depend on the order of a sum.
    x = zero_padding(inputs, lengths).float().double().transpose(1, 2)  # (batch, channels, time)
    lengths = lengths.to(x.device)
    differences = _differences(x)
    spectra, num_frequencies = _spectra(x, lengths)
    views = [(x, lengths), (differences, lengths), (_differences(differences), lengths)]
    found = [lengths.double().unsqueeze(1)]
    for view, sizes in [*views, (spectra, num_frequencies)]:
        for level, start, stop in _intervals(num_levels):
            starts, stops = _place(sizes, start, stop)
            found.append(_quantiles(view, starts, stops, NUM_QUANTILES[level]))
    for view, sizes in views:
        for first, last in _starts(num_starts):
            stops = sizes.clamp(max=last)
            starts = (stops - 1).clamp(max=first)
            found.append(_quantiles(view, starts, stops, START_QUANTILES))
    found.append(_powers(x, lengths, _num_parts(num_levels)))
    most = torch.finfo(torch.float32).max
    return torch.cat(found, dim=1).clamp(-most, most).float()


def _intervals(num_levels: int) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Give the parts of a series, with their level: side by side, and half a part further."""
    for level in range(num_levels):
        parts = 2**level
        for number in range(2 * parts - 1):
            start = Fraction(number, 2 * parts)
            yield level, start, start + Fraction(1, parts)


def _starts(num_starts: int) -> Iterator[tuple[int, int]]:
    """Give the beginnings of a series, and as many steps behind each."""
    for number in range(num_starts):
        steps = FIRST_STEPS * 2**number
        yield from ((0, steps), (steps, 2 * steps))


def _num_parts(num_levels: int) -> int:
    """Count the parts of time in which powers are averaged."""
    return int(2 ** (num_levels - 1))


def _place(sizes: Tensor, start: Fraction, stop: Fraction) -> tuple[Tensor, Tensor]:
    """Give the first step of a part and the one behind its last; it has one step at least."""
    stops = -(-sizes * stop.numerator // stop.denominator)
    starts = torch.minimum(sizes * start.numerator // start.denominator, stops - 1)
    return starts, stops


def _differences(x: Tensor) -> Tensor:
    """Subtract from each step the one before it; 0 at the first."""
    return torch.diff(x, dim=2, prepend=x[:, :, :1])


def _spectra(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Give the amplitudes of each series' frequencies, padded, and how many there are."""
    amplitudes = [
        torch.fft.rfft(series[:, :length]).abs() / length**0.5
        for series, length in zip(x, lengths.tolist(), strict=True)
    ]
    padded = x.new_zeros(len(x), x.size(1), x.size(2) // 2 + 1)
    for row, each in zip(padded, amplitudes, strict=True):
        row[:, : each.size(1)] = each
    return padded, lengths // 2 + 1


def _quantiles(x: Tensor, starts: Tensor, stops: Tensor, number: int) -> Tensor:
    """Give quantiles of a part of each series, every other one less the mean of the part.

    Returns
    -------
    Tensor
        ``(batch, channels * number)``.
    """
    sizes = stops - starts
    width = int(sizes.max())
    index = (starts.unsqueeze(1) + torch.arange(width, device=x.device)).clamp(max=x.size(2) - 1)
    part = x.gather(2, index.unsqueeze(1).expand(-1, x.size(1), -1))
    padding = ~mask_from_lengths(sizes, width).unsqueeze(1)
    means = part.masked_fill(padding, 0).sum(2, keepdim=True) / sizes.view(-1, 1, 1)
    ordered = part.masked_fill(padding, torch.inf).sort(dim=2).values
    shares = torch.linspace(0, 1, number, dtype=x.dtype, device=x.device)
    places = (sizes - 1).unsqueeze(1) * shares  # (batch, number)
    below = places.floor().long()
    above = torch.minimum(below + 1, sizes.unsqueeze(1) - 1)
    low, high = (
        ordered.gather(2, each.unsqueeze(1).expand(-1, x.size(1), -1)) for each in (below, above)
    )
    found = low + (places - below).unsqueeze(1) * (high - low)
    found[:, :, 1::2] -= means
    return found.flatten(1)


def _powers(x: Tensor, lengths: Tensor, parts: int) -> Tensor:
    """Describe the power in each band: its mean, its spread and its unrest, and its parts in time.

    Returns
    -------
    Tensor
        ``(batch, channels * 16 * (3 + parts))``.
    """
    rows = []
    for series, length in zip(x, lengths.tolist(), strict=True):
        bands = _bands(series[:, :length])  # (channels, frames, 16)
        num_frames = torch.tensor([bands.size(1)])
        unrest = torch.diff(bands, dim=1, prepend=bands[:, :1]).abs().mean(1)
        described = [bands.mean(1), bands.std(1, correction=0), unrest]
        for number in range(parts):
            starts, stops = _place(num_frames, Fraction(number, parts), Fraction(number + 1, parts))
            described.append(bands[:, int(starts) : int(stops)].mean(1))
        rows.append(torch.cat(described, dim=1).flatten())
    return torch.stack(rows)


def _bands(series: Tensor) -> Tensor:
    """Give the logarithm of the power in each band, frame by frame.

    Parameters
    ----------
    series
        ``(channels, time)``.

    Returns
    -------
    Tensor
        ``(channels, frames, 16)``; frames overlap by half, and what fills none at the end of a long
        series is left out.
    """
    size = min(FRAME_STEPS, max(4, series.size(1)))
    series = torch.nn.functional.pad(series, (0, max(0, size - series.size(1))))
    window = torch.hann_window(size + 2, periodic=False, dtype=series.dtype, device=series.device)
    frames = series.unfold(1, size, size // 2) * window[1:-1]
    power = torch.fft.rfft(frames).abs().square()  # (channels, frames, frequencies)
    edges = torch.linspace(0, 1, NUM_BANDS + 1, dtype=torch.float64)
    edges = BEND * torch.expm1(edges * torch.log1p(torch.tensor(1 / BEND, dtype=torch.float64)))
    # Rounded: an edge that falls on a frequency falls on it whatever the last bit says.
    edges = (edges * (power.size(2) - 1)).round(decimals=6)
    bands = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        first = int(low)
        bands.append(power[:, :, first : max(first + 1, -int(-high // 1))].mean(2))
    found = torch.stack(bands, dim=2)
    floor = FLOOR * found.mean(dim=(1, 2), keepdim=True) + 1e-30
    return (found + floor).log()
