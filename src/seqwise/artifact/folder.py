"""The files of a model folder, and how their bytes are made and read."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from pathlib import Path
from typing import NoReturn

from seqwise.errors import ArtifactError, Code, Problem

FORMAT_VERSION = 1
CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"
PRETRAINED = "pretrained.json"  # in place of config.json where there are no classes
MOST_JSON = 1 << 26  # bytes; values out of JSON take up to 25 times as much


def is_model(folder: str | Path) -> bool:
    """Tell whether a folder is one that `save_artifact` wrote, without reading it whole."""
    return _has_version(Path(folder) / CONFIG)


def is_pretrained(folder: str | Path) -> bool:
    """Tell whether a folder is one that `Pretrained.save` wrote, without reading it whole."""
    return _has_version(Path(folder) / PRETRAINED)


def _has_version(path: Path) -> bool:
    try:
        content = read_regular(path, MOST_JSON)
        return "format_version" in json.loads(content.decode())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def read_regular(path: Path, most: int) -> bytes:
    """Read a file; opening a pipe or a device might never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"{status.st_size:,} bytes, more than belong here")
    return path.read_bytes()


def content_hash(content: bytes) -> str:
    """Give the SHA-256 that stands for a file."""
    return hashlib.sha256(content).hexdigest()


def to_json(value: object) -> bytes:
    """Write JSON always in the same way, so that its hash can be found again."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def fail(path: str | Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    """Raise an `ArtifactError`."""
    raise ArtifactError(Problem(code, found, expected, remedy, path=str(path)))
