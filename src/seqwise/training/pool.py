"""How much each member of an ensemble is believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

MOST_WEIGHT = 3.0  # three times as sure as the member itself
EQUAL_RECORDS = 10.0  # that speak for equal weights; docs/design/0028 has what others brought


def fit_weights(
    beliefs: Sequence[NDArray[np.float64]],
    targets: NDArray[np.int64],
    class_weight: Sequence[float] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Find the weights of an `Ensemble` under which it is least surprised.

    Parameters
    ----------
    beliefs
        Of each member, the logarithms of probabilities ``(n, num_classes)`` on records that it has
        not learned from.
    targets
        Their classes, int64 ``(n,)``.
    class_weight
        What each class counts, or None where all count the same.

    Returns
    -------
    weights, log_loss
        ``(num_members,)``, each from 0 to 3, and the mean log loss with them.
    """
    stacked = np.stack(beliefs)  # (members, n, num_classes)
    rows = np.arange(len(targets))
    equal = np.full(len(stacked), 1 / len(stacked))
    shares = np.ones(len(targets)) if class_weight is None else np.array(class_weight)[targets]
    shares = shares / max(shares.sum(), 1e-12)

    def log_loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        pooled = np.tensordot(weights, stacked, axes=1)
        largest = pooled.max(axis=1, keepdims=True)
        powers = np.exp(pooled - largest)
        total = powers.sum(axis=1, keepdims=True)
        losses = (np.log(total) + largest)[:, 0] - pooled[rows, targets]
        expected = (stacked * (powers / total)).sum(axis=2)  # (members, n)
        slopes = (expected - stacked[:, rows, targets]) @ shares
        # As if some more records spoke for equal weights: a few cannot carry them far.
        pull = EQUAL_RECORDS * (weights - equal) / len(targets)
        return float(losses @ shares + pull @ (weights - equal) / 2), slopes + pull

    bounds = [(0.0, MOST_WEIGHT)] * len(stacked)
    found = minimize(log_loss, equal, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x, float(found.fun)
