"""How a set of numbers is spread: lengths of sequences, values of channels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Bin", "ChannelMoments", "ChannelSummary", "Distribution", "describe_lengths"]

LINEAR_BINS = 12  # at most
LOG_SCALE_FROM = 8  # times the median: from here on a linear histogram is one bar and a tail


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram of whole numbers: `count` of them from `low` to `high` inclusive."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """The spread of lengths, in the unit in which they were counted.

    Parameters
    ----------
    minimum, median, mean, percentile95, maximum
        Percentiles are interpolated between neighbours.
    histogram
        Bars without gaps that cover all lengths: of equal width, or of width 1, 2, 5, 10, 20,
        50 ... where the longest is far from the median.
    """

    minimum: int
    median: float
    mean: float
    percentile95: float
    maximum: int
    histogram: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON."""
        return {
            "min": self.minimum,
            "median": self.median,
            "mean": self.mean,
            "p95": self.percentile95,
            "max": self.maximum,
            "histogram": [asdict(each) for each in self.histogram],
        }


def describe_lengths(lengths: ArrayLike) -> Distribution:
    """Describe the spread of whole numbers.

    Parameters
    ----------
    lengths
        ``(num_records,)`` integers from 0, at least one.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        There are no lengths.

    Examples
    --------
    >>> spread = describe_lengths([3, 4, 4, 5])
    >>> spread.median, [(each.low, each.high, each.count) for each in spread.histogram]
    (4.0, [(3, 3, 1), (4, 4, 2), (5, 5, 1)])
    """
    values = np.asarray(lengths, dtype=np.int64)
    if values.size == 0:
        raise ValueError("no lengths to describe")
    low, high = int(values.min()), int(values.max())
    median = float(np.median(values))
    edges = _edges(low, high, median)  # bar i covers edges[i] to edges[i + 1] - 1
    counts, _ = np.histogram(values, bins=edges)
    return Distribution(
        minimum=low,
        median=median,
        mean=float(values.mean()),
        percentile95=float(np.percentile(values, 95)),
        maximum=high,
        histogram=tuple(
            Bin(start, stop - 1, int(count))
            for start, stop, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ),
    )


def _edges(low: int, high: int, median: float) -> list[int]:
    if high > LOG_SCALE_FROM * max(median, 1):
        return _log_edges(low, high)
    step = next(step for step in _round_numbers() if (high // step - low // step) < LINEAR_BINS)
    return [index * step for index in range(low // step, high // step + 2)]


def _log_edges(low: int, high: int) -> list[int]:
    edges = [0]
    for edge in _round_numbers():
        edges.append(edge)
        if edge > high:
            break
    first = max(index for index, edge in enumerate(edges) if edge <= low)
    return edges[first:]


def _round_numbers() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50, and so on."""
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """The values of one channel of all series; `std` divides by the number of values."""

    minimum: float
    mean: float
    std: float
    maximum: float


class ChannelMoments:
    """Minimum, mean, deviation and maximum of each channel, from series that come one by one.

    Means and squared deviations of the parts are merged (Chan, Golub, LeVeque: Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979): a plain sum of
    squares loses all digits where the mean is large against the deviation.

    Parameters
    ----------
    num_channels
        Channels of every series.
    """

    def __init__(self, num_channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(num_channels)
        self.squares = np.zeros(num_channels)
        self.minimum = np.full(num_channels, np.inf)
        self.maximum = np.full(num_channels, -np.inf)

    def add(self, series: NDArray[Any]) -> None:
        """Take in a series ``(time, channels)`` of finite values, at least one step long."""
        steps = len(series)
        mean = series.mean(axis=0, dtype=np.float64)
        squares = np.square(series - mean).sum(axis=0)
        total = self.count + steps
        shift = mean - self.mean
        self.mean = self.mean + shift * (steps / total)
        self.squares = self.squares + squares + np.square(shift) * (self.count * steps / total)
        self.minimum = np.minimum(self.minimum, series.min(axis=0))
        self.maximum = np.maximum(self.maximum, series.max(axis=0))
        self.count = total

    def summary(self) -> tuple[ChannelSummary, ...]:
        """Return one summary a channel of all that was added; at least one series was."""
        return tuple(
            ChannelSummary(float(low), float(mean), math.sqrt(squares / self.count), float(high))
            for low, mean, squares, high in zip(
                self.minimum, self.mean, self.squares, self.maximum, strict=True
            )
        )
