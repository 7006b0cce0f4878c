import errno
import hashlib
import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from seqwise import artifact as module
from seqwise.artifact import check_output, load_artifact, save_artifact
from seqwise.data.collate import collate
from seqwise.data.labels import Labels
from seqwise.errors import ArtifactError, Code
from seqwise.predictor import Predictor
from tests.training.examples import ACCOUNT, SEQUENCES, make_artifact, make_records

CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"
FILES = [CODEC, CONFIG, LABELS, WEIGHTS]
every_file = pytest.mark.parametrize("name", FILES)
every_kind = pytest.mark.parametrize("kind", SEQUENCES)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_artifact(make_artifact(), folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "model"))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def change_config(folder, change):
    config = json.loads((folder / CONFIG).read_bytes())
    change(config)
    if isinstance(config.get("sha256"), dict):
        # Its own hash is made anew: what is looked at behind it is what these tests are about.
        config["sha256"].pop(CONFIG, None)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        config["sha256"][CONFIG] = hashlib.sha256(text.encode()).hexdigest()
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def replace_file(folder, name, content):
    """Put other bytes in place of a file, with the hash that belongs to them."""
    (folder / name).write_bytes(content)
    if name != CONFIG:
        digest = hashlib.sha256(content).hexdigest()
        change_config(folder, lambda config: config["sha256"].update({name: digest}))


def replace_weights(folder, change):
    weights = safetensors.torch.load_file(folder / WEIGHTS)
    change(weights)
    replace_file(folder, WEIGHTS, safetensors.torch.save(weights))


def refuse(folder, code=Code.DAMAGED_MODEL):
    with pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    assert caught.value.code is code
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.problem


def refuse_output(folder, code, *, overwrite=False):
    with pytest.raises(ArtifactError) as caught:
        save_artifact(make_artifact(), folder, overwrite=overwrite)
    assert caught.value.code is code
    assert caught.value.problem.path == str(folder)
    return caught.value.problem


# Saving and loading


@every_kind
def test_saved_and_loaded_gives_the_same_bytes_and_bits(kind, tmp_path):
    artifact = make_artifact(kind, max_length=5)
    save_artifact(artifact, tmp_path / "first")
    loaded = load_artifact(tmp_path / "first")
    save_artifact(loaded, tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    both = [
        np.concatenate([block.probabilities for block in Predictor(each).predict(records)])
        for each, records in [(artifact, make_records(kind)), (loaded, make_records(kind))]
    ]
    assert np.array_equal(*both)


def test_both_paths_read_the_loaded_weights(tmp_path):
    artifact = make_artifact(num_layers=2)
    save_artifact(artifact, tmp_path / "model")
    loaded = load_artifact(tmp_path / "model")
    batch = collate(artifact.codec.encode(["good day", "so"]))
    for path in ("padded", "packed"):
        artifact.model.encoder.path = loaded.model.encoder.path = path
        assert torch.equal(loaded.model(batch), artifact.model(batch))


def test_a_loaded_model_can_be_trained(original):
    model, codec = load_artifact(original).model, load_artifact(original).codec
    model.train()(collate(codec.encode(["good day"]))).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_everything_comes_back(original):
    artifact, loaded = make_artifact(), load_artifact(original)
    for name in ("labels", "data", "shape", "train", "training", "versions"):
        assert getattr(loaded, name) == getattr(artifact, name)
    assert loaded.codec.to_dict() == artifact.codec.to_dict()
    assert not loaded.model.training
    for name, weight in artifact.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weight)


@pytest.mark.parametrize("values", [("a", "b", "c"), (1, 2, 30), (False, True, 0.5)])
def test_labels_keep_their_type(values, tmp_path):
    save_artifact(replace(make_artifact(), labels=Labels(values)), tmp_path / "model")
    loaded = load_artifact(tmp_path / "model").labels.values
    assert loaded == values
    assert list(map(type, loaded)) == list(map(type, values))


def test_a_model_is_four_files_and_nothing_stands_beside_it(tmp_path):
    save_artifact(make_artifact(), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == FILES


def test_json_is_readable_and_without_escapes(original):
    assert "ü.csv" in (original / CONFIG).read_text("utf-8")
    assert json.loads((original / LABELS).read_bytes()) == ["a", "ä", "3"]
    assert json.loads((original / CONFIG).read_bytes())["format_version"] == module.FORMAT_VERSION


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_artifact(make_artifact(), "model")
    assert load_artifact("model").labels.values == ("a", "ä", "3")


# A folder that is no model, or a damaged one


def test_no_folder_is_no_model(tmp_path):
    assert refuse(tmp_path / "none", Code.NOT_A_MODEL).found == "no such folder"


def test_another_folder_is_no_model(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert CONFIG in refuse(tmp_path, Code.NOT_A_MODEL).found


def test_a_file_is_no_model(original):
    refuse(original / WEIGHTS, Code.NOT_A_MODEL)


@pytest.mark.parametrize("name", [CODEC, LABELS, WEIGHTS])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    assert refuse(folder).path.endswith(name)


@every_file
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    assert refuse(folder).path.endswith(name)


@pytest.mark.parametrize("name", [CODEC, LABELS, WEIGHTS])
@pytest.mark.parametrize("position", [0.0, 0.5, 0.999])
def test_a_flipped_bit(folder, name, position):
    content = bytearray((folder / name).read_bytes())
    content[int(len(content) * position)] ^= 1
    (folder / name).write_bytes(content)
    problem = refuse(folder)
    assert problem.path.endswith(name)
    assert "SHA-256" in problem.found


def test_a_flipped_bit_of_the_settings(folder):
    content = (folder / CONFIG).read_bytes()
    for position in range(0, len(content), 41):
        damaged = bytearray(content)
        damaged[position] ^= 0x80
        (folder / CONFIG).write_bytes(damaged)
        refuse(folder)


@every_file
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"no JSON", b"17", b'"text"', b"null", b"NaN", b"[" * 100_000],
    ids=lambda content: repr(content[:8]),
)
def test_a_file_that_is_something_else(folder, name, content):
    replace_file(folder, name, content)
    assert refuse(folder).path.endswith(name)


@pytest.mark.parametrize(("name", "content"), [(CONFIG, b"[]"), (CODEC, b"[]"), (LABELS, b"{}")])
def test_json_of_another_type(folder, name, content):
    replace_file(folder, name, content)
    problem = refuse(folder)
    assert problem.path.endswith(name)
    assert "a JSON" in problem.found


@pytest.mark.parametrize("name", [CONFIG, CODEC, LABELS])
def test_deep_nesting(folder, name):
    depth = 100_000
    replace_file(folder, name, b'{"a":' * depth + b"1" + b"}" * depth)
    assert refuse(folder).path.endswith(name)


@every_file
def test_a_folder_in_place_of_a_file(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    refuse(folder, Code.NOT_A_MODEL if name == CONFIG else Code.DAMAGED_MODEL)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@every_file
@pytest.mark.parametrize("dump", ["pickle", "torch"])
def test_nothing_is_unpickled(folder, tmp_path, name, dump):
    marker = tmp_path / "marker"
    if dump == "pickle":
        content = pickle.dumps(Payload(marker))
    else:
        torch.save(Payload(marker), tmp_path / "payload")
        content = (tmp_path / "payload").read_bytes()
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()
    marker.unlink()
    replace_file(folder, name, content)
    refuse(folder)
    assert not marker.exists()


def test_a_newer_format(folder):
    change_config(folder, lambda config: config.update(format_version=2))
    problem = refuse(folder, Code.NEWER_FORMAT)
    assert "2" in problem.found
    assert problem.remedy == "update seqwise"


def test_a_newer_format_is_told_before_what_it_may_have_changed(folder):
    (folder / CONFIG).write_text('{"format_version": 99}')
    refuse(folder, Code.NEWER_FORMAT)


def test_settings_that_somebody_edited(folder):
    text = (folder / CONFIG).read_text(encoding="utf-8")
    (folder / CONFIG).write_text(text.replace('"max_length": null', '"max_length": 1'))
    assert "changed after it was written" in refuse(folder).found


@pytest.mark.parametrize("version", [0, -1, None, "1", 1.5, [1]])
def test_a_format_that_there_never_was(folder, version):
    change_config(folder, lambda config: config.update(format_version=version))
    refuse(folder)


@pytest.mark.parametrize(
    "key",
    ["format_version", "versions", "data", "model", "train", "training", "sha256"],
)
@pytest.mark.parametrize("value", ["missing", None, -3, ["x"]])
def test_a_part_of_the_settings_is_missing_or_wrong(folder, key, value):
    def change(config):
        if value == "missing":
            del config[key]
        else:
            config[key] = value

    change_config(folder, change)
    refuse(folder)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("model", "hidden_size", 9),
        ("model", "hidden_size", "8"),
        ("model", "encoder", "gru"),
        ("model", "encoder", "transformer"),
        ("model", "num_classes", 4),
        ("model", "vocab_size", 500),
        ("model", "novelty", 1),
        ("data", "kind", "dna"),
        ("data", "kind", "music"),
        ("data", "max_length", 0),
        ("training", "num_train", "many"),
        ("training", "epochs", [{"epoch": "first"}]),
        ("training", "novelty", 1),
        ("train", "learning_rate", "fast"),
        ("train", "learning_rate", float("nan")),
    ],
)
def test_settings_that_do_not_fit(folder, part, name, value):
    change_config(folder, lambda config: config[part].update({name: value}))
    refuse(folder)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda weights: weights.pop("head.bias"), "lacks a weight head.bias"),
        (lambda weights: weights.update(extra=torch.zeros(2)), "has a weight extra"),
        (lambda weights: weights.update({"head.bias": torch.zeros(4)}), "(4,)"),
        (lambda weights: weights.update({"head.bias": torch.zeros(3).double()}), "float64"),
        (lambda weights: weights.update({"head.bias": torch.zeros(3).half()}), "float16"),
        (lambda weights: weights["head.bias"].fill_(float("nan")), "not finite"),
        (lambda weights: weights["head.weight"][0].fill_(float("inf")), "not finite"),
        (lambda weights: weights.clear(), "lacks a weight"),
    ],
)
def test_weights_that_do_not_fit(folder, change, found):
    replace_weights(folder, change)
    problem = refuse(folder)
    assert found in problem.found
    assert problem.path.endswith(WEIGHTS)


def test_a_vocabulary_that_does_not_fit(folder, tmp_path):
    other = make_artifact()
    other.codec.fit(["many more words than the model has vectors for it seems"])
    replace_file(folder, CODEC, json.dumps(other.codec.to_dict()).encode())
    problem = refuse(folder)
    assert problem.path.endswith(CODEC)
    assert f"{other.codec.vocab_size} tokens" in problem.found


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"], []])
def test_labels_of_another_count(folder, labels):
    replace_file(folder, LABELS, json.dumps(labels).encode())
    assert f"{len(labels)} labels" in refuse(folder).found


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


def test_a_name_that_no_model_can_have(tmp_path):
    refuse(tmp_path / ("x" * 300), Code.NOT_A_MODEL)


@pytest.mark.parametrize("size", [10**7, 10**20])
def test_a_size_that_no_memory_holds(folder, size):
    change_config(folder, lambda config: config["model"].update(hidden_size=size))
    refuse(folder)


def test_loading_leaves_the_callers_random_numbers_alone(original):
    before = torch.random.get_rng_state()
    load_artifact(original)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("labels", [["a", "a", "b"], [None, "a", "b"], [["a"], "b", "c"]])
def test_labels_that_are_none(folder, labels):
    replace_file(folder, LABELS, json.dumps(labels).encode())
    refuse(folder)
