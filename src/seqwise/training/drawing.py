"""Some of many records, where all would be too much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqwise.data.targets import Targets, label_pairs


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
