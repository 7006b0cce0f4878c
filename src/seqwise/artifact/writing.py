"""Writing a model folder, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch

from seqwise.artifact.folder import (
    CODEC,
    CONFIG,
    FILES_OF_MODEL,
    FILES_OF_PRETRAINED,
    FORMAT_VERSION,
    LABELS,
    WEIGHTS,
    fail,
    is_model,
    is_pretrained,
)
from seqwise.artifact.value import Artifact
from seqwise.atomic import others_in, write_folder
from seqwise.bounded import MOST_JSON, content_hash, to_json
from seqwise.errors import Code, excerpt


def check_output(folder: str | Path, *, overwrite: bool) -> None:
    """Make sure before long work that a model can be saved to a folder.

    Raises
    ------
    ArtifactError
        If the folder exists (and is not a model to be overwritten, and nothing else), or cannot be
        made.
    """
    path = Path(folder)
    try:
        exists = _exists(path)
        parent = Path(os.path.realpath(path)).parent
        can_write = parent.is_dir() and os.access(parent, os.W_OK)
    except (OSError, ValueError) as error:
        fail(path, Code.OUTPUT_UNWRITABLE, str(error), "a name a folder can have", "name another")
    if exists and not is_model(path) and not is_pretrained(path):
        found = "it exists, and is no model"
        fail(path, Code.OUTPUT_EXISTS, found, "a new folder, or a model", "name another (--out)")
    if exists and not overwrite:
        fail(path, Code.OUTPUT_EXISTS, "it exists", "a new folder", "replace it (--overwrite)")
    if exists:
        _spare_others(path)
    if not parent.is_dir():
        found, expected = f"no such folder as {excerpt(str(parent))}", "a folder to write into"
        fail(path, Code.OUTPUT_UNWRITABLE, found, expected, "make it first")
    if not can_write:
        found, expected = "the folder above it is read-only", "one that can be written"
        fail(path, Code.OUTPUT_UNWRITABLE, found, expected, "name another (--out)")


def save_artifact(
    artifact: Artifact,
    folder: str | Path,
    *,
    overwrite: bool = False,
    announce: Callable[[dict[str, str]], None] = lambda hashes: None,
) -> None:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    artifact
        What to save.
    folder
        Where; must not exist unless `overwrite`.
    overwrite
        Replace a model folder that is there.
    announce
        Told the SHA-256 of each file by its name, before anything is written.

    Raises
    ------
    ArtifactError
        As `check_output`, and if writing fails.
    """
    files = {
        CODEC: to_json(artifact.codec.to_dict()),
        LABELS: to_json(artifact.labels.to_json()),
        WEIGHTS: safetensors.torch.save(
            {name: weight.contiguous() for name, weight in artifact.model.state_dict().items()}
        ),
    }
    account = {
        "versions": artifact.versions,
        "data": artifact.data.to_dict(),
        "model": artifact.shape.to_dict(),
        "train": artifact.train.to_dict(),
        "training": artifact.training.to_dict(),
        "thresholds": list(artifact.decision.thresholds),
    }
    write_files(folder, files, account, name=CONFIG, overwrite=overwrite, announce=announce)


def write_files(
    folder: str | Path,
    files: dict[str, bytes],
    account: dict[str, Any],
    *,
    name: str,
    overwrite: bool,
    announce: Callable[[dict[str, str]], None],
) -> None:
    """Write files and an account of them, with the hash of each, whole or not at all.

    Parameters
    ----------
    folder, overwrite, announce
        As `save_artifact`.
    files
        The content of each, by its name.
    account
        JSON values.
    name
        Of the file of the account.

    Raises
    ------
    ArtifactError
        As `save_artifact`.
    """
    check_output(folder, overwrite=overwrite)
    for each, content in files.items():
        if each.endswith(".json") and len(content) > MOST_JSON:
            found = f"{each} of {len(content):,} bytes"
            expected, remedy = f"at most {MOST_JSON:,}", "lower --vocab-size or --kmer"
            fail(folder, Code.OUTPUT_UNWRITABLE, found, expected, remedy)
    hashes = {each: content_hash(content) for each, content in files.items()}
    whole = {"format_version": FORMAT_VERSION, **account, "sha256": hashes}
    # Its own hash is that of the file without this entry.
    hashes[name] = content_hash(to_json(whole))
    files = files | {name: to_json(whole)}
    announce({each: content_hash(content) for each, content in files.items()})
    try:
        write_folder(Path(os.path.realpath(folder)), files)  # a link to a model stays one
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "make room, or name another (--out)"
        fail(folder, Code.OUTPUT_UNWRITABLE, reason, "a folder that can be written", remedy)


def _spare_others(path: Path) -> None:
    """Make sure that nothing goes with a model that is replaced."""
    others = others_in(path, {*FILES_OF_MODEL, *FILES_OF_PRETRAINED}.__contains__)
    if others:
        found = f"it holds more than a model does: {excerpt(others[0])}"
        remedy = "move it, or name another (--out)"
        fail(path, Code.OUTPUT_EXISTS, found, "nothing else in a folder to be replaced", remedy)


def _exists(path: Path) -> bool:
    """Tell whether anything has this name; a name that nothing can have is an error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
