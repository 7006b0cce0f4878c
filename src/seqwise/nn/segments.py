"""Where to make a padded batch narrower, so that a kernel hardly meets padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What starting a kernel anew costs, in steps of a sequence: measured, LSTM on a CPU; between 30 and
# 200 it makes little difference, and less padding is left with less.
CALL_STEPS = 80


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which a kernel runs over the first rows of a batch.

    Parameters
    ----------
    start, stop
        Steps, the second not included.
    rows
        Sequences that have not ended at `start`.
    """

    start: int
    stop: int
    rows: int


def cut_segments(lengths: NDArray[np.int64], *, max_steps: int) -> list[Segment]:
    """Cut the time of a batch where enough sequences have ended to pay for another call.

    The cheapest cut of all, found by dynamic programming over the distinct lengths.

    Parameters
    ----------
    lengths
        Steps of each sequence, ``(batch,)``, the longest first.
    max_steps
        The longest segment.

    Returns
    -------
    list of Segment
        From step 0 to the longest length, without a gap.

    Examples
    --------
    >>> cut_segments(np.array([500, 20, 20, 10]), max_steps=1000)
    [Segment(start=0, stop=20, rows=4), Segment(start=20, stop=500, rows=1)]
    """
    longest = int(lengths[0])
    if len(lengths) * longest - int(lengths.sum()) <= CALL_STEPS:  # no cut can save a call
        return _split(0, longest, len(lengths), max_steps)
    stops = np.unique(lengths)
    starts = np.concatenate([[0], stops[:-1]])
    rows = len(lengths) - np.searchsorted(lengths[::-1], starts, side="right")
    cheapest = np.zeros(len(stops) + 1)  # of the time up to each start, in steps
    cut_before = np.zeros(len(stops), dtype=np.int64)
    for index, stop in enumerate(stops.tolist()):
        cost = cheapest[: index + 1] + CALL_STEPS + rows[: index + 1] * (stop - starts[: index + 1])
        cut_before[index] = cost.argmin()
        cheapest[index + 1] = cost[cut_before[index]]
    segments: list[Segment] = []
    index = len(stops) - 1
    while index >= 0:
        first = int(cut_before[index])
        pieces = _split(int(starts[first]), int(stops[index]), int(rows[first]), max_steps)
        segments = pieces + segments
        index = first - 1
    return segments


def _split(start: int, stop: int, rows: int, max_steps: int) -> list[Segment]:
    return [
        Segment(begin, min(begin + max_steps, stop), rows)
        for begin in range(start, stop, max_steps)
    ]


def whole_segments(time: int, rows: int, *, max_steps: int) -> list[Segment]:
    """Cut no batch narrower, only long time into segments."""
    return _split(0, time, rows, max_steps)
