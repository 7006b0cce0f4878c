"""The files of a model folder, and how they are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from seqwise.bounded import hash_regular, parse_json, read_regular
from seqwise.errors import ArtifactError, Code, Problem

FORMAT_VERSION = 1
CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"
PRETRAINED = "pretrained.json"  # in place of config.json where there are no classes
FILES_OF_MODEL = (CONFIG, CODEC, LABELS, WEIGHTS)
FILES_OF_PRETRAINED = (PRETRAINED, CODEC, WEIGHTS)


def is_model(folder: str | Path) -> bool:
    """Tell whether a folder is one that `save_artifact` wrote, without reading it whole."""
    return _has_version(Path(folder) / CONFIG)


def is_pretrained(folder: str | Path) -> bool:
    """Tell whether a folder is one that `Pretrained.save` wrote, without reading it whole."""
    return _has_version(Path(folder) / PRETRAINED)


def _has_version(path: Path) -> bool:
    try:
        return "format_version" in parse_json(read_regular(path))
    except (OSError, ValueError, TypeError):
        return False


def is_exactly(folder: str | Path, hashes: Mapping[str, str]) -> bool:
    """Tell whether a folder has all files of what training made, and each of them this SHA-256."""
    names = FILES_OF_PRETRAINED if PRETRAINED in hashes else FILES_OF_MODEL
    found = {name: hash_regular(Path(folder) / name) for name in names}
    return None not in found.values() and found == hashes


def fail(path: str | Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    """Raise an `ArtifactError`."""
    raise ArtifactError(Problem(code, found, expected, remedy, path=str(path)))
