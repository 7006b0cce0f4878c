import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqwise.errors import CheckpointError, Code
from seqwise.training.checkpoint import MANIFEST, MODEL, STATE, TENSORS, Checkpoints
from seqwise.training.state import State

FILES = [MANIFEST, STATE, TENSORS]
MOST = 1_000  # bytes of tensors


def state(number):
    tensors = {"a.weight": torch.full((3, 2), number / 3), "step": torch.tensor(float(number))}
    return State({"number": number, "loss": number / 7}, tensors)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "model.checkpoints"


@pytest.fixture
def checkpoints(folder):
    with Checkpoints(folder) as entered:
        yield entered


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def number_read(checkpoints):
    found, problems = checkpoints.read(MOST)
    assert found.values["loss"] == found.values["number"] / 7
    expected = state(found.values["number"]).tensors
    assert found.tensors.keys() == expected.keys()
    assert all(torch.equal(found.tensors[name], each) for name, each in expected.items())
    return found.values["number"], problems


def test_what_was_written_is_read(checkpoints):
    checkpoints.write(state(5))
    assert number_read(checkpoints) == (5, [])


def test_the_last_two_are_kept(checkpoints, folder):
    for number in range(1, 5):
        checkpoints.write(state(number))
        assert number_read(checkpoints) == (number, [])
    assert names(folder) == ["00000003", "00000004"]
    assert all(names(folder / name) == FILES for name in names(folder))


def test_numbers_go_on_behind_those_that_are_there(folder):
    for number in range(1, 4):
        with Checkpoints(folder) as checkpoints:
            checkpoints.write(state(number))
    assert names(folder) == ["00000002", "00000003"]


def test_nothing_to_read(checkpoints):
    assert checkpoints.read(MOST) == (None, [])


def test_every_file_has_its_hash_and_none_is_a_pickle(checkpoints, folder):
    checkpoints.write(state(1))
    manifest = json.loads((folder / "00000001" / MANIFEST).read_text())
    assert manifest["format_version"] == 1
    assert sorted(manifest["sha256"]) == [STATE, TENSORS]
    json.loads((folder / "00000001" / STATE).read_text())
    assert (folder / "00000001" / TENSORS).read_bytes()[8:9] == b"{"  # the head of safetensors


def damage(path, how):
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["cut", "changed", "empty", "missing"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(checkpoints, folder, name, how):
    checkpoints.write(state(1))
    checkpoints.write(state(2))
    damage(folder / "00000002" / name, how)
    number, problems = number_read(checkpoints)
    assert number == 1
    assert [problem.code for problem in problems] == [Code.DAMAGED_CHECKPOINT]
    assert problems[0].path == str(folder / "00000002")


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"format_version": 1, "sha256": 3}'])
def test_a_manifest_of_something_else(checkpoints, folder, content):
    checkpoints.write(state(1))
    (folder / "00000001" / MANIFEST).write_text(content)
    with pytest.raises(CheckpointError) as caught:
        checkpoints.read(MOST)
    assert caught.value.code is Code.DAMAGED_CHECKPOINT


def test_all_checkpoints_damaged(checkpoints, folder):
    for number in (1, 2):
        checkpoints.write(state(number))
        damage(folder / f"0000000{number}" / STATE, "cut")
    with pytest.raises(CheckpointError) as caught:
        checkpoints.read(MOST)
    assert caught.value.code is Code.DAMAGED_CHECKPOINT
    assert caught.value.count == 2


def test_a_checkpoint_of_the_future(checkpoints, folder):
    checkpoints.write(state(1))
    path = folder / "00000001" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2}))
    with pytest.raises(CheckpointError) as caught:
        checkpoints.read(MOST)
    assert caught.value.code is Code.NEWER_FORMAT


# How often a checkpoint calls each: the second name that changes is that of the one to go.
OPERATIONS = [(os, "fsync", 5), (Path, "mkdir", 1), (Path, "rename", 2), (Path, "open", 3)]


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        pytest.param(owner, name, call, id=f"{name} {call}")
        for owner, name, count in OPERATIONS
        for call in range(1, count + 1)
    ],
)
def test_a_full_disk_leaves_those_before(checkpoints, folder, owner, name, call, monkeypatch):
    checkpoints.write(state(1))
    checkpoints.write(state(2))
    original, calls = getattr(owner, name), []

    def fill_up(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fill_up)
        with pytest.raises(CheckpointError, match=r"No space left.*--resume") as caught:
            checkpoints.write(state(3))
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
    number, problems = number_read(checkpoints)
    assert problems == []
    assert number >= 2
    assert all(each.isdecimal() for each in names(folder))
    checkpoints.write(state(4))
    assert number_read(checkpoints) == (4, [])


def test_everything_is_on_the_disk_before_it_has_its_name(checkpoints, folder, monkeypatch):
    """Files, then their folder, then the name, then the folder above."""
    done = []
    fsync, rename = os.fsync, Path.rename

    def watch_fsync(descriptor):
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def watch_rename(path, target):
        done.append(f"{path.name} -> {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(Path, "rename", watch_rename)
    checkpoints.write(state(1))
    assert sorted(done[:3]) == FILES
    staging = done[3]
    assert staging.startswith(".00000001.")
    assert done[4:] == [f"{staging} -> 00000001", folder.name]


def test_what_was_left_half_written_is_swept_away(checkpoints, folder):
    (folder / ".00000001.abcd1234").mkdir()
    (folder / ".00000001.abcd1234" / STATE).touch()
    assert checkpoints.read(MOST) == (None, [])
    checkpoints.check_free()
    checkpoints.write(state(1))
    assert names(folder) == ["00000001"]


def test_a_checkpoint_in_the_way(checkpoints, folder):
    checkpoints.check_free()
    checkpoints.write(state(1))
    with pytest.raises(CheckpointError, match="--resume") as caught:
        checkpoints.check_free()
    assert caught.value.code is Code.CHECKPOINT_EXISTS


def test_what_was_half_removed_is_removed_whole(checkpoints, folder):
    (folder / ".00000007").mkdir()
    (folder / ".model.json.abcd1234").touch()
    for number in range(3):
        checkpoints.write(state(number))
    assert names(folder) == ["00000002", "00000003"]


def test_what_comes_meanwhile_stays(folder):
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(state(1))
        checkpoints.announce({"a": "b"})
        (folder / "notes.txt").touch()
        checkpoints.remove()
    assert names(folder) == ["notes.txt"]


@pytest.mark.parametrize("name", ["run1", "5.pt", "notes.txt"])
def test_what_somebody_else_put_there_is_left_alone(folder, name):
    folder.mkdir()
    (folder / name).touch()
    with pytest.raises(CheckpointError, match=name) as caught, Checkpoints(folder):
        pass
    assert caught.value.code is Code.OUTPUT_EXISTS
    (folder / name).unlink()
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(state(1))


def test_a_folder_that_stays_empty_goes(folder):
    with Checkpoints(folder):
        assert folder.is_dir()
    assert not folder.exists()


def test_a_folder_with_a_checkpoint_stays_and_can_be_removed(folder):
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(state(1))
    assert folder.is_dir()
    with Checkpoints(folder) as checkpoints:
        checkpoints.remove()
    assert not folder.exists()


def test_a_file_in_place_of_the_folder(folder):
    folder.touch()
    with pytest.raises(CheckpointError) as caught, Checkpoints(folder):
        pass
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
    assert folder.is_file()


def test_two_trainings_do_not_mix(checkpoints, folder):
    script = (
        "import fcntl, os, sys\n"
        "try: fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, folder], check=False).returncode == 7
    with pytest.raises(CheckpointError) as caught, Checkpoints(folder):
        pass
    assert caught.value.code is Code.CHECKPOINT_IN_USE


def test_the_folder_is_free_again(folder):
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(state(1))
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def put(place, name, content):
    """Put other bytes in place of a file, with the hash that belongs to them."""
    (place / name).write_bytes(content)
    manifest = json.loads((place / MANIFEST).read_text())
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    (place / MANIFEST).write_text(json.dumps(manifest))


HEADER = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}).encode()
HOSTILE = {
    "nested": (STATE, b"[" * 100_000 + b"]" * 100_000),
    "a list": (STATE, b"[]"),
    "no UTF-8": (STATE, b'{"a": "\xff"}'),
    "a key twice": (STATE, b'{"a": 1, "a": 1}'),
    "a number of thousands of digits": (STATE, b'{"a": ' + b"9" * 5_000 + b"}"),
    "no tensors": (TENSORS, b"rubbish"),
    "a long header": (TENSORS, (1 << 40).to_bytes(8, "little") + b" " * 90),
    "fewer bytes than the shape": (TENSORS, len(HEADER).to_bytes(8, "little") + HEADER + b"1234"),
    "more than the tensors have": (TENSORS, bytes(MOST + (1 << 22) + 1)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_checkpoint(checkpoints, folder, name):
    checkpoints.write(state(1))
    put(folder / "00000001", *HOSTILE[name])
    with pytest.raises(CheckpointError) as caught:
        checkpoints.read(MOST)
    assert caught.value.code is Code.DAMAGED_CHECKPOINT
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_no_file(checkpoints, folder, name, make):
    checkpoints.write(state(1))
    (folder / "00000001" / name).unlink()
    make(folder / "00000001" / name)
    with pytest.raises(CheckpointError, match="not a regular file") as caught:
        checkpoints.read(MOST)
    assert caught.value.code is Code.DAMAGED_CHECKPOINT


def test_a_nested_manifest(checkpoints, folder):
    checkpoints.write(state(1))
    (folder / "00000001" / MANIFEST).write_bytes(b"[" * 100_000)
    with pytest.raises(CheckpointError, match="nested too d"):
        checkpoints.read(MOST)


def test_what_is_announced_is_found_again(checkpoints, folder):
    assert checkpoints.announced() == {}
    checkpoints.announce({"config.json": "abc"})
    assert checkpoints.announced() == {"config.json": "abc"}
    checkpoints.write(state(1))
    checkpoints.write(state(2))
    checkpoints.write(state(3))
    assert names(folder) == ["00000002", "00000003", MODEL]
    assert number_read(checkpoints) == (3, [])


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"[1]", b"null", b"[" * 100_000])
def test_half_an_announcement_is_none(checkpoints, folder, content):
    (folder / MODEL).write_bytes(content)
    assert checkpoints.announced() == {}
    checkpoints.check_free()


def test_what_is_announced_goes_last(checkpoints, folder, monkeypatch):
    checkpoints.write(state(1))
    checkpoints.announce({"config.json": "abc"})

    def killed(path, **options):
        assert path == folder / MODEL
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.remove()
    assert checkpoints.read(MOST) == (None, [])
    assert checkpoints.announced()


def test_no_room_to_announce(checkpoints, monkeypatch):
    def fill_up(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("seqwise.training.checkpoint.write_file", fill_up)
    with pytest.raises(CheckpointError) as caught:
        checkpoints.announce({})
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
