"""Classifiers of series from aeon, with their defaults, on series padded with zeros.

MiniRocket (Dempster et al. 2021), MultiRocket-Hydra (Dempster et al. 2023), QUANT (Dempster et al.
2024) and InceptionTime (Ismail Fawaz et al. 2020), which needs tensorflow.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
from aeon.classification.convolution_based import (  # type: ignore[import-untyped]
    MiniRocketClassifier,
    MultiRocketHydraClassifier,
)
from aeon.classification.deep_learning import (  # type: ignore[import-untyped]
    InceptionTimeClassifier,
)
from aeon.classification.interval_based import QUANTClassifier  # type: ignore[import-untyped]

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.padding import pad_series


def build(name: str, kind: str, seed: int) -> AeonSeries:
    """Make ``minirocket``, ``multirocket-hydra``, ``quant`` or ``inceptiontime``."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    if name == "minirocket":
        return AeonSeries(MiniRocketClassifier(n_jobs=threads, random_state=seed), ridge=True)
    if name == "multirocket-hydra":
        return AeonSeries(MultiRocketHydraClassifier(n_jobs=threads, random_state=seed), ridge=True)
    if name == "quant":
        return AeonSeries(QUANTClassifier(random_state=seed), ridge=False)
    scratch = f"{tempfile.mkdtemp()}/"  # it keeps its best weights in files
    network = InceptionTimeClassifier(random_state=seed, file_path=scratch)
    return AeonSeries(network, ridge=False)


class AeonSeries:
    """A classifier of aeon.

    Parameters
    ----------
    model
        Not fitted.
    ridge
        Whether its last layer is a ridge classifier, whose "probabilities" are zeros and ones.
    """

    def __init__(self, model: Any, *, ridge: bool) -> None:
        self.model = model
        self.probabilistic = not ridge

    def fit(self, X: Sequences, y: Labels) -> None:
        """Pad to the longest of the training part, and learn."""
        self.length = max(len(series) for series in X)
        self.model.fit(pad_series(X, self.length), np.asarray(y))
        self.classes = self.model.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities; of a ridge classifier, one for the answer and zeros."""
        return self.model.predict_proba(pad_series(X, self.length))
