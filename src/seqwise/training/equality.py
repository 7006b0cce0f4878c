"""Which sequences are equal to the model that is to be trained, before there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from seqwise.data.codecs import reverse_complement
from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.records import RawSequence
from seqwise.training.settings import Wishes


@dataclass(frozen=True)
class Equality:
    """What a model cannot tell apart, as far as settings say so.

    The split goes by it: what is learned from must not be held out in another spelling.

    Parameters
    ----------
    kind
        Of the sequences.
    by_words, small
        Whether text is read by words, between which white space says nothing, and in small letters.
    most
        Steps that are read of a sequence, or more; None for all.
    both_strands
        Whether DNA and its reverse complement are one.
    """

    kind: Kind
    by_words: bool = False
    small: bool = False
    most: int | None = None
    both_strands: bool = False

    @classmethod
    def of(cls, kind: Kind, wishes: Wishes) -> Self:
        """Take what the user has said."""
        data = wishes.data
        found, most = cls(kind), data.get("max_length")
        if kind is Kind.TEXT:
            tokens = data.get("tokens", "words")
            by_words = tokens == "words"
            small = data.get("case", "mark" if by_words else "drop") == "drop"
            # A byte-pair token may be of many letters, and a byte of none.
            most = most if tokens in ("words", "characters") else None
            return replace(found, by_words=by_words, small=small, most=most)
        if most is not None and kind in (Kind.DNA, Kind.PROTEIN):
            most += data.get("kmer", 1)  # the last window sees letters behind it
        strands = wishes.model.get("both_strands") or wishes.train.get("strand_flip")
        return replace(found, most=most, both_strands=kind is Kind.DNA and bool(strands))

    def mark(self, sequence: RawSequence) -> bytes:
        """Return 16 bytes that equal sequences share, as `fingerprint` does."""
        return fingerprint(self._seen(sequence), self.kind)

    def _seen(self, sequence: RawSequence) -> Any:
        seen: Any = sequence
        if self.by_words:
            words = str(sequence).split()
            seen = " ".join(words[: self.most])
        elif self.most is not None:
            ids = self.kind is Kind.EVENTS and isinstance(sequence, str)
            seen = (str(sequence).split() if ids else sequence)[: self.most]
        if self.small:
            seen = str(seen).lower()
        if self.both_strands:
            other = reverse_complement(str(seen))
            seen = min(other, reverse_complement(other))
        return seen
