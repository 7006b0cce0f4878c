"""The only place where padding is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.nn import Batch


def collate(
    sequences: Sequence[NDArray[Any]],
    targets: NDArray[Any] | None = None,
    *,
    pad_to: int | None = None,
) -> Batch:
    """Pad encoded sequences with 0 to a common length.

    Parameters
    ----------
    sequences
        Ids ``(time,)`` or channel values ``(time, channels)``, at least one step each.
    targets
        Class indices ``(batch,)``, or 0 and 1 ``(batch, num_classes)``.
    pad_to
        Steps to pad to; those of the longest sequence by default.

    Returns
    -------
    Batch
        ids int64 ``(batch, time)`` or float32 ``(batch, time, channels)``.
    """
    lengths = [len(sequence) for sequence in sequences]
    shape = (len(sequences), pad_to or max(lengths), *sequences[0].shape[1:])
    is_ids = np.issubdtype(sequences[0].dtype, np.integer)
    inputs = np.zeros(shape, dtype=np.int64 if is_ids else np.float32)
    for row, sequence in zip(inputs, sequences, strict=True):
        row[: len(sequence)] = sequence
    return Batch(
        torch.from_numpy(inputs),
        torch.tensor(lengths, dtype=torch.int64),
        None if targets is None else torch.from_numpy(targets),
    )
