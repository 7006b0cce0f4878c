"""Foretelling the next step: what pretraining makes small, and what it is measured beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.collate import collate
from seqwise.data.store import Sequences
from seqwise.nn import Batch, NextStepModel
from seqwise.training.distribution import World
from seqwise.training.preparation import LabelledStore
from seqwise.training.reports import StepScores


class NextStep:
    """The loss of each step that has one before it, summed over the directions.

    Parameters
    ----------
    valid
        The part that chooses the epoch.
    counts
        How often each id comes up in the training part, ``(vocab_size,)``.
    shape, config
        Of the model and its training.
    """

    def __init__(
        self,
        valid: LabelledStore,
        counts: NDArray[np.int64],
        *,
        shape: ModelConfig,
        config: TrainConfig,
    ) -> None:
        self.valid = valid
        self.scores: type = StepScores
        self.config = config
        self.num_directions = 2 if shape.bidirectional else 1
        total, num_steps = _guess_blindly(valid.sequences, counts)
        self._baseline = total / max(num_steps, 1)

    def total(self, network: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        """Add up the loss of a batch; as `Objective`."""
        return network(batch)

    def count(self, num_records: int, num_steps: int) -> int:
        """Count the steps that are foretold; as `Objective`."""
        return max((num_steps - num_records) * self.num_directions, 1)

    def validate(self, model: NextStepModel, *, device: torch.device, world: World) -> StepScores:
        """Foretell the sequences held out; as `Objective`.

        What is longer than the window is read in pieces: all of it is foretold, but for the first
        step of each piece.
        """
        sequences = self.valid.sequences
        own = world.share(np.arange(len(sequences)))
        model.eval()
        total, num_records, num_steps = 0.0, 0, 0
        with torch.no_grad():
            for batch in _batches(sequences, own, self.config):
                total += float(model(batch.to(device)))
                num_records += len(batch.lengths)
                num_steps += int(batch.lengths.sum())
        model.train()
        parts = world.collect(np.array([[total, num_records, num_steps]]))
        loss, all_records, all_steps = parts.sum(axis=0).tolist()
        counted = self.count(int(all_records), int(all_steps))
        return StepScores(loss / counted, self._baseline, counted)


def count_tokens(sequences: Sequences, vocab_size: int) -> NDArray[np.int64]:
    """Count how often each id comes up, ``(vocab_size,)``; nothing for series."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for index in range(len(sequences) if vocab_size else 0):
        ids, times = np.unique(sequences[index], return_counts=True)
        counts[ids] += times
    return counts


def _batches(
    sequences: Sequences, indices: NDArray[np.int64], config: TrainConfig
) -> Iterator[Batch]:
    """Cut sequences into pieces no longer than the window; pieces of like length go together."""
    pieces = [
        (min(config.window, len(sequences[index]) - start), index, start)
        for index in indices.tolist()
        for start in range(0, len(sequences[index]), config.window)
    ]
    pieces.sort()
    batch: list[NDArray[np.float32 | np.int32]] = []
    for length, index, start in pieces:
        if batch and (len(batch) + 1) * length > config.batch_steps:
            yield collate(batch)
            batch = []
        batch.append(sequences[index][start : start + length])
    if batch:
        yield collate(batch)


def _guess_blindly(sequences: Sequences, counts: NDArray[np.int64]) -> tuple[float, int]:
    """Give the loss of who does not look at the steps before, and the steps, in one direction.

    Tokens are foretold by how often they come up, each one time more than it was seen; values by
    the mean, which is 0, or by the value before, whichever is better over all.
    """
    vocab_size = len(counts)
    surprise = -np.log((counts + 1) / (counts.sum() + max(vocab_size - 1, 1)))  # no padding
    of_tokens, of_mean, of_last, num_steps = 0.0, 0.0, 0.0, 0
    for index in range(len(sequences)):
        steps = sequences[index]
        num_steps += len(steps) - 1
        if vocab_size:
            # The first is not foretold by one direction, the last not by the other.
            each = surprise[steps]
            of_tokens += float((each[1:].sum() + each[:-1].sum()) / 2)
        else:
            values = steps.astype(np.float64)
            of_mean += float((values[1:] ** 2).mean(axis=1).sum())
            of_last += float((np.diff(values, axis=0) ** 2).mean(axis=1).sum())
    return (of_tokens if vocab_size else min(of_mean, of_last)), num_steps
