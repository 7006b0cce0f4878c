"""The files of a model folder, and how their bytes are made and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from seqwise.bounded import hash_regular, parse_json, read_regular
from seqwise.errors import ArtifactError, Code, Problem

FORMAT_VERSION = 1
CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"


def is_model(folder: str | Path) -> bool:
    """Tell whether a folder is one that `save_artifact` wrote, without reading it whole."""
    try:
        return "format_version" in parse_json(read_regular(Path(folder) / CONFIG))
    except (OSError, ValueError, TypeError):
        return False


def is_exactly(folder: str | Path, hashes: Mapping[str, str]) -> bool:
    """Tell whether a folder has the files of a model, and each of them this SHA-256."""
    found = {name: hash_regular(Path(folder) / name) for name in (CONFIG, CODEC, LABELS, WEIGHTS)}
    return None not in found.values() and found == hashes


def to_json(value: object) -> bytes:
    """Write JSON always in the same way, so that its hash can be found again."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def fail(path: str | Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    """Raise an `ArtifactError`."""
    raise ArtifactError(Problem(code, found, expected, remedy, path=str(path)))
