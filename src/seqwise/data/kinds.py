"""The kinds of sequences; what a raw sequence of each kind must look like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence, Sized
from enum import StrEnum
from typing import Any

import numpy as np

from seqwise.data.readers.interface import RawSequence
from seqwise.data.readers.numbers import parse_numbers, to_series
from seqwise.data.readers.values import MEND, check_text, describe, is_missing, name_of
from seqwise.errors import Code, DataError, Problem, excerpt

__all__ = ["Kind", "check_sequence", "guess_kind"]

# IUPAC codes, and the gaps of an alignment; for proteins the stop * too.
NUCLEOTIDES = "ACGTURYSWKMBDHVN-."
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYBZXUOJ*-."
COMMON_NUCLEOTIDES = "ACGTUN"
GAPS = "-."

SERIES_NAMES = frozenset(
    ["series", "signal", "signals", "value", "values", "sample", "samples", "waveform", "wave"]
)
EVENT_NAMES = frozenset(["token", "tokens", "event", "events", "id", "ids", "call", "calls"])
GUESS_CHARACTERS = 2_000  # of each sequence; enough to see what it is made of
GUESS_STEPS = 100
SAFE_SHARE = 0.95  # of the sequences; the others are then bad records and not another kind


class Kind(StrEnum):
    """What a sequence is made of; "dna" stands for DNA and RNA."""

    TEXT = "text"
    DNA = "dna"
    PROTEIN = "protein"
    SERIES = "series"
    EVENTS = "events"


def check_sequence(raw: object, kind: Kind) -> RawSequence | Problem:
    """Bring a raw sequence to the form of its kind, or say what is wrong with it.

    The same function serves files and Python objects.

    Parameters
    ----------
    raw
        A string, a list, a tuple, an array or anything with ``__array__``.
    kind
        What it is meant to be.

    Returns
    -------
    str
        For text, as it is; for DNA, RNA and proteins, without the white space around it; for
        events that came as one string of ids with white space between them, as it is.
    list of str
        For events that came as a list, a tuple or an array of ids.
    array
        For series: float64, C-contiguous, ``(time, channels)``.
    Problem
        Without a place; `Problem.at` fills it in.

    Examples
    --------
    >>> check_sequence([1, 2.5], Kind.SERIES)
    array([[1. ],
           [2.5]])
    >>> check_sequence("ACGX", Kind.DNA).found
    "letter 'X' at position 4"
    """
    if is_missing(raw):
        return Problem(Code.MISSING_SEQUENCE, "no sequence", "a sequence", MEND)
    return _CHECKS[kind](raw)


def _empty(raw: object) -> Problem:
    found = "only white space" if isinstance(raw, str) and raw else "an empty sequence"
    return Problem(Code.EMPTY_SEQUENCE, found, "at least one step", MEND)


def _check_text(raw: object) -> str | Problem:
    if not isinstance(raw, str):
        return Problem(
            Code.WRONG_TYPE, describe(raw), "text as one string", "choose another --kind"
        )
    if not raw or raw.isspace():
        return _empty(raw)
    return check_text(raw) or raw


def _check_letters(raw: object, letters: str, meant: str) -> str | Problem:
    if not isinstance(raw, str):
        return Problem(
            Code.WRONG_TYPE, describe(raw), f"{meant} as one string", "choose another --kind"
        )
    sequence = raw.strip()
    if not sequence:
        return _empty(raw)
    rest = sequence.lstrip(letters)  # up to the first unknown letter, at the speed of C
    if not rest:
        return sequence
    problem = check_text(raw)
    if problem is not None:
        return problem
    position = len(raw.rstrip()) - len(rest) + 1
    return Problem(
        Code.UNKNOWN_LETTER,
        f"letter {excerpt(rest[0])} at position {position:,}",
        f"the IUPAC letters of {meant}",
        "correct the record or choose another --kind",
    )


def _check_dna(raw: object) -> str | Problem:
    return _check_letters(raw, NUCLEOTIDES + NUCLEOTIDES.lower(), "DNA or RNA")


def _check_protein(raw: object) -> str | Problem:
    return _check_letters(raw, AMINO_ACIDS + AMINO_ACIDS.lower(), "a protein")


def _check_events(raw: object) -> str | list[str] | Problem:
    if isinstance(raw, str):
        return _check_text(raw)
    values: Any = raw
    if isinstance(raw, np.ndarray) or hasattr(raw, "__array__"):
        array = raw if isinstance(raw, np.ndarray) else np.asarray(raw)
        values = array.tolist() if array.ndim == 1 else None  # None, too, for what is masked
    if not isinstance(values, list | tuple):
        expected = "one id a step: a list, or a string with white space between the ids"
        return Problem(Code.WRONG_TYPE, describe(raw), expected, "choose another --kind")
    if not values:
        return _empty(raw)
    for step, value in enumerate(values):
        if isinstance(value, list | dict | set | np.ndarray):
            found = f"{describe(value)} at step {step + 1:,}"
            return Problem(Code.WRONG_TYPE, found, "one id a step", "choose another --kind")
        if is_missing(value):
            found = f"a missing id at step {step + 1:,}"
            return Problem(Code.NAN_VALUE, found, "one id a step", MEND)
    names = [name_of(value) for value in values]
    return check_text("".join(names)) or names


_CHECKS: dict[Kind, Callable[[object], RawSequence | Problem]] = {
    Kind.TEXT: _check_text,
    Kind.DNA: _check_dna,
    Kind.PROTEIN: _check_protein,
    Kind.SERIES: to_series,
    Kind.EVENTS: _check_events,
}


def guess_kind(
    samples: Sequence[RawSequence], column: str | None, *, of_molecules: bool = False
) -> tuple[Kind, str]:
    """Guess the kind of sequences where that is safe.

    Parameters
    ----------
    samples
        Some raw sequences, up to about 1,000.
    column
        Name of the column they come from; it tells series from events where all are integers.
    of_molecules
        Whether they come from a format (FASTA) that has nothing but DNA, RNA and proteins, in
        capitals or not, and as short as one likes.

    Returns
    -------
    tuple
        The kind, and the reason in a few words.

    Raises
    ------
    DataError
        `kind-unclear`; the remedy is to name the kind.

    Examples
    --------
    >>> guess_kind(["GATTACAGATTACA", "ACGTNACGT"], "sequence")
    (<Kind.DNA: 'dna'>, 'letters are A C G T U N only')
    >>> guess_kind(["Adsit", "Ajdrna"], "text")[0]
    <Kind.TEXT: 'text'>
    """
    strings = [start for each in samples if isinstance(each, str) and (start := _start(each))]
    others = [each for each in samples if not isinstance(each, str) and not _is_empty(each)]
    num_all = len(strings) + len(others)
    if num_all and max(len(strings), len(others)) < SAFE_SHARE * num_all:
        raise _unclear("strings and lists side by side", column)
    if len(others) > len(strings):
        return _guess_from_steps(others, column)
    if not strings:
        raise _unclear("no sequence that is not empty", column)
    letters = _guess_from_letters(strings, column, of_molecules=of_molecules)
    if of_molecules and letters is None:
        raise _unclear("letters of neither DNA, RNA nor proteins", column)
    return (
        letters
        or _guess_from_numbers(strings, column)
        or (Kind.TEXT, "strings of words or characters")
    )


def _is_empty(sample: object) -> bool:
    return is_missing(sample) or (isinstance(sample, Sized) and not len(sample))


def _start(text: str) -> str:
    """Take the first part of a string, without a step that the cut may have broken."""
    if len(text) <= GUESS_CHARACTERS:
        return text.strip()
    text = text[:GUESS_CHARACTERS].strip()
    return text.rsplit(maxsplit=1)[0] if text else text


def _unclear(found: str, column: str | None) -> DataError:
    expected = "one of " + ", ".join(Kind)
    remedy = "say which kind it is (--kind KIND)"
    return DataError(Problem(Code.KIND_UNCLEAR, found, expected, remedy, column=column))


def _is_safe(num_matches: int, num_all: int, meant: str, column: str | None) -> bool:
    """Whether nearly all match; a file where many do and many do not is for the user to judge."""
    share = num_matches / num_all
    if 0.5 <= share < SAFE_SHARE:
        raise _unclear(f"{share:.0%} of the sequences look like {meant}", column)
    return share >= SAFE_SHARE


def _guess_from_letters(
    strings: list[str], column: str | None, *, of_molecules: bool
) -> tuple[Kind, str] | None:
    if of_molecules:
        strings = [text.upper() for text in strings]
    dna = [text for text in strings if not text.lstrip(NUCLEOTIDES + NUCLEOTIDES.lower())]
    letters = "".join(dna).upper()
    num_common = sum(map(letters.count, COMMON_NUCLEOTIDES))
    num_letters = len(letters) - sum(map(letters.count, GAPS))
    shortest = (1, 1) if of_molecules else (8, 15)  # in the mean; words are shorter
    is_dna = num_letters >= shortest[0] * len(dna) and num_common >= 0.9 * num_letters > 0
    if is_dna and _is_safe(len(dna), len(strings), "DNA or RNA", column):
        plain = "letters are A C G T U N only"
        codes = "letters are A C G T U N and other IUPAC codes of nucleotides"
        return Kind.DNA, plain if num_common == len(letters) else codes
    protein = [text for text in strings if not text.lstrip(AMINO_ACIDS)]
    is_protein = bool(protein) and sum(map(len, protein)) >= shortest[1] * len(protein)
    if is_protein and _is_safe(len(protein), len(strings), "proteins", column):
        return Kind.PROTEIN, "letters are amino acids only"
    return None


def _guess_from_numbers(strings: list[str], column: str | None) -> tuple[Kind, str] | None:
    num_integers = sum(re.fullmatch(r"[\d\s]+", text) is not None for text in strings)
    numbers = [tokens for text in strings if (tokens := _numbers_in(text))]
    if not numbers or not _is_safe(len(numbers), len(strings), "numbers", column):
        return None
    bracketed = any(text.startswith("[") for text in strings)
    if not bracketed and sum(map(len, numbers)) < 2 * len(numbers):
        raise _unclear("a single number in each sequence", column)
    if num_integers == len(numbers):
        if _is_called(column, SERIES_NAMES):
            return _guess_from_integers(column)
        return Kind.EVENTS, "integers with white space between them"
    tokens = [token for row in numbers for token in row]
    if all(token.isdecimal() for token in tokens):
        return _guess_from_integers(column)
    return Kind.SERIES, "numbers with a point or a sign"


def _numbers_in(text: str) -> list[str] | None:
    for mark in "[],":
        text = text.replace(mark, " ")
    tokens = text.split()
    return tokens if isinstance(parse_numbers(tokens), list) else None


def _guess_from_steps(samples: list[Any], column: str | None) -> tuple[Kind, str]:
    found = Counter(map(_made_of, samples))
    made_of, num_matches = found.most_common(1)[0]
    if made_of == "neither" or not _is_safe(
        num_matches, len(samples), f"lists of {made_of}", column
    ):
        raise _unclear("lists of neither numbers nor strings", column)
    if made_of == "strings":
        return Kind.EVENTS, "lists of strings"
    if made_of == "channels":
        return Kind.SERIES, "lists of numbers in channels"
    lists = [_first_steps(sample) for sample in samples if _made_of(sample) == made_of]
    if any(
        isinstance(value, float | np.floating) or value < 0 for steps in lists for value in steps
    ):
        return Kind.SERIES, "lists of numbers with a point or a sign"
    return _guess_from_integers(column)


def _made_of(sample: Any) -> str:
    """Say what the first steps of a list are: strings, numbers, numbers in channels, or neither."""
    steps = _first_steps(sample)
    if steps and all(isinstance(step, str) for step in steps):
        return "strings"
    if steps and all(isinstance(step, int | float | np.number) for step in steps):
        return "numbers"
    nested = [step for step in steps if isinstance(step, list | tuple | np.ndarray)]
    values = [value for step in nested for value in step if value is not None]
    are_numbers = all(isinstance(each, int | float | np.number) for each in values)
    return "channels" if values and are_numbers and len(nested) == len(steps) else "neither"


def _first_steps(sample: Any) -> list[Any]:
    """Take the first steps without those that are missing."""
    if hasattr(sample, "__array__"):
        sample = np.asarray(sample)[:GUESS_STEPS].tolist()
    if not isinstance(sample, list | tuple):
        return []
    return [step for step in sample[:GUESS_STEPS] if step is not None]


def _guess_from_integers(column: str | None) -> tuple[Kind, str]:
    if _is_called(column, SERIES_NAMES):
        return Kind.SERIES, "integers in a column that is called like a series"
    if _is_called(column, EVENT_NAMES):
        return Kind.EVENTS, "integers in a column that is called like events"
    raise _unclear("integers, which may be a series or the ids of events", column)


def _is_called(column: str | None, names: frozenset[str]) -> bool:
    words = re.findall(r"[a-z]+", (column or "").lower())
    return any(word in names for word in words)
