"""DNA, RNA and protein as overlapping k-mers, one token a letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from typing_extensions import override

from seqwise.data import kinds
from seqwise.data.codecs.codec import FIRST_ID, PADDING_ID, UNKNOWN_ID, Codec, check_distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqwise.config import DataConfig
    from seqwise.data.records import RawSequence

# U is read as T, a dot as a gap.
NUCLEOTIDES = kinds.NUCLEOTIDES.replace("U", "").replace(".", "")
AMINO_ACIDS = kinds.AMINO_ACIDS.replace(".", "")

# Each letter with that of the other strand: R, A or G, faces Y, T or C (IUPAC-IUB 1985).
_PAIRS = str.maketrans("ACGTRYSWKMBDHVN-", "TGCAYRSWMKVHDBN-")
_OUTSIDE = 0  # the letter before the first and behind the last


class BiologicalCodec(Codec):
    """Each letter with its neighbours: token i is the k letters around letter i.

    Case does not matter. A k-mer that the training part does not have is unknown. The window of a
    letter near an end holds a mark for what lies outside, so that a sequence of n letters has n
    tokens, however short it is.
    """

    def __init__(self, config: DataConfig) -> None:
        super().__init__(config)
        self._alphabet = NUCLEOTIDES if config.kind == "dna" else AMINO_ACIDS
        self._codes = _letter_codes(self._alphabet, is_dna=config.kind == "dna")
        self._known = np.empty(0, dtype=np.int64)  # sorted k-mer codes; the index gives the id

    @override
    def fit(self, sequences: Iterable[RawSequence]) -> Self:
        known: set[int] = set()
        for sequence in sequences:
            known.update(np.unique(self._kmers(sequence)).tolist())
        return self._adopt(np.array(sorted(known), dtype=np.int64))

    @override
    def encode(self, sequences: Sequence[RawSequence]) -> list[NDArray[np.int32]]:
        return [self._encode_one(sequence) for sequence in sequences]

    @override
    def complements(self) -> NDArray[np.int64] | None:
        # The window of an even number of letters has no letter in its middle: from the other strand
        # it is that of the letter beside.
        if self.config.kind != "dna" or self.config.kmer % 2 == 0:
            return None
        ids = {self._spell(code): FIRST_ID + i for i, code in enumerate(self._known.tolist())}
        others = [ids.get(reverse_complement(kmer), UNKNOWN_ID) for kmer in ids]
        return np.array([PADDING_ID, UNKNOWN_ID, *others], dtype=np.int64)

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"kmers": [self._spell(code) for code in self._known.tolist()]}

    @override
    def restore(self, state: dict[str, Any]) -> Self:
        check_distinct(state["kmers"])
        letters = {letter: code for code, letter in enumerate("_" + self._alphabet)}
        known = []
        for kmer in state["kmers"]:
            if len(kmer) != self.config.kmer:
                raise ValueError(f"{kmer!r} has not {self.config.kmer} letters")
            code = 0
            for letter in kmer:
                code = code * len(letters) + letters[letter]
            known.append(code)
        if sorted(set(known)) != known:
            raise ValueError("the k-mers are not in order")
        return self._adopt(np.array(known, dtype=np.int64))

    @override
    def describe(self) -> str:
        letters = "nucleotides" if self.config.kind == "dna" else "amino acids"
        k, known = self.config.kmer, f"{len(self._known):,} known"
        if k == 1:
            return f"single {letters}, {known}"
        return f"windows of {k} {letters}, a step a letter, {known}"

    def _adopt(self, known: NDArray[np.int64]) -> Self:
        self._known = known
        self.vocab_size = FIRST_ID + len(known)
        return self

    def _kmers(self, sequence: RawSequence) -> NDArray[np.int64]:
        """Give each letter's window as a number in base (letters + 1)."""
        letters = self._codes[np.frombuffer(str(sequence).encode("ascii"), dtype=np.uint8)]
        k = self.config.kmer
        before = (k - 1) // 2
        padded = np.pad(letters, (before, k - 1 - before), constant_values=_OUTSIDE)
        base = len(self._alphabet) + 1
        kmers = np.zeros(len(letters), dtype=np.int64)
        for offset in range(k):
            kmers = kmers * base + padded[offset : offset + len(letters)]
        return kmers

    def _encode_one(self, sequence: RawSequence) -> NDArray[np.int32]:
        kmers = self._kmers(sequence)
        index = np.searchsorted(self._known, kmers)
        found = self._known[np.minimum(index, len(self._known) - 1)] == kmers
        return np.where(found, index + FIRST_ID, UNKNOWN_ID).astype(np.int32)

    def _spell(self, code: int) -> str:
        letters = "_" + self._alphabet
        kmer = ""
        for _ in range(self.config.kmer):
            code, letter = divmod(code, len(letters))
            kmer = letters[letter] + kmer
        return kmer


def reverse_complement(letters: str) -> str:
    """Read DNA or RNA from its other strand, in capitals, with T, and with dashes for gaps.

    Examples
    --------
    >>> reverse_complement("aacg")
    'CGTT'
    """
    return letters.upper().replace("U", "T").replace(".", "-").translate(_PAIRS)[::-1]


def _letter_codes(alphabet: str, *, is_dna: bool) -> NDArray[np.int64]:
    """Make the table from an ASCII byte to the number of its letter, from 1."""
    codes = np.zeros(256, dtype=np.int64)
    for code, letter in enumerate(alphabet, start=1):
        codes[ord(letter)] = codes[ord(letter.lower())] = code
    codes[ord(".")] = codes[ord("-")]
    if is_dna:
        codes[ord("U")] = codes[ord("u")] = codes[ord("T")]
    return codes
