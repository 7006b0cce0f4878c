import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqwise.atomic import held_folder, move_file, write_file


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, Path.replace

    def watch_fsync(descriptor):
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def watch_replace(path, target):
        done.append("renamed")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(Path, "replace", watch_replace)
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    move_file(tmp_path / "a", tmp_path / "b")
    assert done == ["a", "renamed", tmp_path.name]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "new"


def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path, monkeypatch):
    write_file(tmp_path / "a", b"old")

    def fail(descriptor):
        raise OSError

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"^$"):
        write_file(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    folder = tmp_path / "held"
    script = (
        "import sys, pathlib; from seqwise.atomic import held_folder\n"
        "try:\n with held_folder(pathlib.Path(sys.argv[1])): print('mine')\n"
        "except BlockingIOError: print('held')"
    )

    def other():
        command = [sys.executable, "-c", script, str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with held_folder(folder):
        assert other() == "held"
        assert folder.is_dir()
    assert not folder.exists()
    assert other() == "mine"
    with held_folder(folder):
        (folder / "a").touch()
    assert folder.is_dir()


def test_a_folder_that_its_holder_removes_is_made_anew(tmp_path, monkeypatch):
    """The one that was opened is gone when its lock comes; to hold it would be to hold nothing."""
    folder, opened = tmp_path / "held", os.open

    def remove(path, flags):
        descriptor = opened(path, flags)
        monkeypatch.setattr(os, "open", opened)
        folder.rmdir()
        return descriptor

    monkeypatch.setattr(os, "open", remove)
    with held_folder(folder):
        assert folder.is_dir()
