"""Codecs: what a kind of sequence looks like to a model, learned on training data only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqwise.data.codecs.biological import BiologicalCodec, reverse_complement
from seqwise.data.codecs.codec import FIRST_ID, PADDING_ID, UNKNOWN_ID, Codec
from seqwise.data.codecs.events import EventsCodec
from seqwise.data.codecs.series import SeriesCodec, channel_problem
from seqwise.data.codecs.text import TextCodec

if TYPE_CHECKING:
    from seqwise.config import DataConfig

__all__ = [
    "CODECS",
    "FIRST_ID",
    "PADDING_ID",
    "UNKNOWN_ID",
    "BiologicalCodec",
    "Codec",
    "EventsCodec",
    "SeriesCodec",
    "TextCodec",
    "build_codec",
    "channel_problem",
    "reverse_complement",
]

CODECS: dict[str, type[Codec]] = {
    "text": TextCodec,
    "dna": BiologicalCodec,
    "protein": BiologicalCodec,
    "series": SeriesCodec,
    "events": EventsCodec,
}


def build_codec(config: DataConfig) -> Codec:
    """Make the codec of a kind, not fitted yet."""
    return CODECS[config.kind](config)
