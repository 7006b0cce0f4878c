"""What makes two sequences equal, in 16 bytes, and two files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b, file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINGERPRINT_BYTES = 16


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


def number_equal(marks: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Give each sequence the position of the first one that is equal to it.

    Parameters
    ----------
    marks
        Their fingerprints, two numbers each, ``(n, 2)``.

    Returns
    -------
    array
        int64 ``(n,)``.
    """
    if not len(marks):
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((marks[:, 1], marks[:, 0]))  # stable: equal ones stay in their order
    begins = np.ones(len(marks), dtype=bool)
    begins[1:] = (np.diff(marks[order, 0]) != 0) | (np.diff(marks[order, 1]) != 0)
    places = np.maximum.accumulate(np.where(begins, np.arange(len(marks)), 0))
    first = np.empty(len(marks), dtype=np.int64)
    first[order] = order[places]
    return first


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


def digest_path(path: str | Path) -> str | None:
    """Return the SHA-256 of a file, or of all names and files in a folder.

    Returns
    -------
    str or None
        None for standard input ("-"), a pipe or a device, which cannot be read a second time.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    place = Path(path)
    if place.is_dir():
        whole = sha256()
        for each in sorted(place.rglob("*")):
            if each.is_file():
                name = json.dumps(str(each.relative_to(place)))
                whole.update(f"{name} {digest_path(each)}\n".encode())
        return whole.hexdigest()
    if str(path) == "-" or not place.is_file():
        return None
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
