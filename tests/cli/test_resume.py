"""`seqwise train --resume`: what is said, what is refused, and that nothing is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import safetensors.torch
import torch

from seqwise.errors import Code
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.loop import Training
from tests.cli.conftest import refused, run, texts, train, write_csv

LONGER = ("--epochs", "3", "--batch-size", "8", "--seed", "1", "--patience", "9")
EACH_STEP = ("--checkpoint-seconds", "0")


def listing():
    return sorted(path.name for path in Path().iterdir())


def weights(folder):
    return Path(folder, "model.safetensors").read_bytes()


def account(folder):
    return {**json.loads(Path(folder, "config.json").read_text())["training"], "seconds": 0}


@pytest.fixture
def stop_at(monkeypatch):
    """Let a signal come in the n-th update of the next training."""

    def prepare(number, update=5):
        original, count = Training._train_batch, []

        def train_batch(training, batches):
            count.append(1)
            if len(count) == update:
                os.kill(os.getpid(), number)
            original(training, batches)

        monkeypatch.setattr(Training, "_train_batch", train_batch)

    return prepare


@pytest.fixture
def stopped(table, stop_at):
    """A training that was stopped in its second epoch."""
    stop_at(signal.SIGTERM)
    assert train(table, *LONGER, *EACH_STEP).code == 143
    return table


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_gone_on(table, stop_at, number):
    train(table, *LONGER, out="expected")
    stop_at(number)
    outcome = train(table, *LONGER)
    assert (outcome.code, outcome.out) == (128 + number, "")
    assert outcome.error == (
        "stopped in epoch 2 of 3; the same command with --resume goes on from there"
    )
    assert listing() == ["expected", "model.checkpoints", "table.csv"]
    again = train(table, *LONGER, "--resume")
    assert again.code == 0
    assert "going on in epoch 2 of 3\n" in again.told
    assert "best epoch " in again.told
    assert weights("model") == weights("expected")
    assert account("model") == account("expected")
    assert listing() == ["expected", "model", "table.csv"]


def test_stopped_in_the_refit_and_gone_on(table, stop_at):
    train(table, *LONGER, out="expected")
    stop_at(signal.SIGTERM, update=11)
    assert train(table, *LONGER).error.startswith("stopped in the refit, epoch 1 of ")
    assert "going on in the refit, epoch 1 of " in train(table, *LONGER, "--resume").told
    assert weights("model") == weights("expected")
    assert account("model") == account("expected")


def test_stopped_in_the_trial_of_balanced_classes_and_gone_on(table, stop_at):
    options = (*LONGER, "--class-weight", "auto")
    train(table, *options, out="expected")
    stop_at(signal.SIGTERM)
    where = "in the trial of lstm with balanced classes, epoch 1 of 1"
    assert train(table, *options).error.startswith(f"stopped {where}; ")
    assert f"going on {where}\n" in train(table, *options, "--resume").told
    assert weights("model") == weights("expected")
    assert account("model") == account("expected")


def test_where_checkpoints_are_is_said(table):
    told = train(table).told
    assert "checkpoints each 60 s in model.checkpoints, until the model is there" in told
    assert listing() == ["model", "table.csv"]


def test_a_name_with_a_slash_behind_it(stopped):
    assert train(stopped, *LONGER, "--resume", out="model/").code == 0
    assert listing() == ["model", "table.csv"]


def test_resume_without_a_checkpoint_begins(table):
    train(table, out="expected")
    told = train(table, "--resume").told
    assert "going on no checkpoint was there: from the beginning\n" in told
    assert weights("model") == weights("expected")


def test_training_anew_spares_the_checkpoints(stopped):
    before = sorted(Path("model.checkpoints").rglob("*"))
    for options in ((), ("--overwrite",)):
        line = refused(train(stopped, *LONGER, *options), "checkpoint-exists")
        assert "(--resume)" in line
    assert sorted(Path("model.checkpoints").rglob("*")) == before
    assert train(stopped, *LONGER, "--resume").code == 0


def test_a_model_to_be_replaced_stays_until_the_end(table, stop_at):
    train(table, *LONGER)
    first = weights("model")
    stop_at(signal.SIGTERM)
    options = (*LONGER, "--overwrite", "--dropout", "0.5")
    assert train(table, *options).code == 143
    assert weights("model") == first
    assert train(table, *options, "--resume").code == 0
    assert weights("model") != first


def test_other_settings_are_refused(stopped):
    line = refused(train(stopped, *LONGER, "--resume", "--patience", "8"), "checkpoint-mismatch")
    assert line.startswith("model.checkpoints: patience is 8, and was 9 - ")
    assert listing() == ["model.checkpoints", "table.csv"]


def test_another_file_is_refused(stopped):
    other = write_csv("other.csv", [*texts()[1:], ("good day", "ham")])
    assert refused(train(other, *LONGER, "--resume"), "checkpoint-mismatch")


def test_the_same_records_in_another_file_are_the_same(stopped):
    other = write_csv("other.tsv", texts(), delimiter="\t")
    assert train(other, *LONGER, "--resume").code == 0


def test_a_damaged_checkpoint_is_passed_over(stopped):
    train(stopped, *LONGER, out="expected")
    newest = max(Path("model.checkpoints").iterdir())
    content = (newest / "tensors.safetensors").read_bytes()
    (newest / "tensors.safetensors").write_bytes(content[:-9])
    outcome = train(stopped, *LONGER, "--resume")
    assert outcome.code == 0
    assert f"passed over {newest}: tensors.safetensors is not what was written" in outcome.told
    assert weights("model") == weights("expected")


def test_a_full_disk(table, monkeypatch):
    train(table, *LONGER, out="expected")
    count = []

    def fill_up(target, files):
        count.append(1)
        if len(count) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_folder(target, files)

    from seqwise.training import checkpoint

    write_folder = checkpoint.write_folder
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_folder", fill_up)
        line = refused(train(table, *LONGER, *EACH_STEP), "output-unwritable")
    assert line.startswith("model.checkpoints: No space left on device - ")
    assert sorted(os.listdir("model.checkpoints")) == ["00000002", "00000003"]
    assert train(table, *LONGER, "--resume").code == 0
    assert weights("model") == weights("expected")


def test_a_training_in_the_same_place_is_refused(table):
    with Checkpoints("model.checkpoints"):
        assert refused(train(table, "--resume"), "checkpoint-in-use")


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_cannot_be_written(table):
    Path("model.checkpoints").mkdir(mode=0o555)
    assert refused(train(table, *EACH_STEP), "output-unwritable")


def test_a_training_that_fails_leaves_no_empty_folder(table, monkeypatch):
    monkeypatch.setattr(
        torch.nn.functional, "cross_entropy", lambda *a, **b: torch.tensor(float("nan"))
    )
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: None)
    assert refused(train(table), Code.DIVERGED)
    assert listing() == ["table.csv"]


def test_a_negative_time_between_checkpoints(table):
    assert run("train", table, "--out", "model", "--checkpoint-seconds", "-1").code == 2


@pytest.fixture
def killed(table, monkeypatch):
    """A training that was killed when its model was there, and its checkpoints still were."""

    def die(checkpoints):
        raise SystemExit(99)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "remove", die)
        assert train(table, *LONGER, *EACH_STEP).code == 99
    assert listing() == ["model", "model.checkpoints", "table.csv"]
    return table


def test_killed_after_the_model_was_saved(killed):
    before = weights("model")
    outcome = train(killed, *LONGER, "--resume")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.told == (
        "model in model saved before; what was left of its training has been removed\n"
    )
    assert listing() == ["model", "table.csv"]
    assert weights("model") == before


def test_what_was_encoded_goes_too(killed):
    assert run("encode", killed, "-o", "model.encoded").code == 0
    Path("model.encoded/manifest.json").unlink()  # its removal had begun
    assert train(killed, *LONGER, "--resume", "--quiet").code == 0
    assert listing() == ["model", "table.csv"]


def test_without_resume_the_checkpoints_stay(killed):
    refused(train(killed, *LONGER), "output-exists")
    refused(train(killed, *LONGER, "--overwrite"), "checkpoint-exists")
    assert listing() == ["model", "model.checkpoints", "table.csv"]


@pytest.mark.parametrize("name", ["config.json", "codec.json", "labels.json", "model.safetensors"])
def test_another_model_in_its_place(killed, name):
    with Path("model", name).open("ab") as file:
        file.write(b" ")
    refused(train(killed, *LONGER, "--resume"), "output-exists")
    assert listing() == ["model", "model.checkpoints", "table.csv"]


def test_killed_before_the_model_was_saved(table, monkeypatch):
    train(table, *LONGER, out="expected")
    with monkeypatch.context() as patch:
        patch.setattr("seqwise.artifact.writing.write_folder", lambda *files: exit(99))
        assert train(table, *LONGER, *EACH_STEP).code == 99
    assert Path("model.checkpoints/model.json").exists()
    assert train(table, *LONGER, "--resume").code == 0
    assert weights("model") == weights("expected")
    assert listing() == ["expected", "model", "table.csv"]


def test_a_training_that_diverges_leaves_no_checkpoints(table, monkeypatch):
    """They could only lead there again, and be in the way of one with other settings."""
    original, count = torch.nn.functional.cross_entropy, []

    def diverge(*arguments, **options):
        count.append(1)
        return original(*arguments, **options) * (1 if len(count) < 5 else torch.inf)

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "cross_entropy", diverge)
        refused(train(table, *LONGER, *EACH_STEP), Code.DIVERGED)
    assert len(count) == 5
    assert listing() == ["table.csv"]
    assert train(table, *LONGER, "--learning-rate", "0.0001").code == 0


def change(name, make):
    """Change a file of the newest checkpoint, with the hashes that belong to it."""
    newest = max(Path("model.checkpoints").iterdir())
    content = make((newest / name).read_bytes())
    (newest / name).write_bytes(content)
    manifest = json.loads((newest / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    (newest / "manifest.json").write_text(json.dumps(manifest))


def set_value(*path):
    """A change of the state: the last of `path` is put at the place that the others name."""
    *places, last, value = path

    def change_state(content):
        state = json.loads(content)
        inner = state
        for place in places:
            inner = inner[place]
        inner[last] = value
        return json.dumps(state).encode()

    return "state.json", change_state


def set_tensor(name, tensor):
    def change_tensors(content):
        tensors = safetensors.torch.load(content)
        del tensors[name]
        return safetensors.torch.save({**tensors, **({} if tensor is None else {name: tensor})})

    return "tensors.safetensors", change_tensors


BIAS = "training.model.head.bias"
HOSTILE = {
    "no identity": set_value("identity", None),
    "half an identity": set_value("identity", "versions", 3),
    "no training": set_value("stages", "training", []),
    "no position": set_value("stages", "training", "position", {}),
    "an epoch before the first": set_value("stages", "training", "position", "epoch", -1),
    "an epoch behind the last": set_value("stages", "training", "position", "epoch", 10**9),
    "half an epoch": set_value("stages", "training", "position", "epoch", 0.5),
    "a batch behind the last": set_value("stages", "training", "position", "batch", 10**9),
    "a loss of words": set_value("stages", "training", "position", "loss", "low"),
    "a time of words": set_value("seconds", "long"),
    "reports of nothing": set_value("reports", [3]),
    "a report with a word": set_value("reports", 0, "train_loss", "low"),
    "a score with a word": set_value("reports", 0, "valid", "accuracy", [1]),
    "a class with a word": set_value("reports", 0, "valid", "per_class", 0, "f1", {}),
    "a count of a class that is not there": set_value(
        "reports", 0, "valid", "confusion", [[9, 9, 1]]
    ),
    "a best epoch that never was": set_value("stages", "training", "best", "epoch", 77),
    "no best epoch": set_value("stages", "training", "best", None),
    "a refit before its time": set_value("stages", "more-0", {}),
    "a schedule of nothing": set_value("schedule", {}),
    "an encoder that was not chosen": set_value("schedule", "encoders", ["gru"]),
    "more epochs than were chosen": set_value("schedule", "epochs", 10**9),
    "more networks than were chosen": set_value("schedule", "networks", 10**9),
    "more than all records": set_value("schedule", "epoch_share", 2.0),
    "a report of another purpose": set_value(
        "reports", 0, "valid", {"loss": 1.0, "baseline": 1.0, "num_steps": 9}
    ),
    "a best epoch that nothing was held against": set_value(
        "stages", "training", "best", "valid", None
    ),
    "a trial of something else": set_value("trials", [["gru", {}]]),
    "a tensor that is not there": set_tensor(BIAS, None),
    "a tensor of another size": set_tensor(BIAS, torch.zeros(9)),
    "a tensor of another type": set_tensor(BIAS, torch.zeros(2, dtype=torch.float64)),
    "a tensor of NaN": set_tensor(BIAS, torch.full((2,), torch.nan)),
    "the best weights of another model": set_tensor("training.best.head.bias", torch.zeros(1)),
    "a moment of another size": set_tensor("training.exp_avg.head.bias", torch.zeros(1)),
    "a moment that is not there": set_tensor("training.exp_avg_sq.head.bias", None),
    "a count of updates of another size": set_tensor("training.step.head.bias", torch.zeros(2)),
}


def test_a_checkpoint_that_makes_no_sense(stopped):
    before = shutil.copytree("model.checkpoints", "before")
    for name, (file, make) in HOSTILE.items():
        shutil.rmtree("model.checkpoints")
        shutil.copytree(before, "model.checkpoints")
        change(file, make)
        outcome = train(stopped, *LONGER, "--resume")
        assert outcome.code == 2, name
        assert refused(outcome, "damaged-checkpoint").startswith("model.checkpoints: "), name
