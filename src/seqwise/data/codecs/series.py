"""Time series: each channel standardised by the mean and deviation of the training part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from typing_extensions import override

from seqwise.data.codecs.codec import Codec
from seqwise.errors import Code, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqwise.config import DataConfig
    from seqwise.data.records import RawSequence

LIMIT = 1e6  # deviations; what lies further out would overflow inside a network
LARGEST = 1e150  # values; the square of what lies further out would overflow


class SeriesCodec(Codec):
    """Values become deviations from a channel's mean; a channel that never changes becomes 0."""

    def __init__(self, config: DataConfig) -> None:
        super().__init__(config)
        self._mean = self._deviation = np.empty(0)

    @override
    def fit(self, sequences: Iterable[RawSequence]) -> Self:
        # Chan et al. 1979: moments of parts are joined without losing digits to large means.
        count, mean, squares = 0, np.empty(0), np.empty(0)
        for sequence in sequences:
            values = _within_range(np.asarray(sequence))
            if count == 0:
                mean, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
            part_mean = values.mean(axis=0)
            shift = part_mean - mean
            total = count + len(values)
            squares += ((values - part_mean) ** 2).sum(axis=0)
            squares += shift**2 * (count * len(values) / total)
            mean = mean + shift * (len(values) / total)
            count = total
        deviation = np.sqrt(squares / max(count, 1))
        # Rounding leaves a trace of deviation in a channel that never changes.
        rounding = 8 * np.finfo(np.float64).eps
        constant = deviation <= rounding * np.maximum(np.abs(mean), 1e-290)
        return self._adopt(mean, np.where(constant, 1.0, deviation))

    @override
    def check(self, sequence: RawSequence) -> Problem | None:
        return channel_problem(sequence, self.num_channels)

    @override
    def encode(self, sequences: Sequence[RawSequence]) -> list[NDArray[np.float32]]:
        return [self._encode_one(np.asarray(sequence)) for sequence in sequences]

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"mean": self._mean.tolist(), "deviation": self._deviation.tolist()}

    @override
    def restore(self, state: dict[str, Any]) -> Self:
        try:
            mean = np.array(state["mean"], dtype=np.float64)
            deviation = np.array(state["deviation"], dtype=np.float64)
        except OverflowError as error:
            raise ValueError("a number too large for a float") from error
        usable = mean.ndim == 1 and mean.shape == deviation.shape and len(mean) > 0
        if not (usable and np.isfinite(mean).all() and np.isfinite(deviation).all()):
            raise ValueError("mean and deviation are not two lists of numbers of one length")
        if not (deviation > 0).all():
            raise ValueError("a deviation is not above 0")
        return self._adopt(mean, deviation)

    @override
    def describe(self) -> str:
        plural = "s" if self.num_channels > 1 else ""
        return f"time steps of {self.num_channels} channel{plural}, each standardised"

    def _adopt(self, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> Self:
        self._mean, self._deviation = mean, deviation
        self.num_channels = len(mean)
        return self

    def _encode_one(self, values: NDArray[Any]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # the limit comes after
            standardised = (_within_range(values) - self._mean) / self._deviation
        return np.clip(standardised, -LIMIT, LIMIT).astype(np.float32)


def _within_range(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.clip(values.astype(np.float64), -LARGEST, LARGEST)


def channel_problem(sequence: RawSequence, num_channels: int) -> Problem | None:
    """Say so if a series ``(time, channels)`` has another number of channels."""
    found = np.shape(sequence)[1]
    if found == num_channels:
        return None
    return Problem(
        Code.CHANNEL_COUNT,
        f"{found} channel{'s' if found != 1 else ''}",
        f"{num_channels}, as in the other sequences",
        "give each sequence the same channels",
    )
