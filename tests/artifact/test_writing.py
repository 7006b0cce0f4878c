import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from seqwise.artifact import check_output, load_artifact, save_artifact
from seqwise.artifact.folder import FORMAT_VERSION
from seqwise.errors import ArtifactError, Code
from tests.artifact.folders import CONFIG, FILES, LABELS, contents
from tests.training.examples import ACCOUNT, make_artifact


def refuse_output(folder, code, *, overwrite=False):
    with pytest.raises(ArtifactError) as caught:
        save_artifact(make_artifact(), folder, overwrite=overwrite)
    assert caught.value.code is code
    assert caught.value.problem.path == str(folder)
    return caught.value.problem


def test_a_model_is_four_files_and_nothing_stands_beside_it(tmp_path):
    save_artifact(make_artifact(), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == FILES


def test_json_is_readable_and_without_escapes(original):
    assert "ü.csv" in (original / CONFIG).read_text("utf-8")
    assert json.loads((original / LABELS).read_bytes()) == ["a", "ä", "3"]
    assert json.loads((original / CONFIG).read_bytes())["format_version"] == FORMAT_VERSION


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_artifact(make_artifact(), "model")
    assert load_artifact("model").labels.values == ("a", "ä", "3")


# A place that cannot be written


def test_an_output_that_exists(folder):
    before = contents(folder)
    assert "--overwrite" in refuse_output(folder, Code.OUTPUT_EXISTS).remedy
    assert contents(folder) == before


def test_an_output_that_exists_is_known_before_training(folder):
    with pytest.raises(ArtifactError):
        check_output(folder, overwrite=False)
    check_output(folder, overwrite=True)
    check_output(folder.parent / "new", overwrite=False)


def test_overwriting_replaces_a_model(folder):
    changed = replace(make_artifact(), training=replace(ACCOUNT, file="other.csv"))
    save_artifact(changed, folder, overwrite=True)
    assert load_artifact(folder).training.file == "other.csv"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwriting_replaces_nothing_but_a_model(tmp_path, overwrite):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("1")
    (tmp_path / "file").write_text("2")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("thesis", "file", "link"):
        refuse_output(tmp_path / name, Code.OUTPUT_EXISTS, overwrite=overwrite)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "1"
    assert (tmp_path / "file").read_text() == "2"
    assert (tmp_path / "link").is_symlink()


def test_overwriting_a_model_that_is_not_there_makes_one(tmp_path):
    save_artifact(make_artifact(), tmp_path / "model", overwrite=True)
    assert sorted(contents(tmp_path / "model")) == FILES


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_an_output_without_a_folder_above_it(tmp_path, parent):
    (tmp_path / "file").touch()
    problem = refuse_output(tmp_path / parent / "model", Code.OUTPUT_UNWRITABLE)
    assert "no such folder" in problem.found
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_output_in_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(ArtifactError) as caught:
        check_output(tmp_path / "model", overwrite=False)
    assert caught.value.code is Code.OUTPUT_UNWRITABLE


def fail_at(monkeypatch, owner, name, number):
    """Let the call of that number find the disk full."""
    original, calls = getattr(owner, name), []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


FAILURES = [("fsync", 1), ("fsync", 3), ("fsync", 5), ("rename", 1)]


def set_failure(monkeypatch, name, number):
    fail_at(monkeypatch, os if name == "fsync" else Path, name, number)


@pytest.mark.parametrize(("name", "number"), FAILURES)
def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch, name, number):
    set_failure(monkeypatch, name, number)
    problem = refuse_output(tmp_path / "model", Code.OUTPUT_UNWRITABLE)
    assert problem.found == "No space left on device"
    assert problem.remedy.startswith("make room")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "number"), FAILURES[:-1])
def test_a_failure_leaves_the_old_model_as_it_was(folder, monkeypatch, name, number):
    before = contents(folder)
    set_failure(monkeypatch, name, number)
    refuse_output(folder, Code.OUTPUT_UNWRITABLE, overwrite=True)
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_is_whole_when_it_gets_its_name(tmp_path, monkeypatch):
    seen = []
    original = Path.rename

    def watch(self, target):
        if Path(target).name == "model":
            seen.append(sorted(contents(self)))
        return original(self, target)

    monkeypatch.setattr(Path, "rename", watch)
    save_artifact(make_artifact(), tmp_path / "model")
    assert seen == [FILES]


def test_everything_is_on_the_disk_when_saving_is_done(tmp_path, monkeypatch):
    synced = set()
    monkeypatch.setattr(os, "fsync", lambda file: synced.add(os.fstat(file).st_ino))
    save_artifact(make_artifact(), tmp_path / "model")
    written = [tmp_path, tmp_path / "model", *(tmp_path / "model").iterdir()]
    assert synced == {path.stat().st_ino for path in written}


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(make_artifact(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_to_rename_puts_the_old_model_back(folder, monkeypatch, number):
    before = contents(folder)
    fail_at(monkeypatch, Path, "rename", number)
    refuse_output(folder, Code.OUTPUT_UNWRITABLE, overwrite=True)
    assert folder.exists()
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_overwriting_spares_a_folder_with_a_config_of_something_else(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / CONFIG).write_text('{"architectures": ["Bert"]}')
    (tmp_path / "project" / "thesis.txt").write_text("1")
    refuse_output(tmp_path / "project", Code.OUTPUT_EXISTS, overwrite=True)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_folder_can_have(tmp_path, name):
    refuse_output(tmp_path / name, Code.OUTPUT_UNWRITABLE)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_folder_can_have_is_known_before_training(tmp_path, name):
    with pytest.raises(ArtifactError):
        check_output(tmp_path / name, overwrite=False)


def test_overwriting_spares_what_stands_beside_a_model(folder):
    (folder / "predicted.csv").write_text("1")
    problem = refuse_output(folder, Code.OUTPUT_EXISTS, overwrite=True)
    assert "'predicted.csv'" in problem.found
    assert (folder / "predicted.csv").read_text() == "1"


def test_a_link_to_a_model_stays_one(folder, tmp_path):
    (tmp_path / "latest").symlink_to(folder)
    changed = replace(make_artifact(), training=replace(ACCOUNT, file="other.csv"))
    save_artifact(changed, tmp_path / "latest", overwrite=True)
    assert (tmp_path / "latest").is_symlink()
    assert load_artifact(folder).training.file == "other.csv"


def test_names_of_files_that_are_no_text(tmp_path):
    name = "tr\udce9.csv"  # as Python gives a name in Latin 1
    save_artifact(
        replace(make_artifact(), training=replace(ACCOUNT, file=name)), tmp_path / "model"
    )
    assert load_artifact(tmp_path / "model").training.file == name


def test_a_link_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refuse_output(tmp_path / "loop", Code.OUTPUT_EXISTS, overwrite=True)
