"""What a model is to say of each record, as numbers: a class index, or the classes that it bears.

Where a record may bear any number of labels the targets are a sparse table of truth values: most
records bear few of many labels. Both forms are indexed by records in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# int64 ``(n,)``, or a `scipy.sparse.csr_array` of bool ``(n, num_classes)`` where a record may bear
# any number of labels; scipy has no types.
Targets: TypeAlias = Any


def is_multilabel(targets: Targets) -> bool:
    """Tell a table of truth values from class indices."""
    return bool(sparse.issparse(targets))


def label_pairs(targets: Targets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each label that a record bears, as its record and its class, in the order of records."""
    if not is_multilabel(targets):
        return np.arange(len(targets)), np.asarray(targets, dtype=np.int64)
    records = np.repeat(np.arange(targets.shape[0]), np.diff(targets.indptr))
    return records, targets.indices.astype(np.int64)


def class_counts(targets: Targets, num_classes: int) -> NDArray[np.int64]:
    """Count the records that bear each class, ``(num_classes,)``."""
    return np.bincount(label_pairs(targets)[1], minlength=num_classes)


def take(targets: Targets, records: NDArray[np.int64]) -> NDArray[Any]:
    """Give the targets of some records as a batch has them.

    Returns
    -------
    array
        Class indices int64 ``(batch,)``, or 0 and 1 as float32 ``(batch, num_classes)``.
    """
    chosen = targets[records]
    if is_multilabel(targets):
        chosen = chosen.toarray().astype(np.float32)
    return chosen  # type: ignore[no-any-return]


def join_targets(parts: Sequence[Targets]) -> Targets:
    """Put the targets of consecutive records together."""
    if is_multilabel(parts[0]):
        return sparse.csr_array(sparse.vstack(parts, format="csr"))
    return np.concatenate(parts).astype(np.int64, copy=False)


def from_lists(
    indices: NDArray[np.integer], offsets: NDArray[np.integer], num_classes: int
) -> sparse.csr_array:
    """Make a table of the class indices of all records, ``indices[offsets[i]:offsets[i + 1]]``."""
    shape = (len(offsets) - 1, num_classes)
    return sparse.csr_array((np.ones(len(indices), dtype=bool), indices, offsets), shape=shape)
