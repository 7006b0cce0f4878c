"""Scores of predicted probabilities against the true classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from seqwise.errors import Code, DataError, Problem, ShapeError, excerpt

__all__ = ["ClassScores", "Scores", "expected_calibration_error", "log_loss", "score"]

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

ECE_BINS = 15
SUM_TOLERANCE = 1e-2  # wide enough for float16, far too narrow for logits


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The scores of one class against all others.

    Parameters
    ----------
    label
        The user's own label.
    precision
        Share of the records given this label that have it; 0 where no record was given it.
    recall
        Share of the records with this label that were given it; 0 where no record has it.
    f1
        Harmonic mean of the two; 0 where both are 0.
    support
        Number of records with this label.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How good the probabilities for a set of records are.

    Parameters
    ----------
    num_records
        Number of records scored.
    accuracy
        Share of the records that were given their true class.
    majority_accuracy
        Accuracy of always giving the most frequent class of these very records: what a model
        must beat before its accuracy says anything.
    macro_f1
        Mean F1 over the classes that occur in the targets or in the predictions.
    balanced_accuracy
        Mean recall over the classes that occur in the targets.
    log_loss
        See `log_loss`; in nats a record.
    ece
        See `expected_calibration_error`; from 0 to 1.
    per_class
        One entry a class, in the model's order of classes, absent classes included.
    confusion
        Counts ``(num_classes, num_classes)``: rows are true classes, columns predicted ones.
    """

    num_records: int
    accuracy: float
    majority_accuracy: float
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float
    per_class: tuple[ClassScores, ...]
    confusion: Ints

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain numbers, strings and lists, ready for JSON."""
        return {
            "num_records": self.num_records,
            "accuracy": self.accuracy,
            "majority_accuracy": self.majority_accuracy,
            "macro_f1": self.macro_f1,
            "balanced_accuracy": self.balanced_accuracy,
            "log_loss": self.log_loss,
            "ece": self.ece,
            "per_class": [
                {
                    "label": each.label,
                    "precision": each.precision,
                    "recall": each.recall,
                    "f1": each.f1,
                    "support": each.support,
                }
                for each in self.per_class
            ],
            "confusion": {
                "labels": [each.label for each in self.per_class],
                "true_by_predicted": self.confusion.tolist(),
            },
        }


def score(
    probabilities: ArrayLike,
    targets: ArrayLike,
    class_names: Sequence[str],
    *,
    predicted: Ints | None = None,
) -> Scores:
    """Compare predicted probabilities with the true classes.

    Classes without a record in `targets` stay in `per_class` and `confusion` with support 0;
    how the means treat them stands in `Scores`.

    Parameters
    ----------
    probabilities
        ``(num_records, num_classes)``, each row summing to 1.
    targets
        ``(num_records,)``, indices of the true classes.
    class_names
        The labels, in the order of the columns of `probabilities`.
    predicted
        ``(num_records,)``, indices of the classes that were given; None for the most probable ones,
        of equally probable classes the first.

    Returns
    -------
    Scores

    Raises
    ------
    ShapeError
        The arguments do not fit together.
    DataError
        There are no records, a target or a class given is no index of a class, or the
        probabilities are no probabilities (NaN, negative, not summing to 1).

    Examples
    --------
    >>> scores = score([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], [0, 1, 1], ["ham", "spam"])
    >>> round(scores.accuracy, 3), scores.confusion.tolist()
    (0.667, [[1, 0], [1, 1]])
    """
    rows, truth = _checked(probabilities, targets, class_names)
    predicted = rows.argmax(axis=1) if predicted is None else np.asarray(predicted)
    _check_predicted(predicted, truth, len(class_names))
    classes = np.arange(len(class_names))
    confusion = confusion_matrix(truth, predicted, labels=classes).astype(np.int64)
    confusion.setflags(write=False)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=0.0
    )
    occurs = support > 0
    return Scores(
        num_records=len(truth),
        accuracy=float(np.mean(predicted == truth)),
        majority_accuracy=float(support.max() / len(truth)),
        macro_f1=float(f1[occurs | (confusion.sum(axis=0) > 0)].mean()),
        balanced_accuracy=float(recall[occurs].mean()),
        log_loss=log_loss(rows, truth),
        ece=expected_calibration_error(rows, truth),
        per_class=tuple(
            ClassScores(name, float(p), float(r), float(f), int(s))
            for name, p, r, f, s in zip(class_names, precision, recall, f1, support, strict=True)
        ),
        confusion=confusion,
    )


def log_loss(probabilities: Floats, targets: Ints) -> float:
    """Mean negative natural logarithm of the probability given to the true class.

    A probability below the machine epsilon of its dtype counts as that epsilon, so that one
    certain mistake costs 36.0 in float64 and 15.9 in float32, not infinity.

    Parameters
    ----------
    probabilities
        ``(num_records, num_classes)``.
    targets
        ``(num_records,)``, indices of the true classes.
    """
    of_truth = probabilities[np.arange(len(targets)), targets]
    epsilon = np.finfo(probabilities.dtype).eps
    return float(-np.log(np.clip(of_truth.astype(np.float64), epsilon, 1.0)).mean())


def expected_calibration_error(
    probabilities: Floats, targets: Ints, *, num_bins: int = ECE_BINS
) -> float:
    """Mean gap between how sure the model is and how often it is right.

    The records are sorted by their confidence, the probability of the most probable class, into
    `num_bins` bins of equal width, ``((b - 1) / num_bins, b / num_bins]``. The error is the
    mean over the bins of ``|accuracy - mean confidence|``, each bin weighted by its records.

    Parameters
    ----------
    probabilities
        ``(num_records, num_classes)``.
    targets
        ``(num_records,)``, indices of the true classes.
    num_bins
        Number of bins.

    Returns
    -------
    float
        From 0 (calibrated) to 1.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks. ICML 2017.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == targets
    upper_edges = np.arange(1, num_bins) / num_bins
    bins = np.digitize(confidence, upper_edges, right=True)
    # Summed, not averaged: |sum of (correct - confidence)| is a bin's gap times its records.
    gaps = np.bincount(bins, weights=correct - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _checked(
    probabilities: ArrayLike, targets: ArrayLike, class_names: Sequence[str]
) -> tuple[Floats, Ints]:
    rows, truth = np.asarray(probabilities), np.asarray(targets)
    if truth.size == 0:
        raise DataError(
            Problem(
                Code.NO_RECORDS,
                "no records to score",
                "at least one record with a label",
                "check the file and its label column",
            )
        )
    expected = (len(truth) if truth.ndim == 1 else -1, len(class_names))
    if truth.ndim != 1 or rows.shape != expected:
        raise ShapeError(
            Problem(
                Code.WRONG_SHAPE,
                f"probabilities {rows.shape}, targets {truth.shape}, {len(class_names)} classes",
                "probabilities (num_records, num_classes) and targets (num_records,)",
                "give one row of probabilities and one class index a record",
            )
        )
    _check_targets(truth, len(class_names))
    if not np.issubdtype(rows.dtype, np.floating):
        rows = rows.astype(np.float64)
    _check_probabilities(rows)
    return rows, truth.astype(np.int64)


def _check_predicted(predicted: NDArray[Any], truth: Ints, num_classes: int) -> None:
    if predicted.shape != truth.shape:
        found, expected = f"classes given {predicted.shape}", f"{truth.shape}, as the targets are"
        remedy = "give one class index a record"
        raise ShapeError(Problem(Code.WRONG_SHAPE, found, expected, remedy))
    _check_targets(predicted, num_classes, "class given")


def _check_targets(targets: NDArray[Any], num_classes: int, name: str = "target") -> None:
    if not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            Problem(
                Code.WRONG_TYPE,
                f"{name} of type {targets.dtype}",
                "class indices as integers",
                "turn the labels into indices first",
            )
        )
    outside = (targets < 0) | (targets >= num_classes)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise DataError(
            Problem(
                Code.UNKNOWN_LABEL,
                f"{name} {targets[first]}",
                f"a class index from 0 to {num_classes - 1}",
                "leave out records whose label the model does not know",
                record=first + 1,
            ),
            count=int(outside.sum()),
        )


def _check_probabilities(rows: Floats) -> None:
    with np.errstate(invalid="ignore"):  # inf - inf
        sums = rows.sum(axis=1, dtype=np.float64)
    bad = ~(np.abs(sums - 1.0) <= SUM_TOLERANCE) | (rows < 0).any(axis=1)  # NaN is never <=
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            Problem(
                Code.NAN_VALUE if np.isnan(rows[first]).any() else Code.NOT_A_NUMBER,
                f"probabilities {excerpt(rows[first].tolist())}",
                "numbers from 0 to 1 that sum to 1",
                "pass softmax outputs, not logits; NaN means that training diverged",
                record=first + 1,
            ),
            count=int(bad.sum()),
        )
