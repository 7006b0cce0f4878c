"""How much each class weighs in the loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqwise.config import AnyClassWeight
from seqwise.data.targets import Targets, class_counts, is_multilabel
from seqwise.strict import setting_error


def class_weights(
    chosen: AnyClassWeight, targets: Targets, class_names: list[str]
) -> NDArray[np.float64] | None:
    """Give each class its weight; None where all weigh the same.

    Parameters
    ----------
    chosen
        As in `TrainConfig`, but for ``auto``, which a `TrainingRun` has made one of the others.
    targets
        Of the training part.
    class_names
        Of the targets, in order.

    Returns
    -------
    array or None
        ``(num_classes,)``; where a record may bear any number of labels ``(num_classes, 2)``, the
        weights of the records without a label and of those with it. Their mean over the training
        part is 1, so that the learning rate keeps its meaning.

    Raises
    ------
    ConfigError
        If a weight is for no class, if none is above 0, or if they are still to be chosen.
    """
    if chosen == "auto":
        expected = "none, balanced or a table: only a whole run can try"
        raise setting_error("class_weight", chosen, expected)
    if chosen == "none":
        return None
    counts = np.maximum(class_counts(targets, len(class_names)), 1)
    others = np.maximum(targets.shape[0] - counts, 1)
    if isinstance(chosen, dict):
        unknown = sorted(chosen.keys() - set(class_names))
        if unknown:
            raise setting_error("class_weight", unknown[0], "a label of the training file")
        weights = np.array([chosen.get(name, 1.0) for name in class_names])
    else:
        weights = others / counts if is_multilabel(targets) else 1 / counts
    if is_multilabel(targets):
        pairs = np.stack([np.ones(len(weights)), weights], axis=1)
        means = (others * pairs[:, 0] + counts * pairs[:, 1]) / (others + counts)
        return np.asarray(pairs / means[:, None])
    mean = float(weights[targets].mean())
    if mean == 0:
        raise setting_error("class_weight", 0, "a weight above 0 for some class")
    return np.asarray(weights / mean)


def record_weights(
    weights: NDArray[np.float64] | None, targets: Targets
) -> NDArray[np.float64] | None:
    """Give what each answer on some records counts, by the weights of `class_weights`.

    Returns
    -------
    array or None
        ``(n,)``, or ``(n, num_classes)`` where a record may bear any number of labels; None where
        all count the same.
    """
    if weights is None:
        return None
    if is_multilabel(targets):
        return np.where(targets.toarray(), weights[:, 1], weights[:, 0])
    return np.asarray(weights[targets])
