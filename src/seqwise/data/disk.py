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

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from seqwise.atomic import write_file
from seqwise.bounded import UNREADABLE, content_hash, parse_json, read_regular
from seqwise.config import DataConfig
from seqwise.data.codecs import Codec, build_codec
from seqwise.data.encoding import EncodedBlock
from seqwise.data.labels import Labels
from seqwise.data.manifest import Manifest, ShardEntry, damaged
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
from seqwise.data.targets import join_targets
from seqwise.errors import Code, Problem, StoreError, excerpt

MANIFEST, PROGRESS = "manifest.json", "progress.json"


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
        self.note(self.manifest.with_codec(path.name, content_hash(content)))
        # As whoever goes on reads it, so that there is no difference.
        return _read_codec(path, config, self.manifest.codecs[path.name])

    def part(
        self,
        name: str,
        codec: Codec,
        *,
        count: int,
        labels: Labels,
        encode: Callable[[], PartSource],
    ) -> EncodedPart:
        """Encode what is not there yet of a part, and map all of it into memory."""
        start = sum(each.num_records for each in self.manifest.of_part(name).values())
        if start < count:
            self._write_part(name, codec, encode(), start)
        part = self._map_part(name, codec, labels)
        if len(part.sequences) != count:
            damaged(self.folder, f"{len(part.sequences):,} records in {excerpt(name)}")
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
                sha256=content_hash(content),
                num_records=len(sequences),
                num_cut=sum(block.num_cut for block in blocks),
                num_unknown=sum(block.num_unknown for block in blocks),
            )
            file = f"{name}-{len(self.manifest.of_part(name)):06}.arrow"
            self._write(self.folder / file, content)
            self.note(self.manifest.with_shard(file, entry))
            start = end

    def _map_part(self, name: str, codec: Codec, labels: Labels) -> EncodedPart:
        entries = self.manifest.of_part(name)
        if not entries:
            damaged(self.folder, f"no shards of the part {excerpt(name)}")
        shards = []
        for file, entry in entries.items():
            path = self.folder / file
            with _readable(path):
                shard = map_shard(path, codec, labels)
                if len(shard.sequences) != entry.num_records:
                    raise ValueError(f"{len(shard.sequences):,} records")
                check_shard(shard, codec, labels)
            shards.append(shard)
        return EncodedPart(
            ChainedStore([shard.sequences for shard in shards]),
            join_targets([shard.targets for shard in shards]),
            num_cut=sum(entry.num_cut for entry in entries.values()),
            num_unknown=sum(entry.num_unknown for entry in entries.values()),
        )

    def note(self, manifest: Manifest) -> None:
        """Write down what is there."""
        self.manifest = manifest
        self._write(self.folder / PROGRESS, manifest.to_bytes())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_file(path, content)
        except OSError as error:
            remedy = "make room: the same command goes on from what is there"
            fail_to_write(self.folder, error, remedy)


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
        content = read_regular(path)
        if content_hash(content) != sha256:
            raise ValueError("other bytes than those that were written")
        return build_codec(config).restore(parse_json(content))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a damaged file can raise into the error that says so."""
    try:
        yield
    except OSError as error:
        damaged(path, error.strerror or str(error))
    except StoreError:
        raise
    except UNREADABLE as error:
        damaged(path, excerpt(f"{type(error).__name__}: {error}"))


def fail_to_write(folder: Path, error: OSError, remedy: str) -> NoReturn:
    """Raise the error for a folder that cannot be written."""
    found, expected = error.strerror or str(error), "a folder that can be written"
    problem = Problem(Code.OUTPUT_UNWRITABLE, found, expected, remedy, path=str(folder))
    raise StoreError(problem)
