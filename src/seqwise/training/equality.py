"""Which sequences are equal to the model that is to be trained, before there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from seqwise.data.codecs import TextCodec, reverse_complement
from seqwise.data.kinds import Kind
from seqwise.data.records import RawSequence, Record
from seqwise.training.settings import SAMPLE, Wishes
from seqwise.training.start import open_start


@dataclass(frozen=True)
class Equality:
    """What a model cannot tell apart, as far as that is known before anything is learned.

    The split goes by it: what is learned from must not be held out in another spelling.

    Parameters
    ----------
    kind
        Of the sequences.
    text
        How text is read; None for other kinds.
    most
        Letters, ids or steps that are read of a sequence; None for all.
    both_strands
        Whether DNA and its reverse complement are one.
    """

    kind: Kind
    text: TextCodec | None = None
    most: int | None = None
    both_strands: bool = False

    @classmethod
    def of(cls, read: Callable[[], Iterable[Record]], kind: Kind, wishes: Wishes) -> Self:
        """Take what the user has said, and what that means for the first of some records.

        Raises
        ------
        DataError, ArtifactError, ConfigError
            If there is not what the training starts from, or a setting has no effect.
        """
        found = (each.sequence for each in read() if each.sequence is not None)
        sample: list[RawSequence] = list(islice(found, SAMPLE))
        if not sample:
            return cls(kind)
        data = open_start(wishes).choose_data(kind, sample, wishes)
        if kind is Kind.TEXT:
            return cls(kind, text=TextCodec(data), most=data.max_length)
        most = data.max_length
        if most is not None and kind in (Kind.DNA, Kind.PROTEIN):
            most += data.kmer // 2  # letters behind it that the last window sees
        return cls(kind, most=most, both_strands=are_strands_one(kind, wishes))

    def seen(self, sequence: RawSequence) -> Any:
        """Give what equal sequences share; the sequence itself where nothing of it is hidden."""
        if self.text is not None:
            return self.text.read(str(sequence), self.most)
        seen: Any = sequence
        if self.most is not None:
            ids = self.kind is Kind.EVENTS and isinstance(sequence, str)
            seen = (str(sequence).split() if ids else sequence)[: self.most]
        if self.both_strands:
            other = reverse_complement(str(seen))
            seen = min(other, reverse_complement(other))
        return seen


def are_strands_one(kind: Kind, wishes: Wishes) -> bool:
    """Tell whether DNA is learned from on either strand."""
    flips = wishes.model.get("both_strands") or wishes.train.get("strand_flip")
    return kind is Kind.DNA and bool(flips)
