"""What an epoch reads of each sequence: a part of it, changed in ways that keep its label."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.config import TrainConfig
from seqwise.data.codecs import UNKNOWN_ID, Codec

Random = np.random.Generator
Change = Callable[[NDArray[Any]], NDArray[Any]]

LETTERS = "ACGT"  # replaced, and replaced by; other codes of nucleotides stay as they are


class Augmentation:
    """Draws what is read of a sequence; a change that is not asked for draws nothing.

    Parameters
    ----------
    config
        How much is changed.
    num_channels
        Of a series; 0 for ids.
    codec
        Of DNA whose letters or strands are changed; else it is not needed.
    """

    def __init__(
        self, config: TrainConfig, *, num_channels: int = 0, codec: Codec | None = None
    ) -> None:
        self.config = config
        self._num_channels = num_channels
        self._changes: list[Callable[[int, Random], Change]] = []
        if num_channels:
            self._add(config.scaling, self._draw_scaling)
            self._add(config.jitter, self._draw_jitter)
            return
        complements = codec.complements() if codec is not None else None
        if complements is not None:
            self._add(config.strand_flip, partial(self._draw_flip, complements))
        if codec is not None and config.mutation:
            letters, places = _letters_of(codec)
            self._add(len(letters) > 1, partial(self._draw_mutation, letters, places))
        self._add(config.token_dropout, self._draw_dropout)

    def draw(self, length: int, random: Random) -> Change:
        """Draw a change for a sequence of so many steps: where its window begins, and the rest."""
        window = self.config.window
        start = int(random.integers(length - window + 1)) if length > window else 0
        stop = min(start + window, length)
        changes = [draw(stop - start, random) for draw in self._changes]
        return partial(_read, start, stop, changes)

    def _add(self, share: float, draw: Callable[[int, Random], Change]) -> None:
        if share:
            self._changes.append(draw)

    def _draw_dropout(self, steps: int, random: Random) -> Change:
        dropped = random.random(steps) < self.config.token_dropout
        return lambda ids: np.where(dropped, UNKNOWN_ID, ids)

    def _draw_flip(self, complements: NDArray[np.int64], steps: int, random: Random) -> Change:
        if random.random() >= self.config.strand_flip:
            return lambda ids: ids
        return lambda ids: complements[ids[::-1]]

    def _draw_mutation(
        self, letters: NDArray[np.int64], places: NDArray[np.int64], steps: int, random: Random
    ) -> Change:
        is_hit = random.random(steps) < self.config.mutation
        shift = random.integers(1, len(letters), steps)  # never by none: it would be the same again

        def mutate(ids: NDArray[Any]) -> NDArray[Any]:
            place = places[ids]
            others = letters[(place + shift) % len(letters)]
            return np.where(is_hit & (place >= 0), others, ids)

        return mutate

    def _draw_scaling(self, steps: int, random: Random) -> Change:
        # As much smaller as larger, and never turned round.
        factor = np.float32(np.exp(self.config.scaling * random.standard_normal()))
        return lambda values: values * factor

    def _draw_jitter(self, steps: int, random: Random) -> Change:
        shape = (steps, self._num_channels)
        noise = random.standard_normal(shape, np.float32) * np.float32(self.config.jitter)
        return lambda values: values + noise


def _letters_of(codec: Codec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the ids of the letters that a codec knows, and the place of each id among them, or -1.

    The codec is one of single letters.
    """
    ids = codec.encode([LETTERS])[0].astype(np.int64)
    letters = ids[ids != UNKNOWN_ID]
    places = np.full(codec.vocab_size, -1)
    places[letters] = np.arange(len(letters))
    return letters, places


def _read(start: int, stop: int, changes: list[Change], sequence: NDArray[Any]) -> NDArray[Any]:
    sequence = sequence[start:stop]
    for change in changes:
        sequence = change(sequence)
    return sequence
