"""Marks before words with capitals, so that a text made small has not lost them."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import cache

# Before a word that begins with a capital, and one of several letters that has nothing else.
MARKS = CAPITAL, CAPITALS = "\N{UPWARDS WHITE ARROW}", "\N{UPWARDS WHITE ARROW FROM BAR}"

ASCII, BASIC, LAST = 0x7F, 0xFFFF, sys.maxunicode
LAST_CASED = 0x1FFFF  # Chinese characters follow, and what has no meaning yet


def mark_capitals(text: str) -> str:
    """Put a mark before each word that has a capital where it begins.

    A word has letters, and apostrophes between letters. A capital within a word is not marked.

    Examples
    --------
    >>> mark_capitals("A McDonald's, and it's FREE")
    "⇧A ⇧McDonald's, and it's ⇪FREE"
    """
    # As the tokenizer will have it, or a letter and its accent were two.
    composed = unicodedata.normalize("NFC", text)
    # `re` looks letters up several times as fast where none are beyond the first 65,536.
    last = ASCII if composed.isascii() else BASIC if ord(max(composed)) <= BASIC else LAST
    return _find_capitals(last).sub(_mark, composed)


def _mark(found: re.Match[str]) -> str:
    return (CAPITALS if found[1] else CAPITAL) + found[0]


@cache
def _find_capitals(last: int) -> re.Pattern[str]:
    """Find where a word begins with a capital, in a text of characters up to the last.

    The first group is the rest of a word of capitals. In Python, as replacing a place without a
    width makes the tokenizers library panic.
    """
    capital, letter = _ranges(str.isupper, last), _ranges(_may_be_within, last)
    apostrophe = "['\u2019]"
    if last > LAST_CASED:
        letter += f"{chr(LAST_CASED + 1)}-{chr(last)}"
    not_within = f"(?<![{letter}].)(?<![{letter}]{apostrophe}.)"
    # Possessive: nothing is kept for each letter of a word of millions.
    rest = f"([{capital}]*+(?:{apostrophe}[{capital}]++)*+)(?!{apostrophe}?[{letter}])"
    return re.compile(f"[{capital}]{not_within}(?:{rest})?", re.DOTALL)


def _may_be_within(character: str) -> bool:
    """Tell whether the tokenizer may have a character within a word, whatever Unicode it knows."""
    category = unicodedata.category(character)
    odd = category[0] == "M" or category in {"Nl", "No", "Pc", "Cn"}
    cased = character.isupper() or character.islower()
    return character.isalpha() or cased or (odd and character != "_")


def _ranges(is_one: Callable[[str], bool], last: int) -> str:
    """Give characters as the inside of a class of `re`: thousands of single ones are slow."""
    points = {point for point in range(min(last, LAST_CASED) + 1) if is_one(chr(point))}
    starts = sorted(point for point in points if point - 1 not in points)
    ends = sorted(point for point in points if point + 1 not in points)
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))
