"""How much each member of an ensemble is believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from seqwise.data.targets import Targets, is_multilabel
from seqwise.training.weighting import record_weights

MOST_WEIGHT = 3.0  # three times as sure as the member itself
EQUAL_RECORDS = 10.0  # that speak for equal weights; docs/design/0028 has what others brought


def fit_weights(
    beliefs: Sequence[NDArray[np.float64]],
    targets: Targets,
    class_weight: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Find the weights of an `Ensemble` under which it is least surprised.

    Parameters
    ----------
    beliefs
        Of each member, the logarithms of probabilities ``(n, num_classes)`` on records that it has
        not learned from; where these may bear any number of labels, the log odds of each.
    targets
        Of these records.
    class_weight
        What each class counts, as `class_weights` gives it; None where all count the same.

    Returns
    -------
    weights, log_loss
        ``(num_members,)``, each from 0 to 3, and the mean log loss with them, their distance from
        equal ones included.
    """
    stacked = np.stack(beliefs)  # (members, n, num_classes)
    num_records = stacked.shape[1]
    equal = np.full(len(stacked), 1 / len(stacked))
    counted = record_weights(class_weight, targets)
    if counted is None:
        counted = np.ones(stacked.shape[1:] if is_multilabel(targets) else num_records)
    shares = counted / max(counted.sum(), 1e-12)
    surprise = _of_labels if is_multilabel(targets) else _of_classes
    truth = targets.toarray() if is_multilabel(targets) else targets

    def log_loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        losses, slopes = surprise(weights, stacked, truth)
        # As if some more records spoke for equal weights: a few cannot carry them far.
        pull = EQUAL_RECORDS * (weights - equal) / num_records
        loss = np.vdot(losses, shares) + pull @ (weights - equal) / 2
        return float(loss), np.tensordot(slopes, shares, axes=shares.ndim) + pull

    bounds = [(0.0, MOST_WEIGHT)] * len(stacked)
    found = minimize(log_loss, equal, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x, float(found.fun)


def _of_classes(
    weights: NDArray[np.float64], stacked: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the loss of each record, ``(n,)``, and how it grows with each weight."""
    rows = np.arange(len(targets))
    pooled = np.tensordot(weights, stacked, axes=1)
    largest = pooled.max(axis=1, keepdims=True)
    powers = np.exp(pooled - largest)
    total = powers.sum(axis=1, keepdims=True)
    losses = (np.log(total) + largest)[:, 0] - pooled[rows, targets]
    expected = (stacked * (powers / total)).sum(axis=2)  # (members, n)
    return losses, expected - stacked[:, rows, targets]


def _of_labels(
    weights: NDArray[np.float64], stacked: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the loss of each answer, ``(n, num_classes)``, and how it grows with each weight."""
    pooled = np.tensordot(weights, stacked, axes=1)
    losses = np.logaddexp(0, np.where(truth, -pooled, pooled))
    return losses, stacked * (expit(pooled) - truth)
