"""The user's labels and the class indices that a model counts with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqwise.data.readers.values import name_of
from seqwise.data.targets import Targets, from_lists

LabelValue = str | int | float | bool
LabelSet = tuple[LabelValue, ...]


@dataclass(frozen=True)
class Labels:
    """The classes in the order of a model's logits.

    Parameters
    ----------
    values
        The labels as the user gave them: strings from files, any JSON scalar from Python.
    multilabel
        Whether a record may bear any number of them; otherwise it bears one.

    Examples
    --------
    >>> labels = Labels.fit(["spam", "ham", "ham"])
    >>> labels.values, labels.encode(["ham", "eggs"]).tolist()
    (('ham', 'spam'), [0, -1])
    >>> labels = Labels.fit([("rude", "threat"), (), ("rude",)])
    >>> labels.encode([("threat",), ()]).toarray().tolist()
    [[False, True], [False, False]]
    """

    values: tuple[LabelValue, ...]
    multilabel: bool = False

    @classmethod
    def fit(cls, labels: Iterable[LabelValue | LabelSet]) -> Self:
        """Find the distinct labels; numbers in their order, words in theirs.

        Parameters
        ----------
        labels
            Of each record one, or of each a tuple of all that it bears.
        """
        each_once = dict.fromkeys(labels)
        multilabel = any(isinstance(each, tuple) for each in each_once)
        by_name = {name_of(label): label for each in each_once for label in _labels_of(each)}
        return cls(tuple(sorted(by_name.values(), key=_sort_key)), multilabel)

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Build the labels that `to_json` was called on.

        Raises
        ------
        LookupError, TypeError, ValueError
            If it was not called on any.
        """
        if isinstance(values, dict):
            if values.keys() != {"multilabel"}:
                raise TypeError("a JSON object that holds no labels")
            return cls(_scalars(values["multilabel"]), multilabel=True)
        return cls(_scalars(values))

    def to_json(self) -> list[LabelValue] | dict[str, list[LabelValue]]:
        """Return plain JSON values: a list, or that list under ``multilabel``."""
        return {"multilabel": list(self.values)} if self.multilabel else list(self.values)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def names(self) -> list[str]:
        """The labels as they are written to a file, and read from one."""
        return [name_of(value) for value in self.values]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    def encode(self, labels: Sequence[LabelValue | LabelSet]) -> Targets:
        """Turn labels into targets.

        A label matches by its spelling, so that a model trained on the numbers of an array can be
        evaluated on a file.

        Parameters
        ----------
        labels
            Of each record one, or for multilabel classes a tuple of all that it bears.

        Returns
        -------
        array
            Class indices int64 ``(n,)``, -1 for a label that is none of the classes. For multilabel
            classes a sparse table ``(n, num_classes)``, in which such a label is left out.
        """
        if not self.multilabel:
            return np.array([self._index.get(name_of(each), -1) for each in labels], dtype=np.int64)
        rows = [
            sorted({self._index.get(name_of(label), -1) for label in _labels_of(each)} - {-1})
            for each in labels
        ]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
        indices = np.array([index for row in rows for index in row], dtype=np.int32)
        return from_lists(indices, offsets, len(self))

    def unknown(self, label: LabelValue | LabelSet) -> LabelValue | None:
        """Give the first label of a record that is none of the classes, or None."""
        return next((each for each in _labels_of(label) if name_of(each) not in self._index), None)

    def decode(self, indices: NDArray[np.int64]) -> list[LabelValue]:
        """Turn class indices ``(n,)`` into labels."""
        return [self.values[index] for index in indices.tolist()]


def _labels_of(each: LabelValue | LabelSet) -> LabelSet:
    return each if isinstance(each, tuple) else (each,)


def _scalars(values: Any) -> tuple[LabelValue, ...]:
    if not isinstance(values, list) or not all(
        isinstance(value, (str, int, float, bool)) for value in values
    ):
        raise TypeError("labels that are no strings, numbers or truth values")
    return tuple(values)


def _sort_key(label: LabelValue) -> tuple[bool, float, str]:
    name = name_of(label)
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    # NaN has no place among numbers: it is a word like any other.
    return (True, 0.0, name) if math.isnan(number) else (False, number, name)
