"""Some of many records, where all would be too much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_records(
    lengths: NDArray[np.int64],
    targets: NDArray[np.int64],
    random: np.random.Generator,
    *,
    most_steps: int,
    most_records: int | None = None,
) -> NDArray[np.int64]:
    """Draw records, one of each class for certain.

    Parameters
    ----------
    lengths, targets
        Steps and class of each record, ``(n,)``.
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
    firsts = order[np.unique(targets[order], return_index=True)[1]]
    order = np.concatenate([firsts, order[~np.isin(order, firsts)]])
    num_drawn = int(np.searchsorted(lengths[order].cumsum(), most_steps, side="right"))
    return np.sort(order[: max(len(firsts), min(num_drawn, most_records))])
