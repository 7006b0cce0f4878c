"""Scores of predicted probabilities where a record may bear any number of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.metrics import average_precision_score

from seqwise.errors import Code, DataError, Problem, ShapeError, excerpt

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

EVEN = 0.5  # the threshold of whoever says nothing else


@dataclass(frozen=True, slots=True)
class LabelScores:
    """The scores of one label: the records that were given it against those that bear it.

    Parameters
    ----------
    label
        The user's own label.
    precision
        Share of the records given this label that bear it; 0 where no record was given it.
    recall
        Share of the records that bear this label that were given it; 0 where no record bears it.
    f1
        Harmonic mean of the two; 0 where both are 0.
    support
        Number of records that bear it.
    average_precision
        Mean precision over the records that bear it, each taken as the last one given the label
        when they are ordered by probability (Manning et al. 2008, 8.4); 0 where no record bears it.
    threshold
        The probability from which it was given.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    average_precision: float
    threshold: float


@dataclass(frozen=True, slots=True)
class MultilabelScores:
    """How good the probabilities of any number of labels a record are.

    Parameters
    ----------
    num_records
        Number of records scored.
    accuracy
        Share of the records that were given all the labels that they bear and no other (subset
        accuracy).
    majority_accuracy
        The same of always giving the most frequent set of labels of these very records.
    micro_f1
        F1 over all pairs of a record and a label.
    macro_f1
        Mean F1 over the labels that some record bears or was given.
    macro_average_precision
        Mean average precision over the labels that some record bears; no threshold is in it.
    hamming_loss
        Share of the pairs of a record and a label that are wrong.
    log_loss
        Mean negative natural logarithm of the probability given to the true answer, over all pairs
        of a record and a label.
    labels_per_record, given_per_record
        Mean number of labels that a record bears, and that it was given.
    per_class
        One entry a label, in the model's order.
    """

    num_records: int
    accuracy: float
    majority_accuracy: float
    micro_f1: float
    macro_f1: float
    macro_average_precision: float
    hamming_loss: float
    log_loss: float
    labels_per_record: float
    given_per_record: float
    per_class: tuple[LabelScores, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain numbers, strings and lists, ready for JSON."""
        values = asdict(self) | {"per_class": list(map(asdict, self.per_class))}
        values["subset_accuracy"] = values.pop("accuracy")
        return values


def score_multilabel(
    probabilities: ArrayLike,
    targets: ArrayLike | sparse.csr_array,
    class_names: Sequence[str],
    thresholds: ArrayLike = EVEN,
) -> MultilabelScores:
    """Compare predicted probabilities with the labels that records bear.

    Parameters
    ----------
    probabilities
        ``(num_records, num_classes)``, each from 0 to 1.
    targets
        The same shape, dense or sparse: whether a record bears a label.
    class_names
        The labels, in the order of the columns.
    thresholds
        A label is given where its probability is at least this; one for all, or ``(num_classes,)``.

    Raises
    ------
    ShapeError
        The arguments do not fit together.
    DataError
        There are no records, a target is neither 0 nor 1, or the probabilities are no
        probabilities.

    Examples
    --------
    >>> scores = score_multilabel([[0.9, 0.2], [0.4, 0.7]], [[1, 0], [1, 1]], ["rude", "threat"])
    >>> scores.accuracy, scores.hamming_loss, round(scores.macro_f1, 3)
    (0.5, 0.25, 0.833)
    """
    rows, truth = _checked(probabilities, targets, class_names)
    given = rows >= np.asarray(thresholds, dtype=np.float64)
    right, support = (given & truth).sum(axis=0), truth.sum(axis=0)
    num_given = given.sum(axis=0)
    precision, recall = _share(right, num_given), _share(right, support)
    f1 = _share(2 * right, num_given + support)
    ranked = np.array(
        [
            average_precision_score(truth[:, index], rows[:, index]) if support[index] else 0.0
            for index in range(len(class_names))
        ]
    )
    counted, occurs = (num_given + support) > 0, support > 0
    most_frequent = Counter(row.tobytes() for row in np.packbits(truth, axis=1)).most_common(1)
    each = zip(
        class_names,
        *(values.tolist() for values in (precision, recall, f1, support, ranked)),
        np.broadcast_to(np.asarray(thresholds, dtype=np.float64), f1.shape).tolist(),
        strict=True,
    )
    return MultilabelScores(
        num_records=len(truth),
        accuracy=float((given == truth).all(axis=1).mean()),
        majority_accuracy=most_frequent[0][1] / len(truth),
        micro_f1=float(_share(2 * right.sum(), (num_given + support).sum())),
        macro_f1=float(f1[counted].mean()) if counted.any() else 0.0,
        macro_average_precision=float(ranked[occurs].mean()) if occurs.any() else 0.0,
        hamming_loss=float((given != truth).mean()),
        log_loss=_log_loss(rows, truth),
        labels_per_record=float(truth.sum(axis=1).mean()),
        given_per_record=float(given.sum(axis=1).mean()),
        per_class=tuple(LabelScores(*values) for values in each),
    )


def _log_loss(probabilities: Floats, truth: Truths) -> float:
    of_truth = np.where(truth, probabilities, 1 - probabilities)
    return float(-np.log(of_truth.clip(np.finfo(np.float64).eps, 1.0)).mean())


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    return np.asarray(part / np.maximum(whole, 1), dtype=np.float64)


def _checked(
    probabilities: ArrayLike, targets: Any, class_names: Sequence[str]
) -> tuple[Floats, Truths]:
    rows = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(targets.toarray() if sparse.issparse(targets) else targets)
    if truth.size == 0:
        found, expected = "no records to score", "at least one record with its labels"
        remedy = "check the file and its label column"
        raise DataError(Problem(Code.NO_RECORDS, found, expected, remedy))
    if truth.ndim != 2 or rows.shape != truth.shape or truth.shape[1] != len(class_names):
        found = f"probabilities {rows.shape}, targets {truth.shape}, {len(class_names)} classes"
        expected = "probabilities and targets (num_records, num_classes)"
        remedy = "give one row of each a record"
        raise ShapeError(Problem(Code.WRONG_SHAPE, found, expected, remedy))
    bad = ~((truth == 0) | (truth == 1)).all(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        found, expected = f"targets {excerpt(truth[first].tolist())}", "0 or 1 for each label"
        remedy = "turn the labels into a row of 0 and 1 a record"
        problem = Problem(Code.WRONG_TYPE, found, expected, remedy, record=first + 1)
        raise DataError(problem, count=int(bad.sum()))
    bad = ~((rows >= 0) & (rows <= 1)).all(axis=1)  # NaN is neither
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        code = Code.NAN_VALUE if np.isnan(rows[first]).any() else Code.NOT_A_NUMBER
        found, expected = f"probabilities {excerpt(rows[first].tolist())}", "numbers from 0 to 1"
        remedy = "pass sigmoid outputs, not logits; NaN means that training diverged"
        problem = Problem(code, found, expected, remedy, record=first + 1)
        raise DataError(problem, count=int(bad.sum()))
    return rows, truth.astype(bool)
