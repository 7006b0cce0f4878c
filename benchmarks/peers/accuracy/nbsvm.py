"""NB-SVM: Wang and Manning 2012, Baselines and Bigrams.

Presence of n-grams, each times its log-count ratio between a class and the rest, under a linear SVM
(squared hinge, C = 1), whose weights are drawn towards their mean size (beta = 0.25); one against
the rest where there are more than two classes. Settings of the paper throughout.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import LinearSVC

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.ngrams import LONGEST, list_ngrams
from peers.accuracy.tokens import Unit

SMOOTHING, C, BETA = 1.0, 1.0, 0.25


def build(name: str, kind: str, seed: int) -> NaiveBayesSvm:
    """Make ``words-nbsvm`` or ``chars-nbsvm``."""
    return NaiveBayesSvm(name.split("-", maxsplit=1)[0], kind, seed)  # type: ignore[arg-type]


class NaiveBayesSvm:
    """A linear SVM on features that naive Bayes has weighed.

    Parameters
    ----------
    unit
        Words (or events) or characters.
    kind
        Of the sequences.
    seed
        Of the SVM's order of records.
    """

    probabilistic = False

    def __init__(self, unit: Unit, kind: str, seed: int) -> None:
        analyzer = partial(list_ngrams, kind=kind, unit=unit, longest=LONGEST[kind, unit])
        self.vectorizer = CountVectorizer(analyzer=analyzer, binary=True, dtype=np.float64)
        self.seed = seed

    def fit(self, X: Sequences, y: Labels) -> None:
        """Weigh and learn, class by class."""
        present = self.vectorizer.fit_transform(X)
        labels = np.asarray(y)
        self.classes = np.unique(labels).tolist()
        # Of two classes, the margin of one is that of the other turned round.
        sides = self.classes[1:] if len(self.classes) == 2 else self.classes
        learned = [self._fit_side(present, labels == side) for side in sides]
        self.weights = np.stack([weights for weights, _ in learned], axis=1)
        self.biases = np.array([bias for _, bias in learned])

    def rate(self, X: Sequences) -> Floats:
        """Give margins."""
        margins = self.vectorizer.transform(X) @ self.weights + self.biases
        return np.hstack([-margins, margins]) if len(self.classes) == 2 else margins

    def _fit_side(self, present: csr_matrix, inside: Floats) -> tuple[Floats, float]:
        ratio = log_count_ratio(present, inside)
        svm = LinearSVC(C=C, random_state=self.seed, max_iter=5000)
        svm.fit(present.multiply(ratio).tocsr(), inside)
        weights = svm.coef_[0]
        drawn = (1 - BETA) * np.abs(weights).mean() + BETA * weights
        # The bias shrinks with the weights. The paper's classes are of equal size, where there is
        # next to none; left as it is, it would outweigh them where they are not.
        return ratio * drawn, BETA * float(svm.intercept_[0])


def log_count_ratio(present: csr_matrix, inside: Floats) -> Floats:
    """Weigh each feature, ``(num_features,)``: above zero where it speaks for the class."""
    shares = []
    for side in (inside, ~inside):
        counts = SMOOTHING + np.asarray(present[side].sum(axis=0)).ravel()
        shares.append(counts / counts.sum())
    return np.log(shares[0] / shares[1])
