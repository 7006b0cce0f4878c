"""What each contender is: fitted on sequences with labels, it rates the classes of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Sequences = Sequence[Any]  # strings, lists of tokens, or float64 arrays (time, channels)
Labels = Sequence[str]
Floats = NDArray[Any]


class Classifier(Protocol):
    """A contender.

    Attributes
    ----------
    classes
        Labels in the order of the columns of `rate`.
    probabilistic
        Whether the ratings are probabilities; else they are margins, the highest the answer.
    """

    classes: Sequence[str]
    probabilistic: bool

    def fit(self, X: Sequences, y: Labels) -> None:
        """Learn from ``n`` sequences with a label each."""

    def rate(self, X: Sequences) -> Floats:
        """Rate the classes, ``(n, num_classes)``."""


def to_columns(margins: Floats) -> Floats:
    """Give the one margin that scikit-learn has for two classes a column for each, ``(n, 2)``."""
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
