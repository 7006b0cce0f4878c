"""From a sequence to its tokens: words or events, or characters and letters of DNA or proteins."""

from __future__ import annotations

import re
from typing import Any, Literal

Unit = Literal["words", "chars"]

# Marks stand for themselves: the tutorials of fastText take them apart from the words, too.
_WORDS = re.compile(r"\w+|[^\w\s]")


def tokenize(sequence: Any, kind: str, unit: Unit) -> list[str]:
    """Cut a sequence of text, DNA, a protein or events into tokens.

    Parameters
    ----------
    sequence
        A string, or a list of events.
    kind
        ``text``, ``dna``, ``protein`` or ``events``.
    unit
        Characters of text are taken as they are, letters of DNA and proteins as capitals, words in
        small.
    """
    if kind == "events":
        return sequence.split() if isinstance(sequence, str) else [str(each) for each in sequence]
    if unit == "chars":
        return list(sequence if kind == "text" else sequence.upper())
    return _WORDS.findall(sequence.lower())
