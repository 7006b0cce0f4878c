"""Encoding with an account of what it could not keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.codecs import UNKNOWN_ID, Codec
from seqwise.data.records import RawSequence
from seqwise.data.store import RaggedStore

# What is encoded at once: a few megabytes of Python objects.
BLOCK_RECORDS = 1_024
BLOCK_SIZE = 1 << 22  # characters, ids or channel values


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


@dataclass(frozen=True)
class EncodedBlock:
    """Consecutive sequences, encoded, and what encoding could not keep of them.

    Parameters
    ----------
    sequences
        Ids in the smallest of uint16 and int32 that holds the vocabulary, or float32 values.
    num_cut, num_unknown
        As in `EncodedSequences`.
    """

    sequences: RaggedStore
    num_cut: int
    num_unknown: int


def encode_blocks(
    codec: Codec, sequences: Iterable[RawSequence], max_length: int | None
) -> Iterator[EncodedBlock]:
    """Encode a stream of sequences, a block at a time.

    Where a block ends follows from its own sequences alone: a stream that goes on behind any block
    is cut as before.
    """
    narrow = 0 < codec.vocab_size <= 1 << 16
    for block in _cut_blocks(sequences):
        encoded = encode_sequences(codec, block, max_length)
        store = RaggedStore.from_arrays(encoded.arrays)
        if narrow:
            store = RaggedStore(store.values.astype(np.uint16), store.offsets)
        yield EncodedBlock(store, encoded.num_cut, encoded.num_unknown)


def _cut_blocks(sequences: Iterable[RawSequence]) -> Iterator[list[RawSequence]]:
    block: list[RawSequence] = []
    size = 0
    for sequence in sequences:
        block.append(sequence)
        size += size_of(sequence)
        if len(block) == BLOCK_RECORDS or size >= BLOCK_SIZE:
            yield block
            block, size = [], 0
    if block:
        yield block


def size_of(sequence: RawSequence) -> int:
    """Count the characters, ids or channel values of a sequence."""
    return sequence.size if isinstance(sequence, np.ndarray) else len(sequence)
