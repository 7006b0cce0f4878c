"""Encoded sequences of unequal length in one array, with no padding and no object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RaggedStore:
    """Sequences one behind the other.

    Parameters
    ----------
    values
        Ids ``(total,)`` or channel values ``(total, channels)``.
    offsets
        int64 ``(n + 1,)``; sequence i is ``values[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> store = RaggedStore.from_arrays([np.array([4, 5]), np.array([6])])
    >>> store.lengths.tolist(), store[1].tolist()
    ([2, 1], [6])
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def from_arrays(cls, arrays: Sequence[NDArray[Any]]) -> Self:
        """Join sequences ``(time,)`` or ``(time, channels)``."""
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return cls(np.concatenate(arrays), np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, ``(n,)``."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> NDArray[Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return self.values[self.offsets[index] : self.offsets[index + 1]]
