"""Checks of single values that every format and kind needs: text and labels."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from seqwise.errors import Code, Problem, excerpt

MEND = "correct the record"


def describe(value: object) -> str:
    """Say in a few words what a value is.

    Examples
    --------
    >>> describe([1, 2, 3])
    'a list of 3'
    >>> describe("abc")
    "the string 'abc'"
    """
    if isinstance(value, str):
        return f"the string {excerpt(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, bool | int | float | np.number):
        return f"the number {excerpt(value)}"
    return f"a value of type {type(value).__name__}"


def counted(number: int, noun: str) -> str:
    """Say how many there are.

    Examples
    --------
    >>> counted(1, "step"), counted(2_000, "step")
    ('1 step', '2,000 steps')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def is_missing(value: object) -> bool:
    """Whether a value stands for "nothing there": None, a float NaN, or what pandas has for it."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def check_text(text: str) -> Problem | None:
    r"""Find what keeps a string from being plain text.

    Parameters
    ----------
    text
        Decoded with ``surrogateescape``, so that a byte that is not UTF-8 is a lone surrogate.

    Returns
    -------
    Problem or None
        `not-utf8` with the byte, or `nul-byte`.

    Examples
    --------
    >>> check_text("caf\udce9").found
    'byte 0xe9 at character 4'
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return _not_utf8(text, error.start)
    if "\x00" in text:
        found = f"a NUL byte at character {text.index(chr(0)) + 1}"
        return Problem(Code.NUL_BYTE, found, "text", MEND)
    return None


def _not_utf8(text: str, position: int) -> Problem:
    point = ord(text[position])
    if 0xDC80 <= point <= 0xDCFF:
        found = f"byte {point - 0xDC00:#04x} at character {position + 1}"
        remedy = "convert the file (iconv -f LATIN1 -t UTF-8)"
    else:
        found = f"half of a surrogate pair, U+{point:04X}, at character {position + 1}"
        remedy = MEND
    return Problem(Code.NOT_UTF8, found, "text in UTF-8", remedy)


def name_of(value: object) -> str:
    """Name a label or an event id by a string; equal values have equal names.

    Examples
    --------
    >>> [name_of(value) for value in ("a", 4, 4.0, 0.5, Decimal("0.50"), True)]
    ['a', '4', '4', '0.5', '0.5', 'true']
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _name_of_decimal(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _name_of_decimal(value: Decimal) -> str:
    """Name it as the float of the same value, if there is one."""
    if value.is_finite() and value == int(value):
        return str(int(value))
    near = str(float(value))
    return near if Decimal(near) == value else str(value.normalize())


def check_label(value: object) -> str | Problem:
    """Bring a label to a string.

    Numbers and truth values become strings: 1 and 1.0 are "1", True is "true".

    Parameters
    ----------
    value
        A label as it was found.

    Returns
    -------
    str or Problem
        `missing-label` for None, NaN and blank strings, `label-per-step` for a list or an array,
        `not-utf8` and `nul-byte` for broken text, `wrong-type` for a mapping and the like.

    Examples
    --------
    >>> check_label(1.0)
    '1'
    >>> check_label(["B", "I", "O"]).code
    <Code.LABEL_PER_STEP: 'label-per-step'>
    """
    if is_missing(value):
        return Problem(Code.MISSING_LABEL, "no label", "one label a sequence", MEND)
    if isinstance(value, str):
        if not value.strip():
            return Problem(Code.MISSING_LABEL, "an empty label", "one label a sequence", MEND)
        return check_text(value) or str(value)
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        remedy = "give one label for the whole sequence; seqwise does not label single steps"
        return Problem(
            Code.LABEL_PER_STEP, describe(value), "one label a sequence, not one a step", remedy
        )
    if isinstance(value, dict | set | bytes | np.ndarray):
        return Problem(Code.WRONG_TYPE, describe(value), "a string or a number as label", MEND)
    return name_of(value)
