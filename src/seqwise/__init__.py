"""Sequence classification that people can rely on: labels for whole sequences.

``seqwise.SequenceClassifier`` is the scikit-learn face, ``seqwise.Predictor`` streams predictions,
``seqwise.BatchPredictor`` is for engines that spread Arrow tables over machines, and ``seqwise.nn``
holds the building blocks.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from seqwise.version import __version__

if TYPE_CHECKING:
    from seqwise.batch_predictor import BatchPredictor
    from seqwise.estimator import SequenceClassifier
    from seqwise.predictor import Predictor

__all__ = ["BatchPredictor", "Predictor", "SequenceClassifier", "__version__"]

# torch takes seconds to import: names that need it are looked up when they are asked for.
_HOMES = {
    "BatchPredictor": "seqwise.batch_predictor",
    "Predictor": "seqwise.predictor",
    "SequenceClassifier": "seqwise.estimator",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqwise' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
