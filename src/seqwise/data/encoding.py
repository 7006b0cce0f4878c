"""Encoding with an account of what it could not keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.codecs import UNKNOWN_ID, Codec
from seqwise.data.records import RawSequence


@dataclass(frozen=True)
class EncodedSequences:
    """Encoded sequences, and what encoding could not keep.

    Parameters
    ----------
    arrays
        Ids ``(time,)`` or channel values ``(time, channels)``.
    num_steps
        Steps in all, those that were cut off not counted.
    num_unknown
        Tokens that the codec does not know.
    num_cut
        Sequences that were longer than `max_length`.
    """

    arrays: list[NDArray[Any]]
    num_steps: int
    num_unknown: int
    num_cut: int


def encode_sequences(
    codec: Codec, sequences: Sequence[RawSequence], max_length: int | None
) -> EncodedSequences:
    """Encode sequences, cut them at `max_length`, and count what was lost."""
    arrays = codec.encode(sequences)
    num_cut = 0
    if max_length is not None:
        num_cut = sum(len(array) > max_length for array in arrays)
        arrays = [array[:max_length] for array in arrays]
    num_unknown = 0
    if codec.vocab_size:
        num_unknown = sum(int(np.count_nonzero(array == UNKNOWN_ID)) for array in arrays)
    return EncodedSequences(arrays, sum(map(len, arrays)), num_unknown, num_cut)
