"""Encoded sequences of unequal length, with no padding and no object for each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Sequences(Protocol):
    """Encoded sequences, each found by its number: a list of arrays, or a store."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class RaggedStore:
    """Sequences one behind the other in one array.

    Parameters
    ----------
    values
        Ids ``(total,)`` or channel values ``(total, channels)``.
    offsets
        Integers ``(n + 1,)``; sequence i is ``values[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> store = RaggedStore.from_arrays([np.array([4, 5]), np.array([6])])
    >>> store.lengths.tolist(), store[1].tolist()
    ([2, 1], [6])
    """

    values: NDArray[Any]
    offsets: NDArray[np.integer]

    @classmethod
    def from_arrays(cls, arrays: Sequence[NDArray[Any]]) -> Self:
        """Join sequences ``(time,)`` or ``(time, channels)``."""
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return cls(np.concatenate(arrays), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def joined(cls, stores: Sequence[RaggedStore]) -> Self:
        """Copy several stores into one."""
        lengths = np.concatenate([store.lengths for store in stores])
        values = np.concatenate([store.values for store in stores])
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, ``(n,)``."""
        return np.diff(self.offsets).astype(np.int64, copy=False)

    def __getitem__(self, index: int) -> NDArray[Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return self.values[self.offsets[index] : self.offsets[index + 1]]


class ChainedStore:
    """Stores one behind the other, each of which stays where it is: in memory or on disk.

    Parameters
    ----------
    stores
        At least one.

    Attributes
    ----------
    lengths : array
        Steps of each sequence, int64 ``(n,)``.

    Examples
    --------
    >>> stores = [RaggedStore.from_arrays([np.array([n, n])]) for n in (7, 8)]
    >>> chained = ChainedStore(stores)
    >>> chained.lengths.tolist(), chained[1].tolist()
    ([2, 2], [8, 8])
    """

    def __init__(self, stores: Sequence[RaggedStore]) -> None:
        self._stores = tuple(stores)
        self._starts = [0, *accumulate(map(len, stores))]
        self.lengths = np.concatenate([store.lengths for store in stores])

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> NDArray[Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        number = bisect_right(self._starts, index) - 1
        return self._stores[number][index - self._starts[number]]
