"""What every codec does: learn from training sequences, then turn sequences into arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqwise.config import DataConfig
    from seqwise.data.records import RawSequence
    from seqwise.errors import Problem

PADDING_ID = 0
UNKNOWN_ID = 1
FIRST_ID = 2  # of the tokens that were seen in training


class Codec(ABC):
    """From a sequence in the form that `check_sequence` gives, to ids or channel values.

    A codec has either `vocab_size` (ids, 0 padding, 1 unknown) or `num_channels` (floats); the
    other is 0.

    Parameters
    ----------
    config
        The settings of the data; each codec reads those of its kind.
    """

    vocab_size: int = 0
    num_channels: int = 0

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    @abstractmethod
    def fit(self, sequences: Iterable[RawSequence]) -> Self:
        """Learn from the sequences of the training part."""

    def check(self, sequence: RawSequence) -> Problem | None:
        """Say what keeps a sequence from being encoded after this codec was fitted, if anything."""
        return None

    @abstractmethod
    def encode(self, sequences: Sequence[RawSequence]) -> list[NDArray[Any]]:
        """Encode sequences that `check` has nothing against; each gets at least one step.

        Returns
        -------
        list of arrays
            int32 ``(time,)``, or float32 ``(time, channels)``.

        """

    def complements(self) -> NDArray[np.int64] | None:
        """Give the id of each id's reverse complement, ``(vocab_size,)``.

        Where the reverse complement of a token has no id, `UNKNOWN_ID`; None where sequences have
        no other strand, or where its tokens are not those of this one.
        """
        return None

    def spelling(self) -> list[str] | None:
        """Give the characters of each id, so that those of a sequence are nearly its text again.

        Of byte-pair tokens, letters that stand for bytes. None where tokens have no characters, or
        are such themselves.
        """
        return None

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, as JSON values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> Self:
        """Take over what another codec of the same settings has learned (`to_dict`).

        Raises
        ------
        KeyError, TypeError, ValueError
            If the state is not one that `to_dict` gives.
        """

    def describe(self) -> str:
        """Say in a few words what a step is and how many kinds of it are known."""
        return f"{self.vocab_size - FIRST_ID:,} tokens"


def check_distinct(tokens: Any) -> None:
    """Refuse a damaged vocabulary.

    Raises
    ------
    ValueError
        If it is not a list of one or more distinct strings.
    """
    is_list = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    if not is_list or not tokens or len(set(tokens)) < len(tokens):
        raise ValueError("the vocabulary is not a list of distinct strings")


def ids_from_vocabulary(tokens: Iterable[str], vocabulary: dict[str, int]) -> NDArray[np.int32]:
    """Look tokens up; unknown ones become `UNKNOWN_ID`."""
    get = vocabulary.get
    return np.fromiter((get(token, UNKNOWN_ID) for token in tokens), dtype=np.int32)
