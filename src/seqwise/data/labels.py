"""The user's labels and the class indices that a model counts with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqwise.data.readers.values import name_of

LabelValue = str | int | float | bool


@dataclass(frozen=True)
class Labels:
    """The classes in the order of a model's logits.

    Parameters
    ----------
    values
        The labels as the user gave them: strings from files, any JSON scalar from Python.

    Examples
    --------
    >>> labels = Labels.fit(["spam", "ham", "ham"])
    >>> labels.values, labels.encode(["ham", "eggs"]).tolist()
    (('ham', 'spam'), [0, -1])
    """

    values: tuple[LabelValue, ...]

    @classmethod
    def fit(cls, labels: Iterable[LabelValue]) -> Self:
        """Find the distinct labels; numbers in their order, words in theirs."""
        by_name = {name_of(label): label for label in labels}
        return cls(tuple(sorted(by_name.values(), key=_sort_key)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def names(self) -> list[str]:
        """The labels as they are written to a file, and read from one."""
        return [name_of(value) for value in self.values]

    def encode(self, labels: Sequence[LabelValue]) -> NDArray[np.int64]:
        """Turn labels into class indices ``(n,)``; -1 for a label that is none of the classes.

        A label matches by its spelling, so that a model trained on the numbers of an array can be
        evaluated on a file.
        """
        index = {name: position for position, name in enumerate(self.names)}
        return np.array([index.get(name_of(label), -1) for label in labels], dtype=np.int64)

    def decode(self, indices: NDArray[np.int64]) -> list[LabelValue]:
        """Turn class indices ``(n,)`` into labels."""
        return [self.values[index] for index in indices.tolist()]


def _sort_key(label: LabelValue) -> tuple[bool, float, str]:
    name = name_of(label)
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    # NaN has no place among numbers: it is a word like any other.
    return (True, 0.0, name) if math.isnan(number) else (False, number, name)
