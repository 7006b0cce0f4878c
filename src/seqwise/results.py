"""What is said of each record: the columns of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.labels import Labels
from seqwise.evaluation.decision import Decision
from seqwise.predictor import PredictedBlock, Predictor
from seqwise.strict import setting_error

SEPARATOR = ";"


@dataclass(frozen=True)
class ResultColumns:
    """The columns of predictions: labels, what is wrong with a record, and probabilities.

    `label`, `probability` (of this label) and `problem`, or `labels` and `problem` where a record
    may bear any number of labels; on request a probability for each class, ``probability:CLASS``.
    Where a record has a problem, the others are empty.

    Parameters
    ----------
    labels, decision
        Of the model.
    probabilities
        Whether each class gets a column.
    separator
        What joins several labels where a column holds no lists; None for `SEPARATOR`.
    """

    labels: Labels
    decision: Decision
    probabilities: bool = False
    separator: str | None = None

    @classmethod
    def of(
        cls, predictor: Predictor, *, probabilities: bool, separator: str | None = None
    ) -> ResultColumns:
        """Name the columns that a predictor gives."""
        return cls(predictor.labels, predictor.decision, probabilities, separator)

    @property
    def names(self) -> list[str]:
        """Name all columns."""
        first = ["labels"] if self.labels.multilabel else ["label", "probability"]
        each = [f"probability:{name}" for name in self.labels.names]
        return [*first, "problem", *(each if self.probabilities else [])]

    def check_joined(self) -> None:
        """Make sure that labels can be joined, and told apart again.

        Raises
        ------
        ConfigError
            If a label holds the separator.
        """
        separator = self._separator
        name = next((name for name in self.labels.names if separator in name), None)
        if self.labels.multilabel and name is not None:
            expected = f"something that is in no label, as it is in {name!r}"
            raise setting_error("label_separator", separator, expected)

    @property
    def _separator(self) -> str:
        return SEPARATOR if self.separator is None else self.separator

    def join(self, names: list[str] | None) -> str | None:
        """Join the labels of a record."""
        return None if names is None else self._separator.join(names)

    def fill(self, block: PredictedBlock) -> dict[str, list[Any]]:
        """Give what there is to say of each record of a block, a list for each column."""
        usable = block.usable
        decided = self.decision.decide(block.probabilities[usable])
        problems = [None if each is None else str(each) for each in block.problems]
        if self.labels.multilabel:
            first = [self._labels_given(decided, usable, len(block.records))]
        else:
            first = _one_label(self.labels.names, decided, usable, block.probabilities)
        each = [_floats(column) for column in block.probabilities.T] if self.probabilities else []
        return dict(zip(self.names, [*first, problems, *each], strict=True))

    def _labels_given(
        self, decided: NDArray[np.bool_], usable: NDArray[np.int64], num_records: int
    ) -> list[list[str] | None]:
        names = np.array(self.labels.names, dtype=object)
        given: list[list[str] | None] = [None] * num_records
        for position, row in zip(usable.tolist(), decided, strict=True):
            given[position] = names[row].tolist()
        return given


def _one_label(
    names: list[str],
    decided: NDArray[np.int64],
    usable: NDArray[np.int64],
    probabilities: NDArray[np.float64],
) -> list[list[Any]]:
    given = np.full(len(probabilities), -1)
    given[usable] = decided
    of_given = np.full(len(probabilities), np.nan)
    of_given[usable] = probabilities[usable, decided]
    with_none = [*names, None]  # -1 is None
    return [[with_none[index] for index in given.tolist()], _floats(of_given)]


def _floats(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
