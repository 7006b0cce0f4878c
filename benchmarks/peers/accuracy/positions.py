"""Sequences of one length: the letter at each position, under a logistic regression."""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.tokens import tokenize

STRENGTHS = (0.01, 0.1, 1, 10)
NUM_FOLDS = 3


def build(name: str, kind: str, seed: int) -> OneHotPositions:
    """Make ``positions-lr``."""
    return OneHotPositions(kind)


class OneHotPositions:
    """One-hot letters, position by position, and a linear model; C by cross-validation.

    Parameters
    ----------
    kind
        Of the sequences.
    """

    probabilistic = True

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.model = make_pipeline(
            OneHotEncoder(handle_unknown="ignore"),
            GridSearchCV(LogisticRegression(max_iter=1000), {"C": STRENGTHS}, cv=NUM_FOLDS),
        )

    def fit(self, X: Sequences, y: Labels) -> None:
        """Learn."""
        self.model.fit([tokenize(sequence, self.kind, "chars") for sequence in X], y)
        self.classes = self.model.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        return self.model.predict_proba([tokenize(sequence, self.kind, "chars") for sequence in X])
