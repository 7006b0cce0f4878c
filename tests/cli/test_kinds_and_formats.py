"""Every kind in every format that can hold it: train, predict, and the same from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from seqwise import SequenceClassifier
from tests.cli.conftest import run, texts, train, write_csv, write_gz, write_jsonl, write_parquet

LABELS = ["x", "y"] * 8


def letters(alphabet, random):
    return ["".join(random.choice(list(alphabet), 20 + index % 5)) for index in range(16)]


def sequences_of(kind):
    """Make 16 sequences of different lengths."""
    random = np.random.default_rng(7)
    lengths = [4 + index % 3 for index in range(16)]
    return {
        "text": [" ".join(random.choice(["a", "bb", "ccc"], length)) for length in lengths],
        "dna": letters("ACGT", random),
        "protein": letters("ACDEFGHIKLMNPQRSTVWY", random),
        "series": [random.normal(size=(length, 1)) for length in lengths],
        "channels": [random.normal(size=(length, 2)) for length in lengths],
        "events": [random.integers(0, 30, length).tolist() for length in lengths],
    }[kind]


def cell(sequence):
    """Write a sequence as one cell of a table."""
    if isinstance(sequence, str):
        return sequence
    if isinstance(sequence, list):
        return " ".join(map(str, sequence))
    return str(sequence.squeeze(axis=1).tolist() if sequence.shape[1] == 1 else sequence.tolist())


def plain(sequence):
    return sequence.tolist() if isinstance(sequence, np.ndarray) else sequence


def write_table(name, sequences, column, delimiter=","):
    rows = zip(map(cell, sequences), LABELS, strict=True)
    return write_csv(name, rows, (column, "label"), delimiter)


def write_packed_table(name, sequences, column):
    write_table("unpacked.csv", sequences, column)
    return write_gz(name, Path("unpacked.csv").read_text())


def write_lines(name, sequences, column):
    pairs = zip(sequences, LABELS, strict=True)
    return write_jsonl(name, [{column: plain(each), "label": label} for each, label in pairs])


def write_columns(name, sequences, column):
    return write_parquet(name, [plain(each) for each in sequences], LABELS, column)


def write_fasta(name, sequences, column):
    pairs = zip(sequences, LABELS, strict=True)
    records = [f">r{i} {label}\n{seq[:9]}\n{seq[9:]}" for i, (seq, label) in enumerate(pairs)]
    Path(name).write_text("\n".join(records))
    return name


def write_ts(name, sequences, column):
    pairs = zip(sequences, LABELS, strict=True)
    lines = [
        ":".join(",".join(map(repr, channel)) for channel in series.T.tolist()) + f":{label}"
        for series, label in pairs
    ]
    Path(name).write_text("# made up\n@classLabel true x y\n@data\n" + "\n".join(lines))
    return name


def write_folder(name, sequences, column):
    for index, (sequence, label) in enumerate(zip(sequences, LABELS, strict=True)):
        path = Path(name, label, f"{index:02}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cell(sequence))
    return name


FILES = {
    "a.csv": write_table,
    "a.tsv": lambda *arguments: write_table(*arguments, delimiter="\t"),
    "a.csv.gz": write_packed_table,
    "a.jsonl": write_lines,
    "a.parquet": write_columns,
    "a.fasta": write_fasta,
    "a.ts": write_ts,
    "a": write_folder,
}
TABLES = ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.parquet"]
COLUMNS = {"series": "values", "channels": "values", "events": "tokens"}
CASES = [
    *(("text", name) for name in [*TABLES, "a"]),
    *(("dna", name) for name in ["a.csv", "a.fasta", "a"]),
    *(("protein", name) for name in ["a.tsv", "a.fasta"]),
    *(("series", name) for name in [*TABLES, "a.ts"]),
    *(("channels", name) for name in ["a.csv", "a.jsonl", "a.parquet", "a.ts"]),
    *(("events", name) for name in [*TABLES, "a"]),
]


def in_order_of_the_file(name, sequences):
    """A folder is read label by label."""
    if name != "a":
        return sequences, LABELS
    order = sorted(range(16), key=lambda index: LABELS[index])
    return [sequences[index] for index in order], sorted(LABELS)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_file_and_python_objects_give_the_same_model(kind, name):
    sequences = sequences_of(kind)
    file = FILES[name](name, sequences, COLUMNS.get(kind, "sequence"))
    assert train(file, "-q").err == ""

    sequences, labels = in_order_of_the_file(name, sequences)
    chosen = "events" if kind == "events" else None  # a list of integers may be a series
    classifier = SequenceClassifier(epochs=1, hidden_size=4, embedding_dim=4, kind=chosen)
    classifier.fit(sequences, labels).save("from-python")
    file_weights, python_weights = (
        load_file(f"{folder}/model.safetensors") for folder in ("model", "from-python")
    )
    assert file_weights.keys() == python_weights.keys()
    assert all((file_weights[key] == python_weights[key]).all() for key in file_weights)

    rows = run("predict", "model", file, "--probabilities").rows
    expected = classifier.predict_proba(sequences)
    given = [[float(row["probability:x"]), float(row["probability:y"])] for row in rows]
    assert np.array_equal(given, expected)
    assert [row["label"] for row in rows] == classifier.predict(sequences).tolist()
    assert run("evaluate", "model", file, "--json").json["accuracy"] == classifier.score(
        sequences, labels
    )


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_kind_is_guessed_and_told(kind, name):
    file = FILES[name](name, sequences_of(kind), COLUMNS.get(kind, "sequence"))
    outcome = run("inspect", file, "--json")
    assert outcome.json["files"][0]["kind"] == ("series" if kind == "channels" else kind)
    assert outcome.json["files"][0]["kind_guess"]


def test_labels_of_fasta_from_a_table():
    file = write_fasta("a.fasta", sequences_of("dna"), "")
    table = write_csv("ids.csv", [(f"r{i}", "pq"[i % 3 > 1]) for i in range(16)], ("id", "family"))
    options = ("--labels-from", table, "--label", "family")
    assert train(file, *options).code == 0
    found = run("evaluate", "model", file, *options, "--json").json
    assert [each["support"] for each in found["per_class"]] == [11, 5]
    assert {row["label"] for row in run("predict", "model", file).rows} <= {"p", "q"}


@pytest.mark.parametrize("labels", [[3, 4], [True, False], [1.0, 0.0]])
def test_a_model_of_python_labels_is_evaluated_on_a_file(labels):
    y = labels * 12
    sequences = [text for text, _ in texts()]
    SequenceClassifier(epochs=1, hidden_size=4).fit(sequences, y).save("model")
    rows = [{"text": text, "label": label} for text, label in zip(sequences, y, strict=True)]
    outcome = run("evaluate", "model", write_jsonl("new.jsonl", rows), "--json")
    assert outcome.json["num_records"] == 24


def test_a_column_and_a_format_can_be_named():
    rows = [(text, index, label) for index, (text, label) in enumerate(texts())]
    file = write_csv("data.unknown", rows, ("first", "second", "third"))
    options = ("--format", "csv", "--sequence", "first", "--label", "third")
    assert "sequences in 'first', labels in 'third'" in train(file, *options).err
    # The model remembers the names.
    assert run("evaluate", "model", file, "--format", "csv", "--json").json["num_records"] == 24


def test_the_kind_can_be_named():
    file = write_table("a.csv", sequences_of("dna"), "text")
    assert "kind text\n" in train(file, "--kind", "text").told
    assert "kind dna (a guess: " in train(file, out="other").told
