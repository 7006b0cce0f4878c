"""`seqwise evaluate`: the scores, what stands in the training file, what could not be scored."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from tests.cli.conftest import refused, run, texts, train, write_csv, write_jsonl

NAMES = ["ham", "spam"]


@pytest.fixture
def noisy():
    """Ham and spam with every third label the wrong one."""
    rows = texts(40)
    wrong = dict(zip(NAMES, reversed(NAMES), strict=True))
    rows[::3] = [(text, wrong[label]) for text, label in rows[::3]]
    return write_csv("noisy.csv", rows)


def truth_and_predictions(model, file):
    rows = run("predict", model, file, "--probabilities").rows
    with open(file) as lines:
        truth = [line.rstrip().rpartition(",")[2] for line in lines][1:]
    probabilities = [[float(row[f"probability:{name}"]) for name in NAMES] for row in rows]
    return truth, [row["label"] for row in rows], np.array(probabilities)


def test_scores_are_those_of_scikit_learn(model, noisy):
    truth, predicted, probabilities = truth_and_predictions(model, noisy)
    found = run("evaluate", model, noisy, "--json").json
    assert found["num_records"] == 40
    assert 0.5 < found["accuracy"] < 0.8
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "macro_f1": metrics.f1_score(truth, predicted, average="macro"),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "log_loss": metrics.log_loss(truth, probabilities, labels=NAMES),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    matrix = metrics.confusion_matrix(truth, predicted, labels=NAMES)
    assert found["confusion"] == {"labels": NAMES, "true_by_predicted": matrix.tolist()}


def test_scores_of_each_class_are_those_of_scikit_learn(model, noisy):
    truth, predicted, _ = truth_and_predictions(model, noisy)
    columns = metrics.precision_recall_fscore_support(truth, predicted, labels=NAMES)
    found = run("evaluate", model, noisy, "--json").json["per_class"]
    assert [each["label"] for each in found] == NAMES
    given = [[each[key] for each in found] for key in ("precision", "recall", "f1", "support")]
    assert np.allclose(given, columns)


def test_calibration_error(model, noisy):
    truth, predicted, probabilities = truth_and_predictions(model, noisy)
    confidence = probabilities.max(axis=1)
    right = np.array(truth) == np.array(predicted)
    bins = np.ceil(confidence * 15)
    gaps = [abs(right[bins == b].sum() - confidence[bins == b].sum()) for b in np.unique(bins)]
    found = run("evaluate", model, noisy, "--json").json["ece"]
    assert found == pytest.approx(sum(gaps) / 40, abs=1e-9)


def test_the_table_for_people(model, noisy):
    found = run("evaluate", model, noisy, "--json").json
    told = [" ".join(line.split()) for line in run("evaluate", model, noisy).out.splitlines()]
    assert "records 40" in told
    assert any(line.startswith(f"accuracy {found['accuracy']:.3f} (always ") for line in told)
    assert f"macro F1 {found['macro_f1']:.3f}" in told
    matrix = found["confusion"]["true_by_predicted"]
    head = told.index("ham spam")
    assert told[head + 1 : head + 3] == [
        f"{name} {row[0]} {row[1]}" for name, row in zip(NAMES, matrix, strict=True)
    ]


def test_nothing_but_json_with_json(model, noisy):
    outcome = run("evaluate", model, noisy, "--json")
    assert outcome.out.startswith("{")
    assert outcome.out.endswith("}\n")
    assert outcome.err == ""


def test_records_of_the_training_file(model):
    seen, new = texts(10), [("nice try", "ham"), ("free try", "spam"), ("win try", "ham")]
    training = write_csv("seen.csv", seen)
    file = write_csv("new.csv", [*seen[:4], *new])
    alone = write_csv("alone.csv", new)
    found = run("evaluate", model, file, "--train", training, "--json").json
    assert (found["num_records"], found["num_in_training_file"]) == (7, 4)
    rest, expected = (
        found["without_training_records"],
        run("evaluate", model, alone, "--json").json,
    )
    assert rest["num_records"] == 3
    assert rest["accuracy"] == expected["accuracy"]
    assert rest["log_loss"] == pytest.approx(expected["log_loss"], abs=1e-6)
    told = run("evaluate", model, file, "--train", training).out
    assert "4 of these records stand in seen.csv" in told
    assert f"without them (3 records): accuracy {rest['accuracy']:.4f}" in told


def test_no_records_of_the_training_file(model, table):
    training = write_csv("seen.csv", [("other words", "ham")])
    assert (
        run("evaluate", model, table, "--train", training, "--json").json["num_in_training_file"]
        == 0
    )
    assert "none of these records stands in seen.csv" in (
        run("evaluate", model, table, "--train", training).out
    )


def test_nothing_is_said_of_the_training_file_without_it(model, table):
    assert "num_in_training_file" not in run("evaluate", model, table, "--json").json


def test_all_records_of_the_training_file(model, table):
    found = run("evaluate", model, table, "--train", table, "--json").json
    assert found["num_in_training_file"] == 24
    assert found["without_training_records"] is None


def test_bad_records_and_unknown_labels_are_left_out_and_told(model):
    file = write_csv("new.csv", [*texts(8), ("what", "eggs"), ("", "ham"), ("how", "")])
    found = run("evaluate", model, file, "--json").json
    assert (found["num_records"], found["num_problems"]) == (8, 3)
    codes = [problem.rpartition("[")[2] for problem in found["problems"]]
    assert codes == ["unknown-label]", "empty-sequence]", "missing-label]"]
    assert "'eggs'" in found["problems"][0]
    shown = run("evaluate", model, file).shown
    assert shown.index("left out 3 of the 11 records of new.csv, the first: ") < shown.index(
        "accuracy"
    )
    good = write_csv("good.csv", texts(8))
    assert found["log_loss"] == pytest.approx(
        run("evaluate", model, good, "--json").json["log_loss"], abs=1e-6
    )


def test_strict(model):
    file = write_csv("new.csv", [*texts(8), ("what", "eggs"), ("", "ham")])
    outcome = run("evaluate", model, file, "--strict")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'eggs'" in outcome.error
    assert outcome.err.splitlines()[1].startswith("new.csv:11 (record 10), column text: ")


def test_unknown_labels_only(model):
    file = write_csv("new.csv", [("what", "eggs"), ("now", "eggs")])
    outcome = run("evaluate", model, file)
    assert outcome.code == 2
    assert outcome.error.endswith("[unknown-label]")
    assert len(outcome.err.splitlines()) == 2


def test_a_file_without_labels(model):
    write_jsonl("new.jsonl", [{"text": "nice"}])
    assert refused(run("evaluate", model, "new.jsonl"), "column-missing")


def test_what_max_length_cuts_and_unknown_tokens_are_told(table):
    train(table, "--max-length", "2")
    file = write_csv("new.csv", [("good 1 day", "ham"), ("unheard of", "spam")])
    found = run("evaluate", "model", file, "--json").json
    assert (found["num_unknown_tokens"], found["num_cut"]) == (2, 1)
    told = run("evaluate", "model", file).shown
    assert "unknown 2 tokens (" in told
    assert "cut 1 sequences at the model's max_length" in told


def test_quiet_prints_scores_only(model, table):
    outcome = run("evaluate", model, table, "--quiet", "--train", table)
    assert outcome.err == ""
    assert "accuracy" in outcome.out
    assert "stand in" not in outcome.out


def test_from_standard_input(model, table):
    with open(table) as content:
        outcome = run("evaluate", model, "-", "--format", "csv", "--json", stdin=content.read())
    assert outcome == run("evaluate", model, table, "--json")
