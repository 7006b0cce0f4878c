"""Which sequences stand in a file twice, or in two files."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Duplicates", "Repeats", "fingerprint"]

FINGERPRINT_BYTES = 16

_SEVERAL = -1  # in place of a label's number: the sequence carries more than one


def fingerprint(sequence: str | Sequence[Any] | NDArray[Any], kind: str) -> bytes:
    """Return 16 bytes that are the same for equal sequences and differ for others (BLAKE2b).

    What makes two sequences equal depends on their kind:

    - text: every character, case and white space included;
    - dna: every letter, whatever its case, U being read as T and a dot as a gap;
    - protein: every letter, whatever its case, a dot being read as a gap;
    - events: the ids as strings and their order, be it a list or one string with white space
      between the ids;
    - series: the shape and the values as float64, ``(time,)`` being one channel ``(time, 1)``.

    Parameters
    ----------
    sequence
        A sequence that fits its kind.
    kind
        One of ``text``, ``dna``, ``protein``, ``events``, ``series``; a
        `seqwise.data.kinds.Kind` is one of these strings.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        There is no such kind.

    Examples
    --------
    >>> fingerprint("acgu", "dna") == fingerprint("ACGT", "dna")
    True
    >>> fingerprint("4 17", "events") == fingerprint([4, 17], "events")
    True
    """
    return blake2b(_canonical(sequence, kind), digest_size=FINGERPRINT_BYTES).digest()


def _canonical(sequence: str | Sequence[Any] | NDArray[Any], kind: str) -> bytes:
    if kind == "series":
        values = np.asarray(sequence, dtype=np.float64)
        channels = values[:, np.newaxis] if values.ndim == 1 else values
        return f"{channels.shape}".encode() + (channels + 0.0).tobytes()  # -0.0 becomes 0.0
    if kind == "events":
        ids = sequence.split() if isinstance(sequence, str) else [str(each) for each in sequence]
        return json.dumps(ids).encode()  # quotes keep an id with a blank in it apart from two ids
    text = str(sequence)
    if kind == "dna":
        text = text.upper().replace("U", "T").replace(".", "-")
    elif kind == "protein":
        text = text.upper().replace(".", "-")
    elif kind != "text":
        raise ValueError(f"no kind {kind!r}: text, dna, protein, series or events")
    return text.encode("utf-8", errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How much of a file stands in it more than once.

    Parameters
    ----------
    records
        Records whose sequence stands in an earlier record too: what would go if each sequence
        were kept once.
    sequences
        Different sequences that occur more than once.
    contradicting
        Those of them that carry more than one label. No model can get all their records right.
    """

    records: int
    sequences: int
    contradicting: int


class Repeats:
    """Finds the duplicates of a file from fingerprints that come one by one.

    A different sequence takes about 150 bytes: its fingerprint and its place in a dictionary.
    """

    def __init__(self) -> None:
        self._label_of: dict[bytes, int | None] = {}  # None until a record has a label
        self._numbers: dict[str, int] = {}
        self._repeated: set[bytes] = set()
        self._records = 0

    @property
    def fingerprints(self) -> Set[bytes]:
        """The fingerprints of the different sequences so far."""
        return self._label_of.keys()

    def add(self, mark: bytes, label: str | None) -> None:
        """Take in the fingerprint of a record and its label, None where it has none."""
        number = None if label is None else self._numbers.setdefault(label, len(self._numbers))
        if mark not in self._label_of:
            self._label_of[mark] = number
            return
        self._records += 1
        self._repeated.add(mark)
        before = self._label_of[mark]
        if before is None:
            self._label_of[mark] = number
        elif number not in (None, before):
            self._label_of[mark] = _SEVERAL

    def summary(self) -> Duplicates:
        """Count the duplicates so far."""
        contradicting = sum(self._label_of[mark] == _SEVERAL for mark in self._repeated)
        return Duplicates(self._records, len(self._repeated), contradicting)
