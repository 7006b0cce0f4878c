"""seqwise with nothing chosen but the seed: what `seqwise train FILE --seed N` does."""

from __future__ import annotations

from peers.accuracy.classifier import Floats, Labels, Sequences
from seqwise import SequenceClassifier


def build(name: str, kind: str, seed: int) -> SeqwiseDefault:
    """Make ``seqwise``."""
    return SeqwiseDefault(kind, seed)


class SeqwiseDefault:
    """The estimator, which the command line's training shares all of its parts with.

    Parameters
    ----------
    kind
        As the command line guesses it; it looks at the name of the column, too.
    seed
        Of everything.
    """

    probabilistic = True

    def __init__(self, kind: str, seed: int) -> None:
        self.model = SequenceClassifier(kind=kind, seed=seed, device="cpu")

    def fit(self, X: Sequences, y: Labels) -> None:
        """Train."""
        self.model.fit(X, y)
        self.classes = self.model.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        return self.model.predict_proba(X)
