"""From probabilities to labels: the most probable class, or what reaches a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqwise.data.labels import Labels
from seqwise.data.readers.values import name_of
from seqwise.data.targets import Targets
from seqwise.evaluation.metrics import Scores, score
from seqwise.evaluation.multilabel import EVEN, MultilabelScores, score_multilabel
from seqwise.strict import setting_error

AnyScores = Scores | MultilabelScores
Thresholds = float | Mapping[Any, float]  # by labels, or their names


@dataclass(frozen=True)
class Decision:
    """Which labels a record is given.

    Where a record bears one label, a class with a threshold is given where its probability is at
    least that; of several such classes the one that is above its threshold by the most; and where
    there is none, the most probable of the classes without a threshold. Where it may bear any
    number of them, each label is given whose probability is at least its threshold.

    Parameters
    ----------
    multilabel
        Whether a record may bear any number of labels.
    thresholds
        Of each class; None for a class without, which only a record with one label can have.

    Examples
    --------
    >>> spam = Decision.of(Labels(("ham", "spam"))).changed({"spam": 0.9}, ["ham", "spam"])
    >>> spam.decide(np.array([[0.2, 0.8], [0.05, 0.95]])).tolist()
    [0, 1]
    """

    multilabel: bool
    thresholds: tuple[float | None, ...]

    @classmethod
    def of(cls, labels: Labels) -> Self:
        """Make the decision of whoever says nothing else."""
        return cls(labels.multilabel, (EVEN if labels.multilabel else None,) * len(labels))

    @classmethod
    def from_json(cls, values: Any, labels: Labels) -> Self:
        """Build the decision whose thresholds are these.

        Raises
        ------
        ConfigError, TypeError, ValueError
            If they are none.
        """
        if not isinstance(values, list) or len(values) != len(labels):
            raise ValueError(f"no threshold for each of {len(labels)} classes")
        if not all(type(each) in (int, float, type(None)) for each in values):
            raise TypeError("thresholds that are no numbers")
        decision = cls(labels.multilabel, tuple(values))
        decision._check(labels.names)
        return decision

    def changed(self, wished: Thresholds, names: Sequence[str]) -> Self:
        """Put other thresholds in place of some.

        Parameters
        ----------
        wished
            One for all labels, which only makes sense where a record may bear any number of them;
            or some by the names of their labels.
        names
            Of the classes, in order.

        Raises
        ------
        ConfigError
            If there is no such class, or no such threshold.
        """
        if not isinstance(wished, Mapping):
            if not self.multilabel:
                expected = f"LABEL={wished}, as the model gives each record one label"
                raise setting_error("threshold", wished, expected)
            wished = dict.fromkeys(names, wished)
        wished = {name_of(label): each for label, each in wished.items()}
        unknown = sorted(wished.keys() - set(names))
        if unknown:
            raise setting_error("threshold", unknown[0], "a label of the model")
        pairs = zip(names, self.thresholds, strict=True)
        decision = replace(self, thresholds=tuple(wished.get(name, old) for name, old in pairs))
        decision._check(names)
        return decision

    def _check(self, names: Sequence[str]) -> None:
        for each in self.thresholds:
            is_number = isinstance(each, Real) and 0 <= each <= 1
            if not is_number and (each is not None or self.multilabel):
                raise setting_error("threshold", each, "from 0 to 1")
        if not self.multilabel and None not in self.thresholds:
            expected = "a class without one, to be given where the others do not reach theirs"
            raise setting_error("threshold", ", ".join(names), expected)

    def _as_array(self) -> NDArray[np.float64]:
        """Give all thresholds; a class without one never reaches it."""
        return np.array([np.inf if each is None else each for each in self.thresholds])

    def decide(self, probabilities: NDArray[np.float64]) -> NDArray[Any]:
        """Choose the classes of each record.

        Parameters
        ----------
        probabilities
            ``(n, num_classes)``.

        Returns
        -------
        array
            Class indices int64 ``(n,)``, or bool ``(n, num_classes)`` where a record may bear any
            number of labels.
        """
        if self.multilabel:
            return np.asarray(probabilities >= self._as_array())
        excess = probabilities - self._as_array()
        is_open = np.array([each is None for each in self.thresholds])
        others = np.where(is_open, probabilities, -1).argmax(axis=1)
        return np.where((excess >= 0).any(axis=1), excess.argmax(axis=1), others)

    def score(
        self, probabilities: NDArray[np.float64], targets: Targets, names: Sequence[str]
    ) -> AnyScores:
        """Score what is decided, as `score` or `score_multilabel`."""
        if self.multilabel:
            return score_multilabel(probabilities, targets, names, self._as_array())
        return score(probabilities, targets, names, predicted=self.decide(probabilities))
