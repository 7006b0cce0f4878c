"""Stores on disk as a whole: found, opened, begun or gone on with, and removed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from seqwise.atomic import lock_folder
from seqwise.bounded import hash_regular
from seqwise.data.disk import MANIFEST, PROGRESS, DiskStore, fail_to_write
from seqwise.data.manifest import (
    CODEC_NAME,
    SHARD_NAME,
    Manifest,
    ShardEntry,
    damaged,
    part_of,
    read_manifest,
)
from seqwise.errors import Code, Problem, StoreError, excerpt

STAGED = re.compile(r"\..+\.[0-9a-f]{8}")  # what was being written when a process was killed


def is_store(folder: str | Path) -> bool:
    """Tell whether a folder is a store, finished or not."""
    return any(os.path.isfile(Path(folder) / name) for name in (MANIFEST, PROGRESS)) and not (
        os.path.lexists(Path(folder) / "config.json")
    )


def check_place(folder: str | Path) -> None:
    """Make sure before long work that a store can be written to a folder.

    Raises
    ------
    StoreError
        If something else stands there, or if it cannot be made.
    """
    folder = Path(folder)
    parent = folder.absolute().parent
    if not parent.is_dir():
        found, expected = f"no such folder as {excerpt(str(parent))}", "a folder to write into"
        _fail(folder, Code.OUTPUT_UNWRITABLE, found, expected, "make it first")
    if not os.access(folder if folder.exists() else parent, os.W_OK):
        found, expected = "it is read-only", "a folder that can be written"
        _fail(folder, Code.OUTPUT_UNWRITABLE, found, expected, "name another")
    if os.path.lexists(folder) and not _is_left_over(folder) and not is_store(folder):
        found, expected = "it exists, and is no store", "a new folder, or a store"
        _fail(folder, Code.OUTPUT_EXISTS, found, expected, "name another")


def remove_store(folder: str | Path) -> None:
    """Remove a store, its manifest first: half of a store is none. Anything else stays."""
    folder = Path(folder)
    if is_store(folder) or _is_left_over(folder):
        _clear(folder)
        with suppress(OSError):
            folder.rmdir()  # does it only where nothing is in it


def open_store(folder: str | Path) -> DiskStore:
    """Open a store that is finished, each file held against its hash.

    Raises
    ------
    StoreError
        If it is not finished, or damaged.
    """
    folder = Path(folder)
    try:
        manifest = read_manifest(folder / MANIFEST)
    except FileNotFoundError:
        found = "a store that was not finished"
        remedy = "give the command that began it (seqwise encode) once more: it goes on"
        _fail(folder, Code.STORE_UNFINISHED, found, f"one with {MANIFEST}", remedy)
    for name, entry in manifest.shards.items():
        if hash_regular(folder / name) != entry.sha256:
            damaged(folder / name, "other bytes than those that were written")
    return DiskStore(folder, manifest, finished=True)


@contextmanager
def begin_store(
    folder: str | Path, plan: dict[str, Any], *, overwrite: bool
) -> Iterator[DiskStore]:
    """Begin a store, or go on with one that was begun by the same plan.

    While it is entered, other processes that want to write there wait.

    Parameters
    ----------
    folder
        Made where it is not there.
    plan
        JSON values that the content of the store follows from.
    overwrite
        Replace a store of another plan.

    Raises
    ------
    StoreError
        If something else stands there, or if it cannot be written.
    """
    folder = Path(folder)
    try:
        lock = lock_folder(folder, wait=True)
    except OSError as error:
        fail_to_write(folder, error, "name another")
    try:
        store = _go_on(folder, plan, overwrite)
        yield store
        store.finish()
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came into it
        os.close(lock)


def _go_on(folder: Path, plan: dict[str, Any], overwrite: bool) -> DiskStore:
    """Find out what is there, and what of it can be kept."""
    plan = json.loads(json.dumps(plan))  # as it comes back from a file
    check_place(folder)
    finished = (folder / MANIFEST).exists()
    if not is_store(folder):
        return _anew(folder, plan)
    manifest = None
    try:
        manifest = read_manifest(folder / (MANIFEST if finished else PROGRESS))
    except StoreError:
        if not overwrite:
            raise
    if manifest is not None and manifest.plan == plan:
        return _with_what_is_whole(folder, manifest, finished)
    if not overwrite:
        found = "a store of other records or other settings"
        remedy = "name another, or replace it (--overwrite)"
        _fail(folder, Code.STORE_MISMATCH, found, "a new folder, or the same command", remedy)
    return _anew(folder, plan)


def _with_what_is_whole(folder: Path, manifest: Manifest, finished: bool) -> DiskStore:
    """Keep the shards of each part before the first one that is not what was written."""
    for path in list(folder.iterdir()):
        if STAGED.fullmatch(path.name) or (finished and path.name == PROGRESS):
            path.unlink()
    shards: dict[str, ShardEntry] = {}
    broken: set[str] = set()
    for name, entry in manifest.shards.items():
        if part_of(name) in broken or hash_regular(folder / name) != entry.sha256:
            broken.add(part_of(name))
        else:
            shards[name] = entry
    codecs = {
        name: sha256
        for name, sha256 in manifest.codecs.items()
        if hash_regular(folder / name) == sha256
    }
    kept = replace(manifest, shards=shards, codecs=codecs)
    store = DiskStore(folder, kept, finished=finished and kept == manifest)
    if not store.finished:
        store.note(kept)
        (folder / MANIFEST).unlink(missing_ok=True)
    return store


def _clear(folder: Path) -> None:
    for name in (MANIFEST, PROGRESS):
        (folder / name).unlink(missing_ok=True)
    for path in list(folder.iterdir()):
        if _is_ours(path.name):
            path.unlink()


def _anew(folder: Path, plan: dict[str, Any]) -> DiskStore:
    _clear(folder)
    return DiskStore(folder, Manifest(plan, {}, {}), finished=False)


def _is_left_over(folder: Path) -> bool:
    """Tell whether there is nothing in a folder but what a store would have."""
    return folder.is_dir() and all(_is_ours(path.name) for path in folder.iterdir())


def _is_ours(name: str) -> bool:
    """Tell whether a file beside the manifest is one that a store writes."""
    return any(form.fullmatch(name) for form in (SHARD_NAME, CODEC_NAME, STAGED))


def _fail(folder: Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    raise StoreError(Problem(code, found, expected, remedy, path=str(folder)))
