"""What all contenders are given: the same ids, the same parts, the same recipe. NumPy only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

ARRAYS, FACTS = "task.npz", "task.json"


@dataclass(frozen=True)
class Part:
    """Encoded sequences one behind the other, with a class index each.

    Parameters
    ----------
    values
        int32 ids ``(total,)``, none of them 0, which is padding.
    offsets
        int64 ``(n + 1,)``; sequence i is ``values[offsets[i]:offsets[i + 1]]``.
    targets
        int64 ``(n,)``.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    targets: NDArray[np.int64]

    def sequences(self) -> list[NDArray[np.int32]]:
        """Cut into sequences, without copying."""
        return np.split(self.values, self.offsets[1:-1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, ``(n,)``."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Task:
    """A part to learn from and a part to validate on.

    Parameters
    ----------
    train, valid
        Encoded alike.
    vocab_size
        Number of ids, padding and unknown included.
    num_classes
        Size of the logits.
    """

    train: Part
    valid: Part
    vocab_size: int
    num_classes: int

    def save(self, folder: Path) -> None:
        """Write the task into a folder."""
        parts = {"train": self.train, "valid": self.valid}
        arrays: dict[str, Any] = {
            f"{name}_{key}": array
            for name, part in parts.items()
            for key, array in vars(part).items()
        }
        np.savez(folder / ARRAYS, **arrays)
        facts = {"vocab_size": self.vocab_size, "num_classes": self.num_classes}
        (folder / FACTS).write_text(json.dumps(facts))

    @classmethod
    def load(cls, folder: Path) -> Task:
        """Read what `save` wrote."""
        with np.load(folder / ARRAYS) as arrays:
            train, valid = (
                Part(*(arrays[f"{name}_{key}"] for key in ("values", "offsets", "targets")))
                for name in ("train", "valid")
            )
        return cls(train, valid, **json.loads((folder / FACTS).read_text()))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The model and its training, the same for all: an LSTM, its last real step, a linear head.

    Adam at a constant rate, with torch's and Keras's default rate, on cross-entropy; gradients are
    clipped by their common norm, as is usual for recurrent layers. Weights start as each library
    starts them.

    Parameters
    ----------
    embedding_dim, hidden_size, bidirectional
        Of the model.
    batch_size
        Sequences in each batch but the last.
    learning_rate, clip_norm
        Of Adam, and of the gradient.
    seed
        Of the weights and of the order.
    """

    embedding_dim: int = 128
    hidden_size: int = 128
    bidirectional: bool = False
    batch_size: int = 32
    learning_rate: float = 1e-3
    clip_norm: float = 1.0
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the seed, which the rounds change."""
        return {name: value for name, value in asdict(self).items() if name != "seed"}


@dataclass(frozen=True)
class Epoch:
    """What an epoch brought.

    Parameters
    ----------
    train_seconds
        Of the pass over the training part, validation not counted.
    valid_accuracy
        After the pass.
    """

    train_seconds: float
    valid_accuracy: float


class Contender(Protocol):
    """A model that is trained for as long as somebody iterates over it."""

    @property
    def num_weights(self) -> int:
        """Trained numbers of the model."""

    def __iter__(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, without end."""
