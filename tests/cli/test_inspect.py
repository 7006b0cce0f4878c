"""`seqwise inspect`: what is in a file, two files or a model, and what training would choose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import refused, run, texts, train, write_csv, write_jsonl


def words_of(text):
    return " ".join(text.split())


def test_a_file(table):
    told = words_of(run("inspect", table).out)
    assert "file table.csv (csv), sequences in 'text', labels in 'label'" in told
    assert "kind text (a guess: " in told
    assert "records 24" in told
    assert "classes 2; each has 12 records" in told
    assert "ham 12 50.0% ██████████████████████████████" in told
    assert "Length in words min 3 median 3 mean 3.0" in told


def test_a_file_as_json(table):
    found = run("inspect", table, "--json").json
    (file,) = found["files"]
    assert (file["path"], file["format"]) == ("table.csv", "csv")
    assert (file["sequence_column"], file["label_column"]) == ("text", "label")
    assert file["num_records"] == file["num_usable"] == 24
    assert file["class_counts"] == {"ham": 12, "spam": 12}
    assert file["overlap"] is None
    assert {"records", "classes", "steps", "model"} <= {*found["training"]}


def test_problems_are_counted():
    file = write_csv("bad.csv", [*texts(6), ("", "ham"), ("hi", ""), texts(6)[0]])
    (found,) = run("inspect", file, "--json").json["files"]
    assert (found["missing_sequences"], found["missing_labels"]) == (1, 1)
    assert found["problems"] == {"empty-sequence": 1, "missing-label": 1}
    assert found["duplicates"]["records"] >= 1
    told = run("inspect", file).out
    assert "bad.csv:8 (record 7), column text: an empty sequence" in words_of(told)


def test_two_files():
    first = write_csv("first.csv", texts(12))
    second = write_csv("second.csv", [("something new", "ham"), *texts(12)[:5]])
    found = run("inspect", first, second, "--json").json["files"]
    assert [each["path"] for each in found] == ["first.csv", "second.csv"]
    assert [each["overlap"] for each in found] == [None, 5]
    told = words_of(run("inspect", first, second).out)
    assert "in the other file too 5 records (83.3%)" in told


def test_standard_input_is_looked_at_as_a_file_is(table):
    piped = run("inspect", "-", "--format", "csv", "--json", stdin=Path(table).read_text()).json
    found = run("inspect", table, "--json").json
    assert piped["files"][0].pop("path") == "-"
    assert found["files"][0].pop("path") == "table.csv"
    assert piped == found


def test_the_second_file_is_read_as_the_first_one():
    first = write_csv("first.csv", [("1 2 3", "a"), ("4 5", "b")] * 2, ("body", "label"))
    second = write_csv("second.csv", [("7", "a"), ("8", "b")], ("body", "label"))
    options = ("--sequence", "body", "--json")
    assert [each["kind"] for each in run("inspect", first, second, *options).json["files"]] == [
        "events",
        "events",
    ]


def test_a_file_without_labels():
    file = write_csv("a.csv", [("good day",), ("bad day",)], ("text",))
    outcome = run("inspect", file)
    assert outcome.code == 0
    assert "no labels" in outcome.out
    assert "training not without labels (--label)" in outcome.shown


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("words.csv", lambda name: write_csv(name, texts(24)), id="words"),
        pytest.param(
            "names.csv",
            lambda name: write_csv(
                name, [(f"Xa{'yz'[i % 2]}b{i}", "pq"[i % 2]) for i in range(20)]
            ),
            id="characters",
        ),
        pytest.param(
            "dna.csv",
            lambda name: write_csv(
                name, [("ACGTACGTAC" * (i + 1), "pq"[i % 2]) for i in range(12)], ("dna", "label")
            ),
            id="dna",
        ),
        pytest.param(
            "aligned.jsonl",
            lambda name: write_jsonl(
                name, [{"values": [0.5, i, 1.5], "label": "pq"[i % 2]} for i in range(12)]
            ),
            id="aligned-series",
        ),
    ],
)
def test_what_training_would_choose_is_what_it_chooses(name, make):
    file = make(name)
    promised = run("inspect", file, "--json").json["training"]
    assert all(f"{name} {text}\n" in run("inspect", file).shown for name, text in promised.items())
    told = run("train", file, "--out", "model", "--patience", "1", "--seed", "0").told
    assert all(f"{name} {text}\n" in told for name, text in promised.items())
    chosen = json.loads(Path("model/config.json").read_text())
    assert promised["training"] == f"at most {chosen['train']['epochs']} epochs"
    assert chosen["model"]["encoder"] in promised["tries"]
    assert promised["refit"].endswith(f", {chosen['model']['num_networks']} networks")
    positions = chosen["model"]["num_positions"]
    assert (f", {positions} positions)" in promised["model"]) == (positions > 0)
    shown = run("inspect", "model").shown
    shape = promised["model"].partition(";")[0]
    if chosen["model"]["encoder"] != "lstm":  # the first that is tried, of which inspect tells
        shape = ""
    assert f"shape 3 networks, each {shape}" in shown
    assert "; beside it a linear model of" in shown
    if chosen["data"]["kind"] == "text":
        assert promised["steps"].startswith(f"{chosen['data']['tokens']}")


def test_what_training_would_refuse():
    file = write_csv("one.csv", [("a b", "x"), ("c d", "x")])
    found = run("inspect", file, "--json").json["training"]
    assert "1 class only, 'x'" in found["training"]
    assert "1 class only, 'x'" in run("inspect", file).out


def test_what_training_would_refuse_with_its_code():
    file = write_csv("one.csv", [("a b", "x"), ("c d", "x")])
    assert "[one-class]" in run("inspect", file).out


def test_lines():
    Path("lines.txt").write_text("good day\nbad day\n")
    outcome = run("inspect", "lines.txt", "--json")
    assert outcome.code == 0
    assert outcome.json["files"][0]["num_records"] == 2


def test_a_model(model):
    told = words_of(run("inspect", model).out)
    config = json.loads(Path(model, "config.json").read_text())
    assert "reads text, column 'text'" in told
    assert "classes 2: ham, spam" in told
    assert f"model {model}, made with seqwise " in told
    training = config["training"]
    assert f"trained on {training['num_train'] + training['num_valid']} records of " in told
    assert f"held out {training['num_valid']} records: accuracy " in told
    assert f"{training['valid_accuracy']:.4f}" in told
    assert "; scores before the refit, on records held out" in told


def test_a_model_without_a_refit(table):
    train(table, "--keep-best")
    told = words_of(run("inspect", "model").out)
    training = json.loads(Path("model/config.json").read_text())["training"]
    assert f"trained on {training['num_train']} records of " in told
    assert "refit" not in told


def test_a_model_as_json(model):
    found = run("inspect", model, "--json").json
    config = json.loads(Path(model, "config.json").read_text())
    assert found["labels"] == ["ham", "spam"]
    assert all(found[key] == config[key] for key in ("data", "model", "train", "training"))


def test_the_cut_of_a_model_is_told(table):
    train(table, "--max-length", "2")
    assert "sequences cut at 2 steps" in run("inspect", "model").out


def test_a_file_and_a_model(model, table):
    assert "use seqwise evaluate MODEL FILE" in refused(run("inspect", table, model), "bad-setting")


def test_a_model_and_a_file(model, table):
    assert "seqwise evaluate MODEL FILE" in refused(run("inspect", model, table), "bad-setting")


def test_control_characters_in_the_labels_of_a_model():
    rows = [(f"{i} {label}", label) for i in range(4) for label in ("two\nlines", "\x1b[31mred")]
    train(write_csv("a.csv", rows))
    told = run("inspect", "model").out
    assert "two\\nlines" in told
    assert "\x1b" not in told


def test_markup_is_shown_as_it_is():
    rows = [
        (f"{word} {i}", label) for i in range(4) for word, label in (("a", "[red]"), ("b", "y"))
    ]
    file = write_csv("[bold].csv", rows)
    assert train(file, out="[blue]m").code == 0
    for told in (run("inspect", file).out, run("inspect", "[blue]m").out):
        assert "[red]" in told
        assert "[bold].csv" in told
    assert "[blue]m" in run("inspect", "[blue]m").out


def test_a_file_in_which_no_record_is_good_tells_what_is_wrong_with_them():
    outcome = run("inspect", write_jsonl("numbers.jsonl", [{"text": 5, "label": "a"}] * 7))
    assert outcome.code == 2
    lines = outcome.err.splitlines()
    assert "numbers.jsonl:1 (record 1), column text: the number 5" in lines[0]
    assert lines[-1] == "and 2 more"
