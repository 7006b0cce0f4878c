"""Sequence classification that people can rely on: one label for a whole sequence.

``seqwise.SequenceClassifier`` is the scikit-learn face, ``seqwise.Predictor`` streams predictions,
``seqwise.nn`` holds the building blocks.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from seqwise.version import __version__

if TYPE_CHECKING:
    from seqwise.estimator import SequenceClassifier
    from seqwise.predictor import Predictor

__all__ = ["Predictor", "SequenceClassifier", "__version__"]

# torch takes seconds to import: names that need it are looked up when they are asked for.
_HOMES = {"Predictor": "seqwise.predictor", "SequenceClassifier": "seqwise.estimator"}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqwise' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
