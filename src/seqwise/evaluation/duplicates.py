"""Which sequences stand in a file twice, or in two files."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

__all__ = ["Duplicates", "Repeats"]

_SEVERAL = -1  # in place of a label's number: the sequence carries more than one


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
        self._numbers: dict[str | tuple[str, ...], int] = {}
        self._repeated: set[bytes] = set()
        self._records = 0

    @property
    def fingerprints(self) -> Set[bytes]:
        """The fingerprints of the different sequences so far."""
        return self._label_of.keys()

    def add(self, mark: bytes, label: str | tuple[str, ...] | None) -> None:
        """Take in the fingerprint of a record and its label or labels, None where it has none."""
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
