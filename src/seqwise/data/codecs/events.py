"""Streams of events: each distinct id is a token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from seqwise.data.codecs.codec import FIRST_ID, Codec, check_distinct, ids_from_vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqwise.config import DataConfig
    from seqwise.data.records import RawSequence


class EventsCodec(Codec):
    """A vocabulary of the ids of the training part, the most frequent first.

    A string is split at white space. Ids that came as a list are strings by now: 4 and "4" are one.
    """

    def __init__(self, config: DataConfig) -> None:
        super().__init__(config)
        self._vocabulary: dict[str, int] = {}

    @override
    def fit(self, sequences: Iterable[RawSequence]) -> Self:
        counts: Counter[str] = Counter()
        for sequence in sequences:
            counts.update(_ids(sequence))
        # Ties in spelling order, so that the vocabulary does not hang on the order of records.
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        frequent = [event for event, count in ranked if count >= self.config.min_count]
        return self._adopt(frequent[: self.config.vocab_size - FIRST_ID])

    @override
    def encode(self, sequences: Sequence[RawSequence]) -> list[NDArray[np.int32]]:
        return [ids_from_vocabulary(_ids(sequence), self._vocabulary) for sequence in sequences]

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"events": list(self._vocabulary)}

    @override
    def restore(self, state: dict[str, Any]) -> Self:
        events = state["events"]
        check_distinct(events)
        return self._adopt(events)

    @override
    def describe(self) -> str:
        return f"events, {len(self._vocabulary):,} distinct ones known"

    def _adopt(self, events: list[str]) -> Self:
        self._vocabulary = {event: FIRST_ID + index for index, event in enumerate(events)}
        self.vocab_size = FIRST_ID + len(events)
        return self


def _ids(sequence: RawSequence) -> Iterable[str]:
    return sequence.split() if isinstance(sequence, str) else sequence
