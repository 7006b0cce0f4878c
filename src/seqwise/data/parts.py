"""Where encoded parts of a data set are put: here in memory, in `disk.py` in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from seqwise.config import DataConfig
from seqwise.data.codecs import Codec
from seqwise.data.encoding import EncodedBlock
from seqwise.data.labels import Labels
from seqwise.data.store import ChainedStore
from seqwise.data.targets import Targets


@dataclass(frozen=True)
class PartSource:
    """What a part is encoded from.

    Parameters
    ----------
    targets
        Of ``n`` records.
    encode
        Encodes the part in blocks, from the record of the given number on.
    """

    targets: Targets
    encode: Callable[[int], Iterator[EncodedBlock]]


@dataclass(frozen=True)
class EncodedPart:
    """A part as it is trained on.

    Parameters
    ----------
    sequences
        ``n`` encoded sequences.
    targets
        Of the ``n`` records.
    num_cut, num_unknown
        What encoding could not keep: sequences that were cut, tokens that were unknown.
    """

    sequences: ChainedStore
    targets: Targets
    num_cut: int
    num_unknown: int


class PartStore(Protocol):
    """Keeps codecs and encoded parts by their names."""

    def codec(self, name: str, config: DataConfig, fit: Callable[[], Codec]) -> Codec:
        """Give the codec of this name, fitted now where it was not before."""

    def part(
        self,
        name: str,
        codec: Codec,
        *,
        count: int,
        labels: Labels,
        encode: Callable[[], PartSource],
    ) -> EncodedPart:
        """Give the part of this name and its `count` records, encoded now if it was not before."""


class MemoryStore:
    """Keeps parts in memory."""

    def codec(self, name: str, config: DataConfig, fit: Callable[[], Codec]) -> Codec:
        """Fit the codec."""
        return fit()

    def part(
        self,
        name: str,
        codec: Codec,
        *,
        count: int,
        labels: Labels,
        encode: Callable[[], PartSource],
    ) -> EncodedPart:
        """Encode the part."""
        source = encode()
        blocks = list(source.encode(0))
        return EncodedPart(
            ChainedStore([block.sequences for block in blocks]),
            source.targets,
            num_cut=sum(block.num_cut for block in blocks),
            num_unknown=sum(block.num_unknown for block in blocks),
        )
