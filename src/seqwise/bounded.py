"""Files in which nothing is believed: no pipe is opened, no size and no depth is unbounded."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

MOST_JSON = 1 << 26  # bytes; values out of JSON take up to 25 times as much

# What damaged JSON can raise on its way to values; RuntimeError is torch's, for sizes.
UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RuntimeError,  # RecursionError among them
)


def read_regular(path: Path, most: int = MOST_JSON) -> bytes:
    """Read a file; opening a pipe or a device might never end.

    Raises
    ------
    OSError
        If it is no regular file, has more than `most` bytes, or cannot be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"{status.st_size:,} bytes, more than belong here")
    return path.read_bytes()


def parse_json(content: bytes) -> Any:
    """Parse JSON in UTF-8 that has each key once, and is not nested without end.

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("nested too deep") from None


def to_json(value: object, *, indent: int = 2) -> bytes:
    """Write JSON always in the same way, so that its hash can be found again."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")  # of a file's name that is not UTF-8


def content_hash(content: bytes) -> str:
    """Give the SHA-256 that stands for a file."""
    return hashlib.sha256(content).hexdigest()


def hash_regular(path: Path) -> str | None:
    """Give the SHA-256 of a file, read a piece at a time; None where there is none to read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; json itself keeps the last of two equal keys in silence."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key that stands twice")
    return values
