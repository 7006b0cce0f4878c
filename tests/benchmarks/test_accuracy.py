"""The script that compares accuracies, on data made here; its peers' packages are not needed."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
QUESTIONS = {
    "LOC": "where is the {} ?",
    "HUM": "who wrote the {} ?",
    "NUM": "how many {} are left ?",
}
THINGS = ("tree", "book", "river", "song", "house", "letter", "bird", "road")


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


def write_questions(folder):
    folder.mkdir(parents=True)
    rows = [(form.format(each), label) for each in THINGS for label, form in QUESTIONS.items()]
    for name, part in (("train", rows), ("test", [*rows[-6:], ("who wrote the king ?", "HUM")])):
        with gzip.open(folder / f"{name}.csv.gz", "wt", newline="") as stream:
            csv.writer(stream).writerows([("text", "label"), *part])


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Run the script's own function; each fit is a process of its own as ever."""
    import accuracy

    places = {"--data": "data", "--result": "accuracy.json", "--page": "accuracy.md"}
    options = [str(each) for name, file in places.items() for each in (name, tmp_path / file)]

    def run(*more):
        picture = str(tmp_path / "accuracy.svg")
        monkeypatch.setattr("sys.argv", ["accuracy.py", *options, "--picture", picture, *more])
        accuracy.main()
        return json.loads((tmp_path / "accuracy.json").read_text())

    return run


def test_each_fit_is_a_row_once_and_those_out_of_time_are_told(tmp_path, compare):
    import accuracy

    write_questions(tmp_path / "data" / "trec6")
    asked = ("--only", "trec6", "--contenders")
    late = compare(*asked, "words-nbsvm", "--minutes", "0.000001")["rows"][0]
    assert (late["contender"], late["outcome"]) == ("words-nbsvm", "out of time")
    assert accuracy.deserves_another(late, 5)
    assert not accuracy.deserves_another(late, 0.000001)
    assert accuracy.deserves_another(late | {"outcome": "failed"}, 0.000001)

    found = compare(*asked, "words-svm", "--minutes", "5")
    _, row = found["rows"]
    assert (row["data"], row["contender"], row["seed"]) == ("trec6", "words-svm", 0)
    assert (row["accuracy"], row["macro_f1"], row["log_loss"]) == (1.0, 1.0, None)
    assert (row["num_test"], row["num_unseen"], row["unseen_accuracy"]) == (7, 1, 1.0)
    assert row["outcome"] == "done"
    assert row["peak_memory_mb"] > 100
    assert row["commit"]
    assert found["machines"][row["machine"]]["torch_threads"] == 1
    page = (tmp_path / "accuracy.md").read_text()
    assert "| words-nbsvm | not within 1e-06 min |" in page
    assert "| words-svm | 1.0000 | 1.0000 |" in page
    assert "<svg" in (tmp_path / "accuracy.svg").read_text()

    # What is known is kept, and a contender whose seed changes nothing has no other.
    both = ("words-nbsvm", "words-svm", "--minutes", "0.000001", "--seeds", "0", "1")
    assert compare(*asked, *both) == found


def test_data_sets_of_ones_own_have_peers_by_their_kind_and_no_aims(tmp_path, compare):
    import accuracy
    from peers.accuracy.datasets import load_datasets
    from peers.accuracy.reading import read_parts

    sets = tmp_path / "sets.json"
    files = {"train": "train.csv.gz", "test": "test.csv.gz"}
    sets.write_text(json.dumps({"mine": {"kind": "protein", "source": "Made here.", **files}}))
    (tmp_path / "data").mkdir()
    # By their letters alone these would be DNA.
    rows = [(part * number, part) for number in (2, 3, 4) for part in ("ACG", "TGT")]
    for file in files.values():
        with gzip.open(tmp_path / "data" / file, "wt", newline="") as stream:
            csv.writer(stream).writerows([("sequence", "label"), *rows])

    mine = load_datasets(sets)["mine"]
    assert read_parts(tmp_path / "data", mine, None).kind == "protein"
    assert read_parts(tmp_path / "data", replace(mine, kind=None), None).kind == "dna"

    peers = ("words-svm", "chars-nbsvm")  # words are none of a protein's
    row, *more = compare("--sets", str(sets), "--contenders", *peers)["rows"]
    assert (row["data"], row["contender"], row["accuracy"]) == ("mine", "chars-nbsvm", 1.0)
    assert not more
    page = (tmp_path / "accuracy.md").read_text()
    assert "| data | seqwise | best peer | its accuracy | beside it |" in page
    assert "## mine\n\nMade here.\n" in page
    with pytest.raises(SystemExit):
        compare("--sets", str(sets), "--only", "trec6")

    places = accuracy.find_places(sets)  # the project's own results are left alone
    assert {place.parent for name, place in places.items() if name != "data"} == {tmp_path}
    assert places["data"] == tmp_path


def test_page_marks_lost_rows_and_missed_aims():
    from accuracy_report import make_page
    from peers.accuracy.datasets import DATASETS

    def row(data, contender, seed, accuracy):
        done = {"outcome": "done", "commit": "abc", "fold": None, "machine": 0}
        return {**done, "data": data, "contender": contender, "seed": seed, "accuracy": accuracy}

    rows = [row("trec6", "seqwise", seed, found) for seed, found in enumerate((0.93, 0.95))]
    rows += [row("trec6", "words-svm", 0, 0.945), row("trec6", "words-lr", 0, 0.91)]
    rows += [row("splice", "seqwise", 0, 0.96), row("splice", "cnn", 0, 0.955)]
    rows += [row("splice", "seqwise-10m", 0, 0.958)]  # ahead of the best peer, and not one of them
    rows += [row("fsdd-speakers", "seqwise", 0, 0.8) | {"fold": 0}]
    rows += [row("fsdd-speakers", "lstm", 0, 0.5) | {"fold": fold} for fold in range(6)]
    page = make_page({"machines": [{"cores": 2}], "rows": rows}, DATASETS, "accuracy.svg")
    assert "![Errors of all contenders](accuracy.svg)" in page
    for line in (
        "| trec6 | 0.94 | 0.9400 ± 0.0141 | reached |  | words-svm | 0.9450 | **lost** |",
        "| splice | 0.97 | 0.9600 | **missed** | 0.9580 | cnn | 0.9550 | at least as good |",
        "| fsdd-speakers | 0.75 | 0.8000 (1 of 6 folds) |  |  | lstm | 0.5000 ± 0.0000 |  |",
        "| **words-svm** | 0.9450 | 1 |",
        "| words-lr | 0.9100 | 1 |",
        "| seqwise-10m | 0.9580 | 1 |",
    ):
        assert line in page


def test_threshold_never_takes_a_wrong_answer_for_a_right_one():
    from peers.accuracy.scoring import find_threshold

    right = np.array([0.9, 0.8, -np.inf, -np.inf, -np.inf, -np.inf])
    assert find_threshold(right, np.array([0.7, 0.3])) == 0.8
    # To let one more be answered, two strangers would be.
    assert find_threshold(np.array([0.9, 0.2]), np.array([0.5, 0.4])) == 0.9


def test_strangers_are_refused_by_a_threshold_of_the_validation_part(tmp_path):
    from peers.accuracy.nbsvm import build
    from peers.accuracy.reading import read_clinc150
    from peers.accuracy.scoring import score

    rows = [[form.format(each), name] for each in THINGS for name, form in QUESTIONS.items()]
    strangers = [[f"{each} {each}", "oos"] for each in THINGS]
    parts = {"train": rows[:18], "val": rows[18:21], "test": rows[21:]}
    parts |= {"oos_train": [], "oos_val": strangers[:4], "oos_test": strangers[4:]}
    with gzip.open(tmp_path / "data.json.gz", "wt") as stream:
        json.dump({name: part for name, part in parts.items() if part}, stream)
    read = read_clinc150(tmp_path / "data.json.gz")
    model = build("words-nbsvm", read.kind, 0)
    model.fit(read.train.sequences, read.train.labels)
    scores = score(model, read)
    assert scores["accuracy"] == 1.0
    assert scores["outside_recall"] == 1.0
    assert scores["inside_accuracy"] == 1.0


def test_naive_bayes_weighs_by_presence():
    from scipy.sparse import csr_matrix

    from peers.accuracy.nbsvm import log_count_ratio

    present = csr_matrix([[1, 0, 1], [1, 0, 0], [0, 1, 1]])
    ratios = log_count_ratio(present, np.array([True, True, False]))
    # (1 + 2, 1 + 0, 1 + 1) of 6 against (1 + 0, 1 + 1, 1 + 1) of 5
    assert ratios == pytest.approx(
        np.log([(3 / 6) / (1 / 5), (1 / 6) / (2 / 5), (2 / 6) / (2 / 5)])
    )


def test_series_are_padded_behind_their_ends():
    from peers.accuracy.padding import pad_series

    padded = pad_series([np.ones((2, 3)), np.arange(15.0).reshape(5, 3)], 4)
    assert padded.shape == (2, 3, 4)
    assert padded[0, 0].tolist() == [1, 1, 0, 0]
    assert padded[1, 2].tolist() == [2, 5, 8, 11]


def test_ngrams_of_characters_know_the_edges_of_a_text():
    from peers.accuracy.ngrams import list_ngrams

    found = list_ngrams("ab", kind="text", unit="chars", longest=2)
    assert found == ["\n", "a", "b", "\n", "\na", "ab", "b\n"]
    assert list_ngrams("acu", kind="dna", unit="chars", longest=2) == ["A", "C", "U", "AC", "CU"]
    assert list_ngrams("4 17", kind="events", unit="words", longest=2) == ["4", "17", "4 17"]
