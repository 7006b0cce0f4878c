"""`seqwise train --resume`: what is said, what is refused, and that nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest
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
