"""The account that a store on disk keeps of itself: what is in it, with a hash of each file."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, Self

from seqwise.bounded import UNREADABLE, content_hash, parse_json, read_regular, to_json
from seqwise.errors import Code, Problem, StoreError, excerpt

FORMAT_VERSION = 1
SHARD_NAME = re.compile(r"([a-z]+)-\d{6}\.arrow")
CODEC_NAME = re.compile(r"codec(-[a-z]+)?\.json")


@dataclass(frozen=True)
class ShardEntry:
    """What is written down of a shard.

    Parameters
    ----------
    sha256
        Of its file.
    num_records
        Sequences in it.
    num_cut, num_unknown
        What encoding could not keep: sequences that were cut, tokens that were unknown.
    """

    sha256: str
    num_records: int
    num_cut: int
    num_unknown: int


@dataclass(frozen=True)
class Manifest:
    """What a store is made of, and what is in it so far.

    Parameters
    ----------
    plan
        JSON values that all of it follows from.
    codecs
        SHA-256 of the file of each codec, by its name.
    shards
        By the names of their files, in order.
    """

    plan: dict[str, Any]
    codecs: dict[str, str]
    shards: dict[str, ShardEntry]

    def of_part(self, part: str) -> dict[str, ShardEntry]:
        """Give the shards of one part, in order."""
        return {name: each for name, each in self.shards.items() if part_of(name) == part}

    def with_codec(self, name: str, sha256: str) -> Self:
        """Add a codec."""
        return replace(self, codecs=dict(sorted({**self.codecs, name: sha256}.items())))

    def with_shard(self, name: str, entry: ShardEntry) -> Self:
        """Add a shard, in the order of their names."""
        return replace(self, shards=dict(sorted({**self.shards, name: entry}.items())))

    def to_bytes(self) -> bytes:
        """Write it as JSON, its own hash in it."""
        values = {"format_version": FORMAT_VERSION, **asdict(self)}
        return to_json({**values, "sha256": _own_hash(values)}, indent=1)


def part_of(name: str) -> str:
    """Say which part a shard of this name belongs to.

    Examples
    --------
    >>> part_of("train-000003.arrow")
    'train'
    """
    return name.rpartition("-")[0]


def read_manifest(path: Path) -> Manifest:
    """Read what `Manifest.to_bytes` gave.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StoreError
        If it is damaged, or was written by a newer version.
    """
    try:
        values = parse_json(read_regular(path))
        version = values["format_version"]
        if isinstance(version, int) and version > FORMAT_VERSION:
            found = f"it has format {version}"
            problem = Problem(Code.NEWER_FORMAT, found, f"{FORMAT_VERSION}", "update seqwise")
            raise StoreError(problem.at(path=str(path)))
        own = values.pop("sha256")
        manifest = Manifest(
            plan=dict(values["plan"]),
            codecs={_name(each, CODEC_NAME): str(sha) for each, sha in values["codecs"].items()},
            shards={
                _name(name, SHARD_NAME): _entry(entry) for name, entry in values["shards"].items()
            },
        )
        if own != _own_hash(values) or version != FORMAT_VERSION:
            raise ValueError("it was changed after it was written")
    except FileNotFoundError:
        raise
    except OSError as error:
        damaged(path, error.strerror or str(error))
    except UNREADABLE as error:
        if isinstance(error, StoreError):
            raise
        damaged(path, excerpt(f"{type(error).__name__}: {error}"))
    return manifest


def damaged(path: Path, found: str) -> NoReturn:
    """Raise the error for a store that is not what was written."""
    remedy = "copy it again, or encode anew (seqwise encode --overwrite)"
    problem = Problem(Code.DAMAGED_STORE, found, "what seqwise wrote", remedy, path=str(path))
    raise StoreError(problem)


def _own_hash(values: dict[str, Any]) -> str:
    return content_hash(to_json(values, indent=1))


def _name(name: str, form: re.Pattern[str]) -> str:
    if form.fullmatch(name) is None:
        raise ValueError(f"a file {name}")
    return name


def _entry(values: dict[str, Any]) -> ShardEntry:
    entry = ShardEntry(**values)
    counts = (entry.num_records, entry.num_cut, entry.num_unknown)
    if not all(isinstance(count, int) and 0 <= count < 1 << 63 for count in counts):
        raise ValueError(f"counts {counts}")
    return entry
