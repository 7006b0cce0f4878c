"""Some of many records, where all would be too much, and how these are read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqwise.data.collate import collate
from seqwise.data.sampler import cut_batches
from seqwise.data.store import Sequences
from seqwise.data.targets import Targets, label_pairs
from seqwise.nn import Batch


def draw_records(
    lengths: NDArray[np.int64],
    targets: Targets,
    random: np.random.Generator,
    *,
    most_steps: int,
    most_records: int | None = None,
) -> NDArray[np.int64]:
    """Draw records, one of each class for certain.

    Parameters
    ----------
    lengths, targets
        Steps of each record, ``(n,)``, and what it is to be told.
    random
        Where all may stay, nothing is drawn from it.
    most_steps, most_records
        How much there may be in all; where a class needs it, there is more.

    Returns
    -------
    array
        Their numbers in ascending order.
    """
    most_records = most_records or len(lengths)
    if lengths.sum() <= most_steps and len(lengths) <= most_records:
        return np.arange(len(lengths))
    order = random.permutation(len(lengths))
    records, classes = label_pairs(targets[order])
    firsts = order[np.unique(records[np.unique(classes, return_index=True)[1]])]
    order = np.concatenate([firsts, order[~np.isin(order, firsts)]])
    num_drawn = int(np.searchsorted(lengths[order].cumsum(), most_steps, side="right"))
    return np.sort(order[: max(len(firsts), min(num_drawn, most_records))])


def read_drawn(
    sequences: Sequences,
    lengths: NDArray[np.int64],
    drawn: NDArray[np.int64],
    *,
    batch_steps: int,
) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Read drawn records, those of near-equal lengths together.

    Parameters
    ----------
    sequences, lengths
        All of them, and their steps.
    drawn
        Numbers of those that are read.
    batch_steps
        Padded steps in a batch, at the most; a longer sequence gets a batch of its own.

    Yields
    ------
    places, batch
        Where the records of the batch stand in `drawn`, and these.
    """
    order = np.argsort(lengths[drawn], kind="stable")
    for cut in cut_batches(lengths[drawn][order], batch_size=batch_steps, batch_steps=batch_steps):
        places = order[cut]
        yield places, collate([sequences[index] for index in drawn[places].tolist()])
