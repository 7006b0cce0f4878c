"""Records with any number of labels, on the command line, from every format to every format."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqwise import predictor
from seqwise.cli.writers import Writer
from seqwise.data.store_folder import is_store
from seqwise.training.loop import Training
from tests.cli.conftest import (
    refused,
    run,
    texts,
    train,
    write_csv,
    write_jsonl,
    write_parquet,
)
from tests.cli.test_resume import EACH_STEP, LONGER, weights
from tests.training.examples import topical

ABLE = ("--epochs", "8", "--learning-rate", "0.03", "--batch-size", "8", "--dropout", "0")
NAMES = ["food", "money", "sea"]


def rows_of(pairs):
    return [{"text": text, "labels": list(labels)} for text, labels in pairs]


def cells(pairs, separator=";"):
    return [(text, separator.join(labels)) for text, labels in pairs]


@pytest.fixture(scope="module")
def topics(tmp_path_factory):
    """A model of topics, trained well enough to tell them apart."""
    folder = tmp_path_factory.mktemp("topics")
    file = write_jsonl(folder / "train.jsonl", rows_of(topical(160)))
    assert train(file, *ABLE, "--linear", out=folder / "model").code == 0
    return folder / "model"


@pytest.fixture
def model(topics):
    return str(shutil.copytree(topics, "model"))


@pytest.fixture
def held_out():
    return write_jsonl("test.jsonl", rows_of(topical(60, seed=1)))


# Training


def test_lists_are_recognised_and_told():
    file = write_jsonl("train.jsonl", rows_of(topical(60)))
    done = train(file)
    assert done.code == 0
    assert "labels in 'labels', any number of labels a record" in done.told
    assert "classes 3, any number a record: " in done.told
    assert "macro average precision" in done.told
    assert "thresholds chosen on these records, too" in done.told


def test_the_same_records_in_other_formats_give_the_same_model():
    pairs = topical(60)
    files = {
        "a": (write_jsonl("a.jsonl", rows_of(pairs)),),
        "b": (write_parquet("b.parquet", *map(list, zip(*pairs, strict=True))),),
        "c": (write_csv("c.csv", cells(pairs)), "--label-separator", ";"),
        "d": (write_csv("d.tsv", cells(pairs, " | "), delimiter="\t"), "--label-separator", "|"),
    }
    for name, arguments in files.items():
        assert train(*arguments, out=name).code == 0
    assert len({Path(name, "model.safetensors").read_bytes() for name in files}) == 1
    assert len({Path(name, "labels.json").read_bytes() for name in files}) == 1


def test_cells_are_never_split_unasked():
    pairs = topical(60)
    table = write_csv("c.csv", cells(pairs))
    assert "empty label" in refused(train(table), "missing-label")


def test_two_networks_and_a_trial_are_told_by_their_log_loss():
    file = write_jsonl("train.jsonl", rows_of(topical(80)))
    done = run("train", file, "--out", "model", "--epochs", "2", "--embedding-dim", "4")
    assert done.code == 0
    assert "log loss network " in done.told
    training = json.loads(Path("model/config.json").read_text())["training"]
    tried = ", ".join(f"{name} {log_loss:.4f}" for name, log_loss in training["tried"].items())
    assert f"tried log loss of {tried}: " in done.told
    shown = run("inspect", "model").shown
    assert f"tried {tried}: log loss of short trainings" in shown
    assert f"each alone network {training['network_accuracy']:.4f}, linear model " in shown
    assert run("evaluate", "model", file).code == 0


def test_class_weights_are_not_chosen_beside_thresholds():
    file = write_jsonl("train.jsonl", rows_of(topical(40)))
    line = refused(train(file, "--class-weight", "auto"), "bad-setting")
    assert "thresholds are chosen by the F1 of each label here" in line


@pytest.mark.parametrize("labels", [[[]] * 20, [["a", "b"]] * 20])
def test_nothing_to_tell_apart(labels):
    rows = [{"text": f"x {number}", "labels": each} for number, each in enumerate(labels)]
    refused(train(write_jsonl("train.jsonl", rows)), "one-class")


def test_labels_of_steps_are_no_labels_of_a_sequence():
    rows = [{"tokens": ["a", "b", "c"], "labels": ["O", "B", "O"]}] * 9
    assert "single steps" in refused(train(write_jsonl("t.jsonl", rows)), "label-per-step")


def test_a_validation_file_of_another_form():
    file = write_jsonl("train.jsonl", rows_of(topical(40)))
    valid = write_csv("valid.csv", cells(topical(9)[:1]))
    assert "any number of labels" in refused(train(file, "--valid", valid), "wrong-type")


def test_encoded_before(held_out):
    file = write_jsonl("train.jsonl", rows_of(topical(80)))
    assert run("encode", file, "-o", "store").code == 0
    assert is_store("store")
    assert train("store", out="one").code == train(file, out="two").code == 0
    assert run("evaluate", "one", held_out).out == run("evaluate", "two", held_out).out
    shown = run("inspect", "store")
    assert "any number a record" in shown.shown
    counts = run("inspect", "store", "--json").json["class_counts"]
    assert counts == {name: sum(name in labels for _, labels in topical(80)) for name in NAMES}


def test_resumed_to_the_bit(monkeypatch):
    file = write_jsonl("train.jsonl", rows_of(topical(60)))
    assert train(file, *LONGER, "--linear", out="straight").code == 0
    original, count = Training._train_batch, []

    def train_batch(training, batches):
        count.append(1)
        if len(count) == 9:
            signal.raise_signal(signal.SIGTERM)
        original(training, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_train_batch", train_batch)
        assert train(file, *LONGER, *EACH_STEP, "--linear").code == 143
    assert train(file, *LONGER, "--linear", "--resume").code == 0
    assert weights("model") == weights("straight")
    thresholds = [
        json.loads(Path(name, "config.json").read_text())["thresholds"]
        for name in ("model", "straight")
    ]
    assert thresholds[0] == thresholds[1]


# Evaluation


def test_scores(model, held_out):
    shown = run("evaluate", model, held_out)
    assert shown.code == 0
    for name in ("micro F1", "macro F1", "macro average precision", "subset accuracy"):
        assert name in shown.shown
    assert "Hamming loss" in shown.shown
    found = run("evaluate", model, held_out, "--json").json
    assert found["macro_f1"] > 0.95
    assert [each["label"] for each in found["per_class"]] == NAMES
    assert found["num_records"] == 60


def test_scores_without_records_of_training(model):
    write_jsonl("some.jsonl", rows_of([*topical(20), *topical(20, seed=1)]))
    write_jsonl("seen.jsonl", rows_of(topical(20)))
    found = run("evaluate", model, "some.jsonl", "--train", "seen.jsonl", "--json").json
    assert found["num_in_training_file"] >= 20
    assert found["without_training_records"]["num_records"] <= 20
    assert (
        "macro average precision"
        in run("evaluate", model, "some.jsonl", "--train", "seen.jsonl").shown
    )


def test_thresholds_of_the_user(model, held_out):
    def evaluated(*options):
        return run("evaluate", model, held_out, "--json", *options).json

    assert evaluated("--threshold", "1")["given_per_record"] < 0.1
    assert evaluated("--threshold", "0")["given_per_record"] == 3
    found = evaluated("--threshold", "sea=1,food=0.25")
    assert [each["threshold"] for each in found["per_class"]][::2] == [0.25, 1]
    assert found["per_class"][2]["recall"] < 0.1
    assert found["macro_average_precision"] == evaluated()["macro_average_precision"]


@pytest.mark.parametrize(
    "value", ["x", "sea", "rail=0.3", "sea=2", "-1", "sea=a", "sea=0.9,sea=0.2"]
)
def test_thresholds_that_cannot_be(value, model, held_out):
    refused(run("evaluate", model, held_out, "--threshold", value), "bad-setting")
    refused(run("predict", model, held_out, "--threshold", value), "bad-setting")


def test_what_separated_labels_in_training_is_remembered(held_out):
    table = write_csv("train.csv", cells(topical(60), "|"))
    assert train(table, "--label-separator", "|").code == 0
    same = write_csv("same.csv", cells(topical(60, seed=1), "|"))
    assert run("evaluate", "model", same).out == run("evaluate", "model", held_out).out
    other = write_csv("other.csv", cells(topical(60, seed=1), "/"))
    told = run("evaluate", "model", other, "--label-separator", "/")
    assert told.out == run("evaluate", "model", held_out).out
    row = run("predict", "model", same, "--threshold", "0").rows[0]
    assert row["labels"] == "food|money|sea"


def held_outs_of_one_label_a_record_are_another_task(model, table):
    found = refused(run("evaluate", model, table), "wrong-type")
    assert "--label-separator" in found
    assert train(table, out="single").code == 0
    file = write_jsonl("many.jsonl", [{"text": "good", "label": ["ham"]}])
    assert "any number of labels" in refused(run("evaluate", "single", file), "wrong-type")


def test_labels_that_the_model_does_not_know(model):
    rows = [*rows_of(topical(9)), {"text": "so ship", "labels": ["sea", "rail"]}]
    done = run("evaluate", model, write_jsonl("test.jsonl", rows))
    assert "left out 1 of the 10 records of test.jsonl" in done.shown
    assert "'rail'" in done.shown


# Prediction


def test_labels_are_joined_in_csv(model, held_out):
    done = run("predict", model, held_out, "--probabilities")
    assert list(done.rows[0]) == ["labels", "problem", *(f"probability:{name}" for name in NAMES)]
    truth = [";".join(labels) for _, labels in topical(60, seed=1)]
    right = [row["labels"] == each for row, each in zip(done.rows, truth, strict=True)]
    assert sum(right) > 50


def test_labels_are_lists_elsewhere(model, held_out):
    done = run("predict", model, held_out, "--output-format", "jsonl")
    listed = [json.loads(line) for line in done.out.splitlines()]
    joined = run("predict", model, held_out).rows
    assert [";".join(row["labels"]) for row in listed] == [row["labels"] for row in joined]
    assert run("predict", model, held_out, "-o", "out.parquet").code == 0
    column = pq.read_table("out.parquet").column("labels").to_pylist()
    assert column == [row["labels"] for row in listed]
    assert [] in column


def test_a_bad_record_has_no_labels_and_says_why(model):
    Path("mixed.csv").write_text("text,other\nso ship then,1\n,2\nw1,3\n")
    good, bad, none = run("predict", model, "mixed.csv").rows
    assert (good["labels"], bad["labels"], none["labels"]) == ("sea", "", "")
    assert "empty-sequence" in bad["problem"]
    assert none["problem"] == ""
    done = run("predict", model, "mixed.csv", "--output-format", "jsonl")
    assert [json.loads(line)["labels"] for line in done.out.splitlines()] == [["sea"], None, []]


def test_a_label_that_holds_the_separator():
    rows = [{"text": f"{'xy'[n % 2]} {n}", "labels": ["a;b"] * (n % 2)} for n in range(30)]
    file = write_jsonl("train.jsonl", rows)
    assert train(file).code == 0
    assert "'a;b'" in refused(run("predict", "model", file), "bad-setting")
    refused(run("predict", "model", file, "-o", "out.csv"), "bad-setting")
    for command in ("predict", "evaluate"):
        refused(run(command, "model", file, "--label-separator", ""), "bad-setting")
    done = run("predict", "model", file, "--label-separator", "|", "--threshold", "0")
    assert done.rows[0]["labels"] == "a;b"
    assert run("predict", "model", file, "-o", "out.jsonl").code == 0


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_prediction_that_was_stopped_goes_on(ending, model, held_out, monkeypatch):
    monkeypatch.setattr(predictor, "FIRST_BLOCK_RECORDS", 8)
    monkeypatch.setattr(predictor, "BLOCK_RECORDS", 8)
    out, whole = f"out.{ending}", f"whole.{ending}"
    each = ("--probabilities", "--checkpoint-seconds", "0")
    assert run("predict", model, held_out, "-o", whole, *each).code == 0
    write, count = Writer.write, []

    def stopped(self, block):
        write(self, block)
        count.append(1)
        if len(count) == 3:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", stopped)
        assert run("predict", model, held_out, "-o", out, *each).code == 143
    other = run("predict", model, held_out, "-o", out, *each, "--threshold", "0.2")
    assert "thresholds" in refused(other, "checkpoint-mismatch")
    assert run("predict", model, held_out, "-o", out, *each).code == 0
    assert Path(out).read_bytes() == Path(whole).read_bytes()


# Inspection


def test_a_file(held_out):
    pairs = topical(60, seed=1)
    found = run("inspect", held_out, "--json").json["files"][0]
    counts = {name: sum(name in labels for _, labels in pairs) for name in NAMES}
    assert found["class_counts"] == counts
    numbers = [len(labels) for _, labels in pairs]
    expected = {str(number): numbers.count(number) for number in sorted(set(numbers))}
    assert found["labels_per_record"] == expected
    shown = run("inspect", held_out).shown
    assert "labels a record" in shown
    assert f"{counts['sea'] / 60:.1%}" in shown
    table = write_csv("t.csv", cells(pairs))
    found = run("inspect", table, "--label-separator", ";", "--json").json["files"][0]
    assert found["class_counts"] == counts


def test_a_model(model):
    shown = run("inspect", model).shown
    assert "any number a record" in shown
    assert "subset accuracy" in shown
    found = run("inspect", model, "--json").json
    assert found["thresholds"].keys() == set(NAMES)


# One label a record


def test_call_it_spam_only_when_it_is_sure(trained):
    file = write_csv("table.csv", texts(40))
    rows = run("predict", trained, file, "--threshold", "spam=0.9999999").rows
    assert {row["label"] for row in rows} == {"ham"}
    for row in run("predict", trained, file, "--threshold", "spam=0", "--probabilities").rows:
        assert row["label"] == "spam"
        assert row["probability"] == row["probability:spam"]
    found = run("evaluate", trained, file, "--threshold", "spam=0.9999999", "--json").json
    assert found["per_class"][1]["recall"] == 0
    assert found["accuracy"] == 0.5


@pytest.mark.parametrize("value", ["0.5", "spam=0.5,ham=0.5", "eggs=0.5"])
def test_what_makes_no_sense_for_one_label(value, trained, table):
    refused(run("predict", trained, table, "--threshold", value), "bad-setting")


def test_macro_f1_chooses_a_threshold_where_it_is_asked_for():
    rows = [
        (f"{'cash' if n % 4 == 0 else 'day'} {n % 9}", "ham" if n % 4 else "spam")
        for n in range(240)
    ]
    table = write_csv("table.csv", rows)
    assert train(table, "--tune-thresholds", "--valid-fraction", "0.3").code == 0
    assert run("inspect", "model", "--json").json["thresholds"]["spam"] is not None
    assert "thresholds" in run("inspect", "model").shown
    told = train(table, "--tune-thresholds", "--valid-fraction", "0.05", out="other").told
    assert "thresholds as they were: too few of these records bear the labels" in told


def test_written_cells_are_read_again(model, held_out):
    out = run("predict", model, held_out).out
    texts_of = [text for text, _ in topical(60, seed=1)]
    with Path("again.csv").open("w", newline="") as file:
        rows = csv.DictReader(out.splitlines())
        labels = [row["labels"] for row in rows]
        csv.writer(file).writerows([("text", "labels"), *zip(texts_of, labels, strict=True)])
    found = run("evaluate", model, "again.csv", "--label-separator", ";", "--json").json
    assert found["subset_accuracy"] == 1
