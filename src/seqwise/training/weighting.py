"""How much each class weighs in the loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqwise.config import ClassWeight, setting_error


def class_weights(
    chosen: ClassWeight | dict[str, float], targets: NDArray[np.int64], class_names: list[str]
) -> list[float] | None:
    """Give each class its weight; None where all weigh the same.

    Parameters
    ----------
    chosen
        As in `TrainConfig`.
    targets
        Class indices of the training part, ``(n,)``.
    class_names
        Of the targets, in order.

    Raises
    ------
    ConfigError
        If a weight is for no class, or if none is above 0.
    """
    if chosen == "none":
        return None
    if isinstance(chosen, dict):
        unknown = sorted(chosen.keys() - set(class_names))
        if unknown:
            raise setting_error("class_weight", unknown[0], "a label of the training file")
        weights = [chosen.get(name, 1.0) for name in class_names]
    else:
        counts = np.bincount(targets, minlength=len(class_names))
        weights = (1 / np.maximum(counts, 1)).tolist()
    # Their mean over the training part is 1, so that the learning rate keeps its meaning.
    mean = float(np.array(weights)[targets].mean())
    if mean == 0:
        raise setting_error("class_weight", 0, "a weight above 0 for some class")
    return [weight / mean for weight in weights]
