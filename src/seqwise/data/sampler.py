"""Which sequences go into a batch together: near-equal lengths, within a budget of steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

INFERENCE_BATCH_SIZE = 128
INFERENCE_BATCH_STEPS = 16_384  # more do not fit a cache: 170 thousand steps a second became 111
NOISE = 0.1  # spread of the logarithm of a length in the random order


def cut_batches(
    lengths: NDArray[np.int64], *, batch_size: int, batch_steps: int
) -> list[NDArray[np.int64]]:
    """Cut sequences that stand in order of length into batches.

    Parameters
    ----------
    lengths
        Steps of each sequence, ``(n,)``.
    batch_size
        Sequences in a batch, at the most.
    batch_steps
        Padded steps in a batch (its longest sequence times its size), at the most; a longer
        sequence gets a batch of its own.

    Returns
    -------
    list of arrays
        Positions in `lengths`, each once, in order.
    """
    bounds = _find_bounds(lengths, batch_size, batch_steps)
    return [np.arange(start, end) for start, end in pairwise(bounds.tolist())]


def _find_bounds(
    lengths: NDArray[np.int64], batch_size: int, batch_steps: int
) -> NDArray[np.int64]:
    """Say where each batch begins and the last one ends, ``(num_batches + 1,)``."""
    bounds = [0]
    while bounds[-1] < len(lengths):
        window = lengths[bounds[-1] : bounds[-1] + batch_size]
        padded = np.maximum.accumulate(window) * np.arange(1, len(window) + 1)
        count = int(np.searchsorted(padded, batch_steps, side="right"))
        bounds.append(bounds[-1] + max(count, 1))
    return np.array(bounds, dtype=np.int64)


@dataclass(frozen=True)
class Batches:
    """The batches of an epoch, made when they are asked for: 8 bytes a sequence.

    Parameters
    ----------
    lengths
        Steps of each sequence, ``(n,)``.
    order
        All sequences in order of length, ``(n,)``.
    bounds
        Where in `order` the batches begin and end, ``(num_batches + 1,)``.
    turns
        Which of them comes when, ``(num_batches,)``.
    """

    lengths: NDArray[np.int64]
    order: NDArray[np.int64]
    bounds: NDArray[np.int64]
    turns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, index: int) -> NDArray[np.int64]:
        """Give a batch in the order in which recurrent layers take it without moving it."""
        turn = self.turns[index]
        indices = self.order[self.bounds[turn] : self.bounds[turn + 1]]
        return indices[np.argsort(-self.lengths[indices], kind="stable")]

    def first(self, share: float) -> Batches:
        """Give the first batches, a share of all of them, and one at the least."""
        return replace(self, turns=self.turns[: math.ceil(share * len(self))])

    @property
    def num_records(self) -> int:
        """Sequences in all batches."""
        return int((self.bounds[self.turns + 1] - self.bounds[self.turns]).sum())

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[index] for index in range(len(self)))


def cut_inference_batches(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut sequences that stand in order of length into batches as large as prediction takes."""
    return cut_batches(lengths, batch_size=INFERENCE_BATCH_SIZE, batch_steps=INFERENCE_BATCH_STEPS)


class BucketSampler:
    """Batches of near-equal lengths in random order, each sequence once an epoch.

    The batches are a pure function of (seed, epoch): there is no state to lose.

    Parameters
    ----------
    lengths
        Steps of each sequence, ``(n,)``.
    batch_size, batch_steps
        As in `cut_batches`.
    seed
        Of the order.
    """

    def __init__(
        self, lengths: NDArray[np.int64], *, batch_size: int, batch_steps: int, seed: int
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.batch_steps = batch_steps
        self.seed = seed

    def batches(self, epoch: int) -> Batches:
        """Return the batches of an epoch, epochs counted from 0: each gives its indices."""
        random = np.random.default_rng([self.seed, epoch])
        keys = np.log(self.lengths)
        # A little noise gives other mates in each epoch at the price of a little padding.
        keys += random.uniform(0, NOISE, len(self.lengths))
        order = np.argsort(keys)
        bounds = _find_bounds(self.lengths[order], self.batch_size, self.batch_steps)
        return Batches(self.lengths, order, bounds, random.permutation(len(bounds) - 1))
