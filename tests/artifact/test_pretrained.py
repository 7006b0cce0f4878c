import hashlib
import json
import os
import shutil

import pytest
import safetensors.torch
import torch

from seqwise.artifact import (
    Pretrained,
    PretrainingAccount,
    current_versions,
    is_model,
    is_pretrained,
    load_artifact,
    load_pretrained,
    save_artifact,
)
from seqwise.artifact.folder import PRETRAINED
from seqwise.artifact.pretrained import SHARED
from seqwise.config import TrainConfig
from seqwise.errors import ArtifactError, Code
from tests.artifact.folders import contents
from tests.training.examples import make_artifact

ACCOUNT = PretrainingAccount(
    file="ü.csv",
    num_train=9,
    num_valid=2,
    seconds=1.5,
    num_epochs=4,
    best_epoch=3,
    valid_loss=2.5,
    baseline_loss=3.5,
)


def make(kind="text", **shape):
    artifact = make_artifact(kind, **shape)
    return Pretrained(
        weights=artifact.model.state_dict(),
        codec=artifact.codec,
        data=artifact.data,
        shape=artifact.shape,
        train=TrainConfig(),
        account=ACCOUNT,
        versions=current_versions(),
    )


@pytest.fixture
def folder(tmp_path):
    make().save(tmp_path / "p")
    return tmp_path / "p"


@pytest.mark.parametrize("kind", ["text", "dna", "protein", "events", "series"])
@pytest.mark.parametrize("encoder", ["rnn", "lstm", "gru", "mingru"])
def test_what_was_saved_comes_back(tmp_path, kind, encoder):
    saved = make(kind, encoder=encoder)
    saved.save(tmp_path / "p")
    back = load_pretrained(tmp_path / "p")
    own = [name for name in saved.weights if name.startswith(("embedding.", "encoder."))]
    assert sorted(back.weights) == sorted(own)
    assert all(torch.equal(back.weights[name], saved.weights[name]) for name in own)
    assert back.codec.to_dict() == saved.codec.to_dict()
    assert (back.data, back.train, back.account) == (saved.data, saved.train, saved.account)
    assert [getattr(back.shape, name) for name in SHARED] == [
        getattr(saved.shape, name) for name in SHARED
    ]
    assert back.identity() == saved.identity()
    back.save(tmp_path / "q")
    assert contents(tmp_path / "q") == contents(tmp_path / "p")


def test_the_identity_is_that_of_what_is_taken():
    saved = make()
    changed = {name: weight + 1e-3 for name, weight in saved.weights.items()}
    head = {**saved.weights, "head.bias": torch.ones(3)}
    assert make().identity() == saved.identity()
    assert Pretrained(**{**saved.__dict__, "weights": head}).identity() == saved.identity()
    assert Pretrained(**{**saved.__dict__, "weights": changed}).identity() != saved.identity()
    assert make(encoder="gru").identity() != saved.identity()


def test_no_file_of_it_is_code(folder):
    assert sorted(os.listdir(folder)) == ["codec.json", "model.safetensors", PRETRAINED]
    assert (is_pretrained(folder), is_model(folder)) == (True, False)
    account = json.loads((folder / PRETRAINED).read_text())
    assert set(account["sha256"]) == set(os.listdir(folder))


def test_it_is_not_written_over_what_is_there(tmp_path, folder):
    save_artifact(make_artifact(), tmp_path / "model")
    (tmp_path / "else").mkdir()
    for path in (folder, tmp_path / "model"):
        with pytest.raises(ArtifactError) as caught:
            make().save(path)
        assert caught.value.code is Code.OUTPUT_EXISTS
        make().save(path, overwrite=True)
        assert is_pretrained(path)
        assert not is_model(path)
    with pytest.raises(ArtifactError):
        make().save(tmp_path / "else", overwrite=True)
    save_artifact(make_artifact(), folder, overwrite=True)
    assert is_model(folder)


def test_a_model_and_what_is_pretrained_are_told_apart(tmp_path, folder):
    with pytest.raises(
        ArtifactError, match="a pretrained network, which knows no classes"
    ) as caught:
        load_artifact(folder)
    assert caught.value.code is Code.NOT_A_MODEL
    assert "--pretrained" in str(caught.value)
    save_artifact(make_artifact(), tmp_path / "model")
    with pytest.raises(ArtifactError, match="a trained model - a folder that") as caught:
        load_pretrained(tmp_path / "model")
    assert caught.value.code is Code.NOT_A_MODEL
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ArtifactError) as caught:
            load_pretrained(path)
        assert caught.value.code is Code.NOT_A_MODEL


def reseal(folder, change):
    """Change the account, and give it the hash that belongs to it."""
    account = json.loads((folder / PRETRAINED).read_text())
    change(account)
    account["sha256"].pop(PRETRAINED, None)
    text = json.dumps(account, indent=2, ensure_ascii=False) + "\n"
    account["sha256"][PRETRAINED] = hashlib.sha256(text.encode()).hexdigest()
    (folder / PRETRAINED).write_text(json.dumps(account))


def replace_weights(folder, change):
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    change(weights)
    content = safetensors.torch.save(weights)
    (folder / "model.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    reseal(folder, lambda account: account["sha256"].update({"model.safetensors": digest}))


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(account):
        for key in path:
            account = account[key]
        account[last] = value

    return lambda folder: reseal(folder, change)


def pipe(name):
    def change(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def weight(name, value):
    return lambda folder: replace_weights(folder, lambda weights: weights.update({name: value}))


HOSTILE = {
    "unsealed": lambda folder: (folder / PRETRAINED).write_text(
        (folder / PRETRAINED).read_text().replace('"best_epoch": 3', '"best_epoch": 4')
    ),
    "no account": lambda folder: (folder / PRETRAINED).write_text("[]"),
    "deep account": lambda folder: (folder / PRETRAINED).write_text("[" * 100_000),
    "pipe for codec": pipe("codec.json"),
    "pipe for weights": pipe("model.safetensors"),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "other bytes": lambda folder: (folder / "model.safetensors").write_bytes(b"\x80\x04K*."),
    "huge size": put("model", "hidden_size", 1 << 40),
    "other size": put("model", "hidden_size", 9),
    "other vocabulary": put("model", "vocab_size", 99),
    "true size": put("model", "num_layers", True),
    "no encoder": put("model", "encoder", "os.system"),
    "more settings": put("model", "pooling", "max"),
    "fewer settings": put("model", {}),
    "other kind": put("data", "kind", "series"),
    "text as account": put("pretraining", "num_train", "9"),
    "text as train": put("train", "epochs", "9"),
    "versions": put("versions", [1]),
    "no hashes": put("sha256", "codec.json", None),
    "nan": weight("embedding.table.weight", torch.full((13, 8), torch.nan)),
    "shape": weight("embedding.table.weight", torch.zeros(2, 2)),
    "another weight": weight("head.bias", torch.zeros(3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_folder_that_is_not_what_was_written_is_refused(folder, name):
    HOSTILE[name](folder)
    with pytest.raises(ArtifactError) as caught:
        load_pretrained(folder)
    assert caught.value.code is Code.DAMAGED_MODEL
    assert str(caught.value).isprintable()


def test_a_newer_format_is_named(folder):
    put("format_version", 2)(folder)
    with pytest.raises(ArtifactError) as caught:
        load_pretrained(folder)
    assert caught.value.code is Code.NEWER_FORMAT


def test_links_are_followed_and_other_files_let_be(tmp_path, folder):
    shutil.move(folder / "codec.json", tmp_path / "codec.json")
    (folder / "codec.json").symlink_to(tmp_path / "codec.json")
    (folder / "notes.txt").write_text("mine")
    assert load_pretrained(folder).account == ACCOUNT
