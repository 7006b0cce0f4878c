"""Encoded parts of a data set in a folder, mapped into memory.

::

    STORE/
      codec.json            what was learned from the training part
      train-000000.arrow     shards of some ten thousand sequences, in the order of the records
      train-000001.arrow
      valid-000000.arrow
      codec-whole.json      the same from all records, and these: where a refit follows
      whole-000000.arrow
      manifest.json         format version, what all of it follows from, the SHA-256 of each file

Each file is written under another name and renamed. Until all are there, the manifest is called
`progress.json`: who is killed goes on behind the last shard that it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from seqwise.atomic import write_file
from seqwise.config import DataConfig
from seqwise.data.codecs import Codec, build_codec
from seqwise.data.encoding import EncodedBlock
from seqwise.data.manifest import (
    CODEC_NAME,
    SHARD_NAME,
    Manifest,
    ShardEntry,
    damaged,
    part_of,
    read_manifest,
    read_small,
)
from seqwise.data.parts import EncodedPart, PartSource
from seqwise.data.shards import (
    SHARD_RECORDS,
    SHARD_VALUES,
    Shard,
    check_shard,
    map_shard,
    write_shard,
)
from seqwise.data.store import ChainedStore, RaggedStore
from seqwise.errors import Code, Problem, StoreError, excerpt

MANIFEST, PROGRESS = "manifest.json", "progress.json"
_STAGED = re.compile(r"\..+\.[0-9a-f]{8}")  # what was being written when the process was killed


class DiskStore:
    """A store that is being written, or one that is finished.

    Parameters
    ----------
    folder
        Where it is.
    manifest
        What is in it so far.
    finished
        Whether that is all.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, finished: bool) -> None:
        self.folder = folder
        self.manifest = manifest
        self.finished = finished

    def codec(self, name: str, config: DataConfig, fit: Callable[[], Codec]) -> Codec:
        """Read the codec, or fit it and write it down."""
        path = self.folder / f"{name}.json"
        if path.name in self.manifest.codecs:
            return _read_codec(path, config, self.manifest.codecs[path.name])
        codec = fit()
        content = json.dumps(codec.to_dict(), ensure_ascii=False, allow_nan=False).encode()
        self._write(path, content)
        self._note(self.manifest.with_codec(path.name, hashlib.sha256(content).hexdigest()))
        # As whoever goes on reads it, so that there is no difference.
        return _read_codec(path, config, self.manifest.codecs[path.name])

    def part(
        self,
        name: str,
        codec: Codec,
        *,
        count: int,
        num_classes: int,
        encode: Callable[[], PartSource],
    ) -> EncodedPart:
        """Encode what is not there yet of a part, and map all of it into memory."""
        start = sum(each.num_records for each in self.manifest.of_part(name).values())
        if start < count:
            self._write_part(name, codec, encode(), start)
        part = self._map_part(name, codec, num_classes)
        if len(part.targets) != count:
            damaged(self.folder, f"{len(part.targets):,} records in {excerpt(name)}")
        return part

    def finish(self) -> None:
        """Say that all parts are there."""
        if not self.finished:
            self._write(self.folder / MANIFEST, self.manifest.to_bytes())
            (self.folder / PROGRESS).unlink()
            self.finished = True

    def _write_part(self, name: str, codec: Codec, source: PartSource, start: int) -> None:
        for blocks in _cut_shards(source.encode(start)):
            sequences = RaggedStore.joined([block.sequences for block in blocks])
            end = start + len(sequences)
            content = write_shard(Shard(sequences, source.targets[start:end]), codec)
            entry = ShardEntry(
                sha256=hashlib.sha256(content).hexdigest(),
                num_records=len(sequences),
                num_cut=sum(block.num_cut for block in blocks),
                num_unknown=sum(block.num_unknown for block in blocks),
            )
            file = f"{name}-{len(self.manifest.of_part(name)):06}.arrow"
            self._write(self.folder / file, content)
            self._note(self.manifest.with_shard(file, entry))
            start = end

    def _map_part(self, name: str, codec: Codec, num_classes: int) -> EncodedPart:
        entries = self.manifest.of_part(name)
        if not entries:
            damaged(self.folder, f"no shards of the part {excerpt(name)}")
        shards = []
        for file, entry in entries.items():
            path = self.folder / file
            with _readable(path):
                shard = map_shard(path, codec)
                if len(shard.targets) != entry.num_records:
                    raise ValueError(f"{len(shard.targets):,} records")
                check_shard(shard, codec, num_classes)
            shards.append(shard)
        return EncodedPart(
            ChainedStore([shard.sequences for shard in shards]),
            np.concatenate([shard.targets for shard in shards]).astype(np.int64),
            num_cut=sum(entry.num_cut for entry in entries.values()),
            num_unknown=sum(entry.num_unknown for entry in entries.values()),
        )

    def _note(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._write(self.folder / PROGRESS, manifest.to_bytes())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_file(path, content)
        except OSError as error:
            remedy = "make room: the same command goes on from what is there"
            _fail_to_write(self.folder, error, remedy)


def is_store(folder: str | Path) -> bool:
    """Tell whether a folder is a store, finished or not."""
    return any(os.path.isfile(Path(folder) / name) for name in (MANIFEST, PROGRESS)) and not (
        os.path.lexists(Path(folder) / "config.json")
    )


def remove_store(folder: str | Path) -> None:
    """Remove a store, its manifest first: half of a store is none. Anything else stays."""
    folder = Path(folder)
    if is_store(folder):
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
        if _hash(folder / name) != entry.sha256:
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
        folder.mkdir(exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        _fail_to_write(folder, error, "name another")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, however that ends
        store = _go_on(folder, plan, overwrite)
        yield store
        store.finish()
    finally:
        os.close(lock)


def _go_on(folder: Path, plan: dict[str, Any], overwrite: bool) -> DiskStore:
    """Find out what is there, and what of it can be kept."""
    plan = json.loads(json.dumps(plan))  # as it comes back from a file
    names = {entry.name for entry in folder.iterdir()}
    finished = MANIFEST in names
    if not {MANIFEST, PROGRESS} & names:
        if not all(map(_is_ours, names)):
            found, expected = "it exists, and is no store", "a new folder, or a store"
            _fail(folder, Code.OUTPUT_EXISTS, found, expected, "name another")
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
        if _STAGED.fullmatch(path.name):
            path.unlink()
    shards: dict[str, ShardEntry] = {}
    broken: set[str] = set()
    for name, entry in manifest.shards.items():
        if part_of(name) in broken or _hash(folder / name) != entry.sha256:
            broken.add(part_of(name))
        else:
            shards[name] = entry
    codecs = {
        name: sha256 for name, sha256 in manifest.codecs.items() if _hash(folder / name) == sha256
    }
    kept = replace(manifest, shards=shards, codecs=codecs)
    store = DiskStore(folder, kept, finished=finished and kept == manifest)
    if not store.finished:
        store._note(kept)
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


def _is_ours(name: str) -> bool:
    """Tell whether a file beside the manifest is one that a store writes."""
    return any(form.fullmatch(name) for form in (SHARD_NAME, CODEC_NAME, _STAGED))


def _cut_shards(blocks: Iterator[EncodedBlock]) -> Iterator[list[EncodedBlock]]:
    shard: list[EncodedBlock] = []
    num_records = num_values = 0
    for block in blocks:
        shard.append(block)
        num_records += len(block.sequences)
        num_values += block.sequences.values.size
        if num_records >= SHARD_RECORDS or num_values >= SHARD_VALUES:
            yield shard
            shard, num_records, num_values = [], 0, 0
    if shard:
        yield shard


def _read_codec(path: Path, config: DataConfig, sha256: str) -> Codec:
    with _readable(path):
        content = read_small(path)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("other bytes than those that were written")
        return build_codec(config).restore(json.loads(content))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a damaged file can raise into the error that says so."""
    try:
        yield
    except OSError as error:
        damaged(path, error.strerror or str(error))
    except StoreError:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        damaged(path, excerpt(f"{type(error).__name__}: {error}"))


def _hash(path: Path) -> str | None:
    """Give the SHA-256 of a file, None where there is none that can be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _fail_to_write(folder: Path, error: OSError, remedy: str) -> NoReturn:
    found = error.strerror or str(error)
    _fail(folder, Code.OUTPUT_UNWRITABLE, found, "a folder that can be written", remedy)


def _fail(folder: Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    raise StoreError(Problem(code, found, expected, remedy, path=str(folder)))
