"""Stores on disk: begun, killed, gone on with, finished, damaged."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest

from seqwise.atomic import lock_folder
from seqwise.data import disk, encoding
from seqwise.data.kinds import Kind
from seqwise.data.manifest import Manifest, ShardEntry, read_manifest
from seqwise.data.store_folder import check_place, is_store, open_store, remove_store
from seqwise.errors import Code, StoreError
from seqwise.training.preparation import load_prepared, prepare
from seqwise.training.settings import Wishes
from tests.training.examples import labelled

PAIRS = [
    (f"{word} {number} {number % 7}", label) for number in range(40) for word, label in ["xa", "yb"]
]
WISHES = Wishes.sorted({"refit": True})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Blocks of 4 records, shards of 8."""
    monkeypatch.setattr(encoding, "BLOCK_RECORDS", 4)
    monkeypatch.setattr(disk, "SHARD_RECORDS", 8)


def encode(folder, pairs=PAIRS, wishes=WISHES, **options):
    return prepare(labelled(pairs), Kind.TEXT, wishes, store=folder, **options)


@pytest.fixture
def whole(tmp_path):
    """A finished store."""
    encode(tmp_path / "whole")
    return tmp_path / "whole"


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def refuse(code, call, *arguments, **options):
    with pytest.raises(StoreError) as caught:
        call(*arguments, **options)
    assert caught.value.code is code
    assert str(caught.value).isprintable()
    return caught.value


class Killed(BaseException):
    """In place of SIGKILL."""


def kill_at(monkeypatch, count):
    """Let the process die in the middle of the count-th file that it writes."""
    write = disk.write_file
    written = []

    def dying(path, content):
        written.append(path)
        if len(written) == count:
            path.with_name(f".{path.name}.0123abcd").write_bytes(content[: len(content) // 2])
            raise Killed
        write(path, content)

    monkeypatch.setattr(disk, "write_file", dying)


def test_there_are_several_shards_of_each_part(whole):
    names = sorted(contents(whole))
    assert [
        sum(name.startswith(part) for name in names) for part in ("train", "valid", "whole")
    ] == [
        8,
        3,
        10,
    ]
    assert {"manifest.json", "codec.json", "codec-whole.json"} < set(names)
    assert "progress.json" not in names


@pytest.mark.parametrize("count", [1, 2, 3, 8, 20, 21, 43, 45])
def test_who_is_killed_goes_on_and_ends_with_the_same_bytes(whole, count, tmp_path, monkeypatch):
    folder = tmp_path / "store"
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            encode(folder)
    left = {name for name in contents(folder) if not name.startswith(".")}
    refuse(Code.STORE_UNFINISHED, load_prepared, folder) if is_store(folder) else None
    encoded = []
    with monkeypatch.context() as patch:
        through = encoding.encode_sequences
        patch.setattr(
            encoding,
            "encode_sequences",
            lambda codec, block, most: encoded.append(len(block)) or through(codec, block, most),
        )
        encode(folder)
    assert contents(folder) == contents(whole)
    # What stood in finished shards was not encoded again; one of them may not have been noted.
    num_shards = sum(name.endswith(".arrow") for name in left)
    assert sum(encoded) <= 160 - 8 * max(num_shards - 2, 0)


def test_a_finished_store_is_left_as_it_is(whole):
    before = {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}
    encode(whole)
    assert {path.name: path.stat().st_mtime_ns for path in whole.iterdir()} == before


def test_killed_behind_the_manifest(whole):
    before = contents(whole)
    (whole / "progress.json").write_bytes(before["manifest.json"])
    encode(whole)
    assert contents(whole) == before


def test_a_shard_that_was_damaged_meanwhile_is_encoded_again(whole):
    before = contents(whole)
    (whole / "manifest.json").rename(whole / "progress.json")
    path = whole / "train-000003.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    encode(whole)
    assert contents(whole) == before


@pytest.mark.parametrize(
    ("pairs", "wishes"),
    [
        (PAIRS[:-1], WISHES),
        (PAIRS[::-1], WISHES),
        (PAIRS, Wishes.sorted({"refit": False})),
        (PAIRS, Wishes.sorted({"refit": True, "seed": 1})),
        (PAIRS, Wishes.sorted({"refit": True, "vocab_size": 20})),
    ],
)
def test_other_records_or_settings_need_another_store(whole, pairs, wishes):
    before = contents(whole)
    refuse(Code.STORE_MISMATCH, encode, whole, pairs, wishes)
    assert contents(whole) == before
    replaced = encode(whole, pairs, wishes, overwrite=True)
    assert load_prepared(whole).plan == replaced.plan
    encode(whole, overwrite=True)
    assert contents(whole) == before


def test_what_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "novel.txt").write_text("It was a dark and stormy night.")
    for overwrite in (False, True):
        refuse(Code.OUTPUT_EXISTS, encode, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["novel.txt"]
    refuse(Code.OUTPUT_EXISTS, check_place, tmp_path / "novel.txt")
    refuse(Code.OUTPUT_UNWRITABLE, check_place, tmp_path / "no" / "such")


def test_a_full_disk_leaves_what_can_be_gone_on_with(whole, tmp_path, monkeypatch):
    folder = tmp_path / "store"
    write, written = disk.write_file, []

    def filling(path, content):
        written.append(path)
        if len(written) > 9:
            raise OSError(28, "No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_file", filling)
        error = refuse(Code.OUTPUT_UNWRITABLE, encode, folder)
    assert error.problem.found == "No space left on device"
    encode(folder)
    assert contents(folder) == contents(whole)


def test_a_failure_before_the_first_file_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="vocab_size"):
        encode(tmp_path / "store", wishes=Wishes.sorted({"tokens": "bpe", "vocab_size": 9}))
    assert not (tmp_path / "store").exists()


def test_a_store_is_removed_and_nothing_else(whole):
    (whole / "notes.txt").write_text("mine")
    remove_store(whole)
    assert [path.name for path in whole.iterdir()] == ["notes.txt"]
    remove_store(whole)
    remove_store(whole / "nowhere")
    assert (whole / "notes.txt").exists()


# Damaged and hostile stores


def rewrite(folder, change):
    """Change the manifest as somebody would who gives it the right hash."""
    manifest = read_manifest(folder / "manifest.json")
    values = {"plan": manifest.plan, "codecs": manifest.codecs, "shards": dict(manifest.shards)}
    change(values)
    (folder / "manifest.json").write_bytes(Manifest(**values).to_bytes())


def forge(folder, name, content):
    """Replace a file and its hash."""
    import hashlib

    (folder / name).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()

    def change(values):
        if name in values["codecs"]:
            values["codecs"][name] = sha256
        else:
            old = values["shards"][name]
            values["shards"][name] = ShardEntry(sha256, old.num_records, 0, 0)

    rewrite(folder, change)


def edit(folder, old, new):
    path = folder / "manifest.json"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


def replace_by(make):
    def spoil(folder):
        path = folder / "train-000001.arrow"
        path.unlink()
        make(path)

    return spoil


def plan(**changes):
    return lambda folder: rewrite(folder, lambda values: values["plan"].update(changes))


def data(**changes):
    return lambda folder: rewrite(folder, lambda values: values["plan"]["data"].update(changes))


DAMAGE = {
    "no manifest": lambda folder: (folder / "manifest.json").write_bytes(b""),
    "a list": lambda folder: (folder / "manifest.json").write_bytes(b"[]"),
    "deep": lambda folder: (folder / "manifest.json").write_bytes(b"[" * 100_000),
    "not UTF-8": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"),
    "twice": lambda folder: edit(folder, '"plan"', '"codecs": {}, "plan"'),
    "another label": lambda folder: edit(folder, '"a"', '"c"'),
    "no format": lambda folder: edit(folder, '"format_version": 1', '"format_version": "1"'),
    "an older format": lambda folder: edit(folder, '"format_version": 1', '"format_version": 0'),
    "a path": lambda folder: rewrite(
        folder,
        lambda values: values["shards"].update({"../x.arrow": values["shards"].popitem()[1]}),
    ),
    "a path of a codec": lambda folder: rewrite(
        folder, lambda values: values["codecs"].update({"/etc/passwd": "0"})
    ),
    "counts below 0": lambda folder: rewrite(
        folder,
        lambda values: values["shards"].update({"train-000000.arrow": ShardEntry("", -1, 0, 0)}),
    ),
    "no shards": lambda folder: rewrite(folder, lambda values: values["shards"].clear()),
    "a shard less": lambda folder: rewrite(
        folder, lambda values: values["shards"].pop("train-000007.arrow")
    ),
    "no codec": lambda folder: rewrite(folder, lambda values: values["codecs"].clear()),
    "a codec of nothing": lambda folder: forge(folder, "codec.json", b"{}"),
    "a codec that is a list": lambda folder: forge(folder, "codec.json", b"[]"),
    "another codec": lambda folder: (folder / "codec.json").write_bytes(b"{}"),
    "a bit": replace_by(lambda path: path.write_bytes(b"\x00")),
    "a shard of nothing": lambda folder: forge(folder, "train-000001.arrow", b""),
    "rubbish": lambda folder: forge(folder, "train-000001.arrow", os.urandom(4_000)),
    "no file": replace_by(lambda path: None),
    "a folder": replace_by(lambda path: path.mkdir()),
    "a pipe": replace_by(os.mkfifo),
    "a device": replace_by(lambda path: path.symlink_to("/dev/zero")),
    "a loop of links": replace_by(lambda path: path.symlink_to(path.name)),
    "too few classes": plan(labels=["a"]),
    "labels that are numbers": plan(labels=3),
    "labels that are lists": plan(labels=[["a"], ["b"]]),
    "a label twice": plan(labels=["a", "b", "a"]),
    "a label that is no text": plan(labels=["a\0b", "b"]),
    "a seed of words": plan(seed="1"),
    "a path that is none": plan(path=1),
    "other counts": plan(counts={"train": 5, "valid": 1}),
    "no counts": plan(counts=None),
    "counts of words": plan(counts={"train": "72", "valid": 8}),
    "no valid": plan(counts={"train": 72}),
    "another kind": data(kind="series"),
    "no kind": data(kind="music"),
    "a setting that is none": data(colour="red"),
    "a plan of nothing": lambda folder: rewrite(folder, lambda values: values["plan"].clear()),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_store_is_refused(whole, name):
    DAMAGE[name](whole)
    error = refuse(Code.DAMAGED_STORE, load_prepared, whole)
    assert len(str(error)) < 1_000


def test_a_newer_format_is_refused(whole):
    edit(whole, '"format_version": 1', '"format_version": 2')
    refuse(Code.NEWER_FORMAT, load_prepared, whole)


def test_links_are_followed(whole, tmp_path):
    path = whole / "train-000001.arrow"
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert len(load_prepared(whole).train.targets) == 60


def test_a_manifest_is_the_same_whatever_came_first():
    entry = ShardEntry("0", 1, 0, 0)
    names = ["valid-000000.arrow", "train-000001.arrow", "train-000000.arrow"]
    ways = []
    for each in (names, names[::-1]):
        manifest = Manifest({}, {}, {})
        for name in each:
            manifest = manifest.with_shard(name, entry)
        ways.append(manifest.to_bytes())
    assert ways[0] == ways[1]
    assert list(json.loads(ways[0])["shards"]) == sorted(names)


def test_a_model_is_no_store(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "manifest.json").write_text("{}")
    assert not is_store(tmp_path)


def test_sequences_are_mapped_and_not_copied(whole):
    prepared = load_prepared(whole)
    base = prepared.train.sequences[0]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert not base.flags.owndata
    assert not base.flags.writeable
    assert open_store(whole).finished


def test_who_waits_for_a_folder_that_goes_makes_it_anew(tmp_path):
    folder = tmp_path / "store"
    lock = lock_folder(folder)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(encode, folder)
        wait([waiting], timeout=0.5)
        folder.rmdir()  # as whoever holds it does where nothing came into it
        os.close(lock)
        waiting.result()
    assert open_store(folder).finished
