import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.data.collate import collate
from seqwise.data.labels import Labels
from seqwise.errors import ArtifactError, Code
from seqwise.nn import ENCODERS, BothStrands
from seqwise.predictor import Predictor
from tests.artifact.folders import (
    CODEC,
    CONFIG,
    FILES,
    LABELS,
    WEIGHTS,
    change_config,
    contents,
    replace_file,
    replace_weights,
)
from tests.training.examples import SEQUENCES, make_artifact, make_records

every_file = pytest.mark.parametrize("name", FILES)
every_kind = pytest.mark.parametrize("kind", SEQUENCES)


def refuse(folder, code=Code.DAMAGED_MODEL):
    with pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    assert caught.value.code is code
    assert len(str(caught.value).splitlines()) == 1
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


def test_loading_does_not_import_what_compiles(tmp_path):
    """`torch._dynamo` alone takes two seconds of every start."""
    for number, encoder in enumerate(ENCODERS):
        for kind, shape in (("text", {"pooling": "attention"}), ("dna", {"kernel_size": 3})):
            artifact = make_artifact(kind, encoder=encoder, num_positions=4 * number, **shape)
            save_artifact(artifact, tmp_path / f"{kind}-{encoder}")
    script = (
        "import sys; from pathlib import Path; from seqwise.artifact import load_artifact\n"
        "for path in Path(sys.argv[1]).iterdir(): load_artifact(path)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True)


@pytest.mark.parametrize("wrong", [-1, 10**9, 2])
def test_another_strand_than_that_of_the_letters_is_refused(wrong, tmp_path):
    artifact = make_artifact("dna")
    strand = torch.from_numpy(artifact.codec.complements())
    shape = replace(artifact.shape, both_strands=True)
    model = BothStrands(artifact.model, strand)
    save_artifact(replace(artifact, model=model, shape=shape), tmp_path / "model")
    load_artifact(tmp_path / "model")
    replace_weights(tmp_path / "model", lambda weights: weights["complements"][2:3].fill_(wrong))
    with pytest.raises(ArtifactError, match=r"complements are not those of codec\.json"):
        load_artifact(tmp_path / "model")


@pytest.mark.parametrize("kind", ["text", "protein", "series"])
def test_another_strand_of_something_else_is_refused(kind, tmp_path):
    save_artifact(make_artifact(kind), tmp_path / "model")
    change_config(tmp_path / "model", lambda config: config["model"].update(both_strands=True))
    with pytest.raises(ArtifactError, match="strand"):
        load_artifact(tmp_path / "model")
