"""seqwise with nothing chosen but the seed: `seqwise train FILE --seed N`, and `--budget 10m`."""

from __future__ import annotations

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.contenders import BUDGETED
from seqwise import SequenceClassifier


def build(name: str, kind: str, seed: int) -> SeqwiseDefault:
    """Make ``seqwise``, or ``seqwise-10m``, which may take ten minutes."""
    return SeqwiseDefault(kind, seed, 600.0 if name == BUDGETED else None)


class SeqwiseDefault:
    """The estimator, which the command line's training shares all of its parts with.

    Parameters
    ----------
    kind
        As the command line guesses it; it looks at the name of the column, too.
    seed
        Of everything.
    budget
        Seconds that a fit may take; None for as long as it takes.
    """

    probabilistic = True

    def __init__(self, kind: str, seed: int, budget: float | None) -> None:
        self.model = SequenceClassifier(kind=kind, seed=seed, budget=budget, device="cpu")

    def fit(self, X: Sequences, y: Labels) -> None:
        """Train."""
        self.model.fit(X, y)
        self.classes = self.model.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        return self.model.predict_proba(X)
