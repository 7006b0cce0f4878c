"""Summary statistics of series, under extremely randomised trees (Geurts et al. 2006)."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from peers.accuracy.classifier import Floats, Labels, Sequences

NUM_TREES = 500
NUM_SECTIONS = 4
NUM_BANDS = 24
QUANTILES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)


def build(name: str, kind: str, seed: int) -> SummaryTrees:
    """Make ``summary-trees``."""
    return SummaryTrees(seed)


class SummaryTrees:
    """Trees on `summarize`.

    Parameters
    ----------
    seed
        Of the trees.
    """

    probabilistic = True

    def __init__(self, seed: int) -> None:
        threads = int(os.environ["OMP_NUM_THREADS"])
        self.trees = ExtraTreesClassifier(NUM_TREES, n_jobs=threads, random_state=seed)

    def fit(self, X: Sequences, y: Labels) -> None:
        """Learn."""
        self.trees.fit(np.stack([summarize(series) for series in X]), y)
        self.classes = self.trees.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        return self.trees.predict_proba(np.stack([summarize(series) for series in X]))


def summarize(series: Floats) -> Floats:
    """Describe a series ``(time, channels)`` by a fixed number of figures.

    Its length; quantiles, mean and spread of the values and of their first differences, of the
    whole and of each quarter; the logarithm of the power in bands of the spectrum.
    """
    differences = np.diff(series, axis=0, prepend=series[:1])
    parts = [series, differences]
    for values in (series, differences):
        cuts = np.linspace(0, len(values), NUM_SECTIONS + 1).astype(int)
        # A section of a very short series may be empty: it has the nearest step.
        parts += [
            values[min(start, len(values) - 1) : max(stop, start + 1)]
            for start, stop in pairwise(cuts)
        ]
    described = [describe(part) for part in parts]
    return np.concatenate([[len(series)], *described, power(series)])


def describe(values: Floats) -> Floats:
    """Give quantiles, mean and spread of each channel, in one row."""
    quantiles = np.quantile(values, QUANTILES, axis=0)
    return np.vstack([quantiles, values.mean(axis=0), values.std(axis=0)]).ravel()


def power(series: Floats) -> Floats:
    """Give the logarithm of the mean power in equal bands of each channel's spectrum."""
    size = max(len(series), 2 * NUM_BANDS)
    spectrum = np.abs(np.fft.rfft(series - series.mean(axis=0), n=size, axis=0)) ** 2
    bands = np.array_split(spectrum[1:], NUM_BANDS)
    return np.log(np.stack([band.mean(axis=0) for band in bands]) / len(series) + 1e-12).ravel()
