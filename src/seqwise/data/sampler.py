"""Which sequences go into a batch together: near-equal lengths, within a budget of steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    batches: list[NDArray[np.int64]] = []
    start, longest = 0, 0
    for position, length in enumerate(lengths.tolist()):
        count = position - start
        if count and (count == batch_size or max(longest, length) * (count + 1) > batch_steps):
            batches.append(np.arange(start, position))
            start, longest = position, 0
        longest = max(longest, length)
    if len(lengths):
        batches.append(np.arange(start, len(lengths)))
    return batches


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

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the indices of each batch of an epoch, epochs counted from 0."""
        random = np.random.default_rng([self.seed, epoch])
        # A little noise gives other mates in each epoch at the price of a little padding.
        noise = random.uniform(0, NOISE, len(self.lengths))
        order = np.argsort(np.log(self.lengths) + noise)
        batches = cut_batches(
            self.lengths[order], batch_size=self.batch_size, batch_steps=self.batch_steps
        )
        return [
            self._longest_first(order[batches[index]]) for index in random.permutation(len(batches))
        ]

    def _longest_first(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put a batch in the order in which recurrent layers take it without moving it."""
        return indices[np.argsort(-self.lengths[indices], kind="stable")]
