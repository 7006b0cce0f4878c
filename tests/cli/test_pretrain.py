"""`seqwise pretrain`, and `train` with what it made or with word vectors."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from seqwise import SequenceClassifier
from seqwise.artifact import load_artifact, load_pretrained
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.loop import Training
from tests.cli.conftest import refused, run, texts, train, write_csv, write_gz, write_jsonl

TINY = ("--hidden-size", "4", "--embedding-dim", "4")


def pretrain(*arguments, out="p", epochs="1"):
    return run("pretrain", "-o", out, *TINY, "--epochs", epochs, *arguments)


def listing():
    return sorted(path.name for path in Path().iterdir())


@pytest.fixture
def unlabelled():
    """Plain lines without a label."""
    return write_gz("lines.txt.gz", "".join(f"{text}\n" for text, _ in texts(40)))


def test_what_was_done_is_said(unlabelled):
    outcome = pretrain(unlabelled)
    assert (outcome.code, outcome.out) == (0, "")
    told = outcome.told
    assert "records 30 to learn from, 10 to choose the epoch\n" in told
    assert "model lstm (1 layer of 4, both directions); " in told
    assert "classes" not in told
    assert "perplexity " in told
    assert " by the frequencies of tokens alone)\n" in told
    assert "next: seqwise train FILE --pretrained p\n" in told
    assert listing() == ["lines.txt.gz", "p"]


def test_labels_are_not_looked_at(table):
    rows = [{"text": text, "label": ["a", 1]} for text, _ in texts()]
    assert pretrain(table).code == 0
    assert pretrain(write_jsonl("b.jsonl", rows), out="q").code == 0
    assert load_pretrained("p").identity() == load_pretrained("q").identity()


def test_series_are_measured_by_their_error(work):
    rows = [{"signal": np.sin(np.arange(9.0) + n).tolist()} for n in range(20)]
    outcome = pretrain(write_jsonl("s.jsonl", rows), "--kind", "series")
    assert "mean squared error " in outcome.told
    nothing = ": no better than that (more --epochs or more sequences may help)"
    assert f" of the mean, or of the last value once more){nothing}\n" in outcome.told


def test_a_model_is_trained_from_there(unlabelled, table):
    pretrain(unlabelled)
    outcome = run("train", table, "--out", "model", "--pretrained", "p", "--epochs", "1")
    assert outcome.code == 0, outcome
    assert "pretrained embedding and encoder, on 30 records of 'lines.txt.gz'\n" in outcome.told
    assert run("evaluate", "model", table, "--json").code == 0
    shape = load_artifact("model").shape
    assert (shape.hidden_size, shape.embedding_dim) == (4, 4)
    other = run("train", table, "--out", "other", "--pretrained", "p", "--hidden-size", "8")
    assert refused(other, "bad-setting").startswith("hidden_size is 8 - 4, as pretrained in 'p'")


def test_the_kind_is_that_of_what_is_pretrained(work):
    dna = write_csv("dna.csv", [("ACGT" * n, "ab"[n % 2]) for n in range(1, 21)], ("text", "label"))
    pretrain(dna, "--kind", "text", "--tokens", "characters")
    outcome = run("train", dna, "--out", "model", "--pretrained", "p", "--epochs", "1")
    assert outcome.code == 0, outcome
    assert load_artifact("model").data.kind == "text"
    store = run("encode", dna, "-o", "store", "--pretrained", "p")
    assert store.code == 0, store
    assert run("train", "store", "--out", "m2", "--pretrained", "p", "--epochs", "1").code == 0
    assert "none" not in refused(run("train", "store", "--out", "m3"), "bad-setting")
    classifier = SequenceClassifier(pretrained=Path("p"), epochs=1, refit=False)
    classifier.fit(["ACGT" * n for n in range(1, 21)], list("ab" * 10))
    assert classifier.artifact_.data.kind == "text"


def test_it_is_inspected(unlabelled):
    pretrain(unlabelled)
    outcome = run("inspect", "p")
    assert outcome.code == 0
    assert "steps words and pieces of words, lower case, " in outcome.shown
    assert "both directions); " in outcome.shown
    assert "no classes\n" in outcome.shown
    assert "perplexity " in outcome.shown
    found = run("inspect", "p", "--json").json
    assert found["pretraining"]["num_train"] == 30
    assert found["model"]["hidden_size"] == 4
    second = refused(run("inspect", "p", unlabelled), "bad-setting")
    assert second.startswith("a pretrained network and a file")


@pytest.mark.parametrize("command", [("predict", "p", "-"), ("evaluate", "p", "table.csv")])
def test_it_predicts_nothing(table, unlabelled, command):
    pretrain(unlabelled)
    line = refused(run(*command, stdin="a text\n"), "not-a-model")
    assert line.startswith("p: a pretrained network, which knows no classes - a trained model")


def test_a_model_is_nothing_to_begin_with(table, model):
    line = refused(train(table, "--pretrained", model, out="new"), "not-a-model")
    assert line.startswith("model: a trained model - a folder that seqwise pretrain has written")
    assert listing() == ["model", "table.csv"]


def test_what_is_there_is_replaced_only_when_asked(unlabelled):
    pretrain(unlabelled)
    before = load_pretrained("p").identity()
    assert "replace it (--overwrite)" in refused(
        pretrain(unlabelled, "--seed", "1"), "output-exists"
    )
    assert load_pretrained("p").identity() == before
    assert pretrain(unlabelled, "--seed", "1", "--overwrite").code == 0
    assert load_pretrained("p").identity() != before


def test_settings_that_do_not_fit_are_refused(unlabelled):
    refused(pretrain(unlabelled, "--encoder", "transformer"), "bad-setting")
    refused(pretrain(unlabelled, "--num-layers", "2"), "bad-setting")
    refused(pretrain(unlabelled, "--kmer", "3"), "bad-setting")
    refused(pretrain("none.csv"), "file-missing")
    assert listing() == ["lines.txt.gz"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_gone_on(unlabelled, monkeypatch, number):
    options = ("--batch-size", "8", "--checkpoint-seconds", "0")
    assert pretrain(unlabelled, *options, out="expected", epochs="3").code == 0
    original, count = Training._train_batch, []

    def train_batch(training, batches):
        count.append(1)
        if len(count) == 7:
            os.kill(os.getpid(), number)
        original(training, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_train_batch", train_batch)
        outcome = pretrain(unlabelled, *options, epochs="3")
    assert outcome.code == 128 + number
    assert outcome.error == (
        "stopped in epoch 2 of 3; the same command with --resume goes on from there"
    )
    assert listing() == ["expected", "lines.txt.gz", "p.checkpoints"]
    refused(pretrain(unlabelled, *options, epochs="3"), "checkpoint-exists")
    refused(pretrain(unlabelled, *options, "--resume", epochs="4"), "checkpoint-mismatch")
    again = pretrain(unlabelled, *options, "--resume", epochs="3")
    assert "going on in epoch 2 of 3\n" in again.told
    assert load_pretrained("p").identity() == load_pretrained("expected").identity()
    assert listing() == ["expected", "lines.txt.gz", "p"]


def test_killed_after_it_was_saved(unlabelled, monkeypatch):
    def die(checkpoints):
        raise SystemExit(99)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "remove", die)
        assert pretrain(unlabelled, "--checkpoint-seconds", "0").code == 99
    assert listing() == ["lines.txt.gz", "p", "p.checkpoints"]
    before = load_pretrained("p").identity()
    outcome = pretrain(unlabelled, "--resume")
    assert outcome.code == 0
    assert "saved before; what was left of its training has been removed" in outcome.told
    assert listing() == ["lines.txt.gz", "p"]
    assert load_pretrained("p").identity() == before


def test_what_does_not_fit_into_memory_is_encoded(unlabelled, monkeypatch):
    pretrain(unlabelled, out="expected")
    monkeypatch.setattr("seqwise.cli.gathering.RECORDS_IN_MEMORY", 10)
    outcome = pretrain(unlabelled)
    assert "encoded into p.encoded, until the result is there\n" in outcome.told
    assert load_pretrained("p").identity() == load_pretrained("expected").identity()
    assert listing() == ["expected", "lines.txt.gz", "p"]


def test_bad_records_are_told_and_left_out(work):
    rows = [{"text": "a b c"}, {"text": 5}, *({"text": f"a {n}"} for n in range(9))]
    file = write_jsonl("t.jsonl", rows)
    assert "t.jsonl:2 (record 2)" in refused(pretrain(file), "wrong-type")
    assert "left out t.jsonl:2 (record 2)" in pretrain(file, "--skip-bad").told


def test_word_vectors_are_told_of(table):
    write_gz("words.vec.gz", "4 3\ngood 1 2 3\nwin 3 1 2\nday 1 1 1\nsuperb 1 2 2\n")
    outcome = run("train", table, "--out", "model", "--vectors", "words.vec.gz", "--epochs", "1")
    assert outcome.code == 0, outcome
    assert " words have vectors; 1 more words of the file are known\n" in outcome.told
    assert load_artifact("model").shape.embedding_dim == 3
    classifier = SequenceClassifier.load("model")
    assert classifier.vectors == "words.vec.gz"
    rows = texts()
    classifier.set_params(refit=False, embedding_dim=None, linear=None)
    classifier.fit([text for text, _ in rows], [label for _, label in rows])


def test_what_is_wrong_with_word_vectors_is_said(table):
    Path("words.vec").write_text("good 1 2 3\nwin 3 x 2\n")
    line = refused(train(table, "--vectors", "words.vec"), "bad-setting")
    assert line.startswith("embedding_dim is 4 - 3, with the vectors of 'words.vec'")
    outcome = run("train", table, "--out", "model", "--vectors", "words.vec")
    assert refused(outcome, "not-a-number").startswith("words.vec:2: 'x' - a number")
    assert listing() == ["table.csv", "words.vec"]


def test_training_with_vectors_goes_on_only_with_the_same(table, monkeypatch):
    Path("words.vec").write_text("good 1 2 3\nwin 3 1 2\n")
    options = (table, "--embedding-dim", "3", "--vectors", "words.vec", "--epochs", "3")
    original, count = Training._train_batch, []

    def train_batch(training, batches):
        count.append(1)
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        original(training, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_train_batch", train_batch)
        assert train(*options).code == 143
    Path("words.vec").write_text("good 1 2 3\nwin 3 1 2.5\n")
    line = refused(train(*options, "--resume"), "checkpoint-mismatch")
    assert "vectors is " in line
    Path("words.vec").write_text("good 1 2 3\nwin 3 1 2\n")
    Path("words.vec").rename("moved.vec")
    moved = [each if each != "words.vec" else "moved.vec" for each in options]
    assert train(*moved, "--resume").code == 0
    assert json.loads(Path("model/config.json").read_text())["train"]["vectors"] == "moved.vec"
