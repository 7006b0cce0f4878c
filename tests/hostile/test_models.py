"""A hostile model folder is refused; nothing is run from it and nothing written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seqwise.artifact import is_model, load_artifact, save_artifact
from seqwise.cli.app import app
from seqwise.errors import ArtifactError, Code
from tests.artifact.folders import FILES, WEIGHTS, change_config, replace_file
from tests.fuzz.trial import no_hang
from tests.hostile.models import HOSTILE, MARKER, payload
from tests.training.examples import make_artifact

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_artifact(make_artifact(), folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "model"))


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused(folder, name):
    HOSTILE[name](folder)
    with no_hang(), pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    assert caught.value.code in {Code.DAMAGED_MODEL, Code.NOT_A_MODEL, Code.NEWER_FORMAT}
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_000
    with no_hang():
        is_model(folder)
    assert os.listdir(folder.parent) == ["model"]


@pytest.mark.parametrize("name", list(HOSTILE)[::6])
def test_the_program_says_so_in_one_line(folder, name):
    HOSTILE[name](folder)
    for command in (["inspect", str(folder)], ["predict", str(folder), "-"]):
        with no_hang():
            outcome = CliRunner().invoke(app, command, input="a text\n")
        assert isinstance(outcome.exception, SystemExit), outcome.exception
        assert outcome.exit_code == 2
        assert len(outcome.stderr.splitlines()) == 1


def test_nothing_is_run_and_nothing_written_and_memory_is_bounded(original, tmp_path):
    """All of them in one process, which ends at the first attempt (`guarded.py`)."""
    folders = []
    for number, spoil in enumerate(HOSTILE.values()):
        folder = tmp_path / str(number) / "model"
        shutil.copytree(original, folder)
        spoil(folder)
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.guarded", str(original), *folders],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["refused"] == len(HOSTILE)
    assert told["megabytes"] < 200
    assert not list(tmp_path.glob(f"*/{MARKER}"))


def test_the_guard_sees_what_is_run(original, tmp_path):
    """The marker of a payload that is unpickled in the same process, and the end of it."""
    shutil.copytree(original, tmp_path / "model")
    (tmp_path / "code").write_bytes(payload(tmp_path / "model", "pickle"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.hostile.guarded",
            str(original),
            f"pickle:{tmp_path / 'code'}",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode != 0
    assert "pickle.find_class" in done.stderr
    assert not (tmp_path / MARKER).exists()


# What is let be


def test_other_files_are_not_opened(folder):
    for name in ("pytorch_model.bin", "model.pkl", "modeling.py", "README.md", "codec.pt"):
        (folder / name).write_bytes(payload(folder, "pickle"))
    os.mkfifo(folder / "pipe")
    with no_hang():
        load_artifact(folder)
    assert os.listdir(folder.parent) == ["model"]


def test_names_among_the_hashes_are_not_opened(folder):
    names = ("/dev/zero", "../../secret", "model.pkl")
    change_config(folder, lambda config: config["sha256"].update(dict.fromkeys(names, "0")))
    with no_hang():
        load_artifact(folder)


def test_a_link_to_a_model_and_links_in_it_are_followed(folder, tmp_path):
    """As the caches of model hubs have them; what they lead to must have the right hash."""
    (tmp_path / "blobs").mkdir()
    for name in FILES:
        (folder / name).rename(tmp_path / "blobs" / name)
        (folder / name).symlink_to(Path("..", "blobs", name))
    (tmp_path / "link").symlink_to(folder)
    load_artifact(tmp_path / "link")


def test_what_a_tokenizer_brings_besides_its_vocabulary_is_not_taken_over(folder):
    state = json.loads((folder / "codec.json").read_bytes())
    tokenizer = json.loads(state["tokenizer"])
    tokenizer["padding"] = {
        "strategy": {"Fixed": 10**9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "a",
    }
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
    replace_file(folder, "codec.json", json.dumps({"tokenizer": json.dumps(tokenizer)}).encode())
    codec, untouched = load_artifact(folder).codec, make_artifact().codec
    text = ["good day " + "a" * 40 + "b"]
    assert codec.encode(text)[0].tolist() == untouched.encode(text)[0].tolist()


def test_control_characters_and_markup_are_shown_as_they_are(folder):
    def change(config):
        config["versions"]["torch"] = "[/red]\x1b[2J"
        config["training"]["file"] = "[/]\x1b]0;title\x07"

    change_config(folder, change)
    outcome = CliRunner().invoke(app, ["inspect", str(folder)])
    assert outcome.exit_code == 0
    assert "\x1b" not in outcome.stdout
    assert "[/red]\\x1b[2J" in outcome.stdout.replace("\n", "")


# What is not saved, since it would not be loaded


def test_a_vocabulary_that_is_too_large_to_load_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("seqwise.artifact.writing.MOST_JSON", 100)
    with pytest.raises(ArtifactError) as caught:
        save_artifact(make_artifact(), tmp_path / "model")
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
    assert os.listdir(tmp_path) == []


MEASURE = """
import sys
from seqwise.artifact import load_artifact
from tests.memory import peak_megabytes
load_artifact(sys.argv[1])
before = peak_megabytes()
load_artifact(sys.argv[2])
print(peak_megabytes() - before)
"""


def test_loading_takes_twice_the_file(original, tmp_path):
    save_artifact(make_artifact(num_positions=3_000_000), tmp_path / "model")
    megabytes = (tmp_path / "model" / WEIGHTS).stat().st_size >> 20
    assert megabytes > 90
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(original), str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert int(done.stdout) < 2 * megabytes + 20
