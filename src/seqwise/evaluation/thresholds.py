"""Thresholds that give the best F1 on records that were not learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqwise.data.labels import Labels
from seqwise.data.targets import Targets
from seqwise.evaluation.decision import Decision
from seqwise.evaluation.multilabel import EVEN

FEWEST = 10  # records with a label that may choose a threshold for it alone


def can_tune(labels: Labels) -> bool:
    """Tell whether there are thresholds to choose: for any number of labels, or for two classes."""
    return labels.multilabel or len(labels) == 2


def tune(probabilities: NDArray[np.float64], targets: Targets, labels: Labels) -> Decision:
    """Choose thresholds on records that were held out.

    Where a record may bear any number of labels, each gets the threshold with the best F1. Labels
    of fewer than `FEWEST` records share one, with the best F1 over all their pairs of a record and
    a label; where even these bear too few, it is one half. Of two classes the rarer one gets the
    threshold with the best macro F1.

    Parameters
    ----------
    probabilities
        ``(n, num_classes)``.
    targets
        Of these records.
    labels
        The classes; where a record bears one of them, there are two.
    """
    if not labels.multilabel:
        return _tune_two(probabilities, np.asarray(targets), labels)
    truth = targets.toarray()
    counts = truth.sum(axis=0)
    rare = counts < FEWEST
    chosen = np.full(len(labels), EVEN)
    if counts[rare].sum() >= FEWEST:
        chosen[rare] = best_threshold(probabilities[:, rare].ravel(), truth[:, rare].ravel())
    for index in np.flatnonzero(~rare).tolist():
        chosen[index] = best_threshold(probabilities[:, index], truth[:, index])
    return Decision(True, tuple(chosen.tolist()))


def _tune_two(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], labels: Labels
) -> Decision:
    counts = np.bincount(targets, minlength=2)
    if counts.min() < FEWEST:
        return Decision.of(labels)
    rarer = int(counts.argmin())
    best = best_threshold(probabilities[:, rarer], targets == rarer, macro=True)
    return Decision(False, tuple(best if index == rarer else None for index in range(2)))


def best_threshold(
    probabilities: NDArray[np.float64], truth: NDArray[np.bool_], *, macro: bool = False
) -> float:
    """Find the threshold with the best F1, half way between two probabilities.

    Parameters
    ----------
    probabilities
        Of a label, ``(n,)``.
    truth
        Whether it is true, ``(n,)``.
    macro
        Take the mean of the F1 of being given the label, and of not being given it.

    Returns
    -------
    float
        Of equally good ones, the one nearest to one half.

    Examples
    --------
    >>> best_threshold(np.array([0.125, 0.25, 0.5, 0.75]), np.array([False, False, True, True]))
    0.375
    """
    order = np.argsort(-probabilities, kind="stable")
    ordered, right = probabilities[order], truth[order].cumsum()
    given, total = np.arange(1, len(order) + 1), int(truth.sum())
    f1 = 2 * right / (given + total)
    if macro:
        # Not given: those behind, of which all but the true ones that are left are right.
        spared = len(order) - given
        f1 = (f1 + 2 * (spared - (total - right)) / np.maximum(spared + len(order) - total, 1)) / 2
    lower = np.append(ordered[1:], 0.0)
    is_cut = ordered > lower  # equal probabilities are given or not given together
    is_cut[-1] = True
    halves = (ordered + lower) / 2
    # Between neighbouring numbers there is none, and half way is rounded to one of them.
    cuts = np.maximum(np.where(halves > lower, halves, ordered), np.finfo(np.float64).tiny)
    best = np.flatnonzero(is_cut & (f1 >= f1[is_cut].max() - 1e-12))
    return float(cuts[best[np.abs(cuts[best] - EVEN).argmin()]])
