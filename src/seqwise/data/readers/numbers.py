"""Numbers out of strings, lists and arrays: what a series is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.readers.values import MEND, counted, describe
from seqwise.errors import Code, Problem, excerpt


def parse_numbers(tokens: Sequence[str]) -> list[float] | int:
    """Read numbers from strings.

    Returns
    -------
    list of float or int
        The numbers; or, where one string is no number, its index.

    Examples
    --------
    >>> parse_numbers(["1", "-2.5e3"])
    [1.0, -2500.0]
    >>> parse_numbers(["1", "x"])
    1
    """
    try:
        numbers = list(map(float, tokens))
    except ValueError:
        return next(index for index, token in enumerate(tokens) if not is_number(token))
    # float() takes "1_000", which no file format means as a thousand.
    return next((index for index, token in enumerate(tokens) if "_" in token), numbers)


def is_number(token: str) -> bool:
    """Whether a string is one number."""
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token


def to_series(raw: object) -> NDArray[np.float64] | Problem:
    """Turn a raw value into a series.

    Parameters
    ----------
    raw
        A list, a tuple or an array of numbers, ``(time,)`` or ``(time, channels)``; or a string
        that holds one.

    Returns
    -------
    array or Problem
        float64, C-contiguous, ``(time, channels)``, all finite.

    Examples
    --------
    >>> to_series("[[1, 2], [3, 4]]")
    array([[1., 2.],
           [3., 4.]])
    """
    values = _parse_series(raw) if isinstance(raw, str) else raw
    if isinstance(values, Problem):
        return values
    array = _to_array(values)
    if isinstance(array, Problem):
        return array
    if array.size == 0:
        return Problem(Code.EMPTY_SEQUENCE, "an empty sequence", "at least one step", MEND)
    if array.ndim > 2 or array.ndim == 0:
        return _wrong_series(raw)
    steps = np.ascontiguousarray(array, dtype=np.float64)
    steps = steps.reshape(len(steps), -1)  # (time, channels)
    return _check_finite(steps) or steps


def _wrong_series(raw: object) -> Problem:
    expected = "numbers, (time,) or (time, channels)"
    return Problem(Code.WRONG_TYPE, describe(raw), expected, "choose another --kind or --sequence")


def _check_finite(steps: NDArray[np.float64]) -> Problem | None:
    finite = np.isfinite(steps)
    if finite.all():
        return None
    step, channel = map(int, np.unravel_index(int(np.argmin(finite)), steps.shape))
    if np.isnan(steps[step, channel]):
        return _missing(step, channel)
    found = f"an infinite value at step {step + 1:,} of channel {channel + 1}"
    return Problem(Code.INFINITE_VALUE, found, "a finite number", MEND)


def _missing(step: int, channel: int = 0) -> Problem:
    found = f"a missing value (NaN) at step {step + 1:,} of channel {channel + 1}"
    return Problem(Code.NAN_VALUE, found, "a finite number", MEND)


def _parse_series(text: str) -> list[Any] | Problem:
    """Read the numbers of one cell: separated, in JSON brackets, or as numpy prints them."""
    text = text.strip()
    if text.startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return values if isinstance(values, list) else [values]
        if text.endswith("]") and "[" not in text[1:]:
            text = text[1:-1]
    has_commas = "," in text  # white space separates nothing then: "1,5 2,7" are no four numbers
    tokens = [token.strip() for token in text.split(",")] if has_commas else text.split()
    numbers = parse_numbers(tokens)
    if isinstance(numbers, list):
        return numbers
    return _not_a_number(tokens[numbers], numbers) if tokens[numbers] else _missing(numbers)


def _not_a_number(value: object, step: int, channel: int | None = None) -> Problem:
    where = f"at step {step + 1:,}" + (f" of channel {channel + 1}" if channel is not None else "")
    return Problem(Code.NOT_A_NUMBER, f"{excerpt(value)} {where}", "a number", MEND)


def _to_array(values: object) -> NDArray[Any] | Problem:
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(
            values.astype(np.float64), np.nan
        )  # asarray would show what is masked
    if not isinstance(values, list | tuple) and not hasattr(values, "__array__"):
        return _wrong_series(values)
    if hasattr(values, "detach"):  # a tensor of torch, which may be on a GPU, or need a gradient
        values = values.detach().cpu()
    try:
        array = np.asarray(values)
    except ValueError:  # inner lists of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind in "fiub":
        return array
    if isinstance(values, list | tuple):
        return _to_array_slowly(values)
    if array.dtype.kind in "US" and array.size:
        return _not_a_number(array.flat[0], 0)
    return _wrong_series(array)


def _to_array_slowly(values: list[Any] | tuple[Any, ...]) -> NDArray[Any] | Problem:
    """Go through a list that is no plain array, to find out why."""
    if not any(isinstance(step, list | tuple | np.ndarray) for step in values):
        bad = next((i for i, value in enumerate(values) if not _is_numeric(value)), None)
        if bad is not None:
            return _not_a_number(values[bad], bad)
        return np.array([_to_float(value) for value in values])
    rows: list[list[float]] = []
    for step, row in enumerate(values):
        inner = list(row) if isinstance(row, list | tuple | np.ndarray) else [row]
        for channel, value in enumerate(inner):
            if not _is_numeric(value):
                return _not_a_number(value, step, channel)
        if rows and len(inner) != len(rows[0]):
            return Problem(
                Code.CHANNEL_COUNT,
                f"{counted(len(inner), 'channel')} at step {step + 1:,}",
                f"{len(rows[0])}, as at the first step",
                MEND,
            )
        rows.append([_to_float(value) for value in inner])
    return np.array(rows)


def _is_numeric(value: object) -> bool:
    number = isinstance(value, bool | int | float | Decimal | np.number | np.bool_)
    return value is None or (number and not isinstance(value, np.complexfloating))


def _to_float(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:  # an integer of more than 308 digits
        return float("inf")
