"""The report of an epoch, to JSON and back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from seqwise.evaluation.decision import AnyScores
from seqwise.evaluation.metrics import ClassScores, Scores
from seqwise.evaluation.multilabel import LabelScores, MultilabelScores


@dataclass(frozen=True)
class StepScores:
    """How well the next steps of sequences held out are foretold.

    Parameters
    ----------
    loss
        Mean over all steps that are foretold: cross-entropy in nats for tokens, squared error of
        standardised values for series.
    baseline
        Of who does not look at the sequence: of the frequencies of tokens; for series of the mean,
        or of the last value once more where that is nearer. Of whole sequences, in both directions,
        whatever the window and the directions of the model are.
    num_steps
        Steps that are foretold, those of both directions.
    """

    loss: float
    baseline: float
    num_steps: int


@dataclass(frozen=True)
class EpochReport:
    """What an epoch brought.

    Parameters
    ----------
    epoch
        From 1.
    train_loss
        Mean loss of the epoch's batches, each measured before its own update.
    valid
        Scores of the validation part after the epoch; None where there is none.
    seconds
        Time of the epoch, validation included.
    steps_per_second
        Real steps of sequences that training read in a second, validation not counted.
    epochs_since_best
        0 where this epoch is the best so far.
    """

    epoch: int
    train_loss: float
    valid: AnyScores | StepScores | None
    seconds: float
    steps_per_second: float
    epochs_since_best: int

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if isinstance(self.valid, StepScores | MultilabelScores):
            return values | {"valid": asdict(self.valid)}
        return values | {"valid": self.valid and _scores_to_dict(self.valid)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the report that `to_dict` was called on.

        Raises
        ------
        LookupError, TypeError, ValueError
            If it is that of something else.
        """
        valid = values["valid"]
        scores: AnyScores | StepScores | None
        if valid and valid.keys() == {each.name for each in fields(StepScores)}:
            scores = StepScores(**valid)
            _check_numbers(scores)
        elif valid and valid.keys() == {each.name for each in fields(MultilabelScores)}:
            per_class = tuple(LabelScores(**each) for each in valid["per_class"])
            scores = MultilabelScores(**valid | {"per_class": per_class})
            _check_numbers(scores, "per_class")
            for each in per_class:
                _check_numbers(each, "label")
        else:
            scores = valid and _scores_from_dict(valid)
        report = cls(**values | {"valid": scores})
        _check_numbers(report, "valid")
        return report


def read_reports(values: list[dict[str, Any]], kind: type) -> list[EpochReport]:
    """Build reports whose scores are all of one kind; that of none is NoneType.

    Raises
    ------
    LookupError, TypeError, ValueError
        If they are those of something else.
    """
    reports = [EpochReport.from_dict(each) for each in values]
    if not all(isinstance(report.valid, kind) for report in reports):
        raise ValueError(f"an epoch without {kind.__name__}")
    return reports


def _scores_to_dict(scores: Scores) -> dict[str, Any]:
    values = {each.name: getattr(scores, each.name) for each in fields(scores)}
    # A table of a thousand classes is nearly empty: only what was counted is kept.
    confusion = [
        [*place, int(scores.confusion[tuple(place)])]
        for place in np.argwhere(scores.confusion).tolist()
    ]
    return values | {"per_class": list(map(asdict, scores.per_class)), "confusion": confusion}


def _scores_from_dict(values: dict[str, Any]) -> Scores:
    per_class = tuple(ClassScores(**each) for each in values["per_class"])
    confusion = np.zeros((len(per_class), len(per_class)), dtype=np.int64)
    for truth, predicted, count in values["confusion"]:
        confusion[truth, predicted] = count
    confusion.setflags(write=False)
    scores = Scores(**values | {"per_class": per_class, "confusion": confusion})
    _check_numbers(scores, "per_class", "confusion")
    for each in per_class:
        _check_numbers(each, "label")
    return scores


def _check_numbers(values: Any, *others: str) -> None:
    """Make sure that all fields but some are finite numbers."""
    for each in fields(values):
        if each.name not in others and not math.isfinite(getattr(values, each.name)):
            raise ValueError(f"{each.name} is not finite")
