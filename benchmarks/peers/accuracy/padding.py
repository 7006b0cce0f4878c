"""Series of unequal lengths as one array, zeros behind their ends: what most libraries ask for."""

from __future__ import annotations

import numpy as np

from peers.accuracy.classifier import Floats, Sequences


def pad_series(X: Sequences, length: int) -> Floats:
    """Give float32 ``(n, channels, length)``; what is longer is cut."""
    padded = np.zeros((len(X), X[0].shape[1], length), dtype=np.float32)
    for row, series in enumerate(X):
        steps = series[:length]
        padded[row, :, : len(steps)] = steps.T
    return padded
