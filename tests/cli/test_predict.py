"""`seqwise predict`: one row a record, in order, from anywhere to anywhere."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqwise import predictor
from seqwise.cli import predict as command
from seqwise.cli.writers import CsvWriter
from tests.cli.conftest import refused, run, texts, train, write_csv, write_gz, write_jsonl

HAM, SPAM = "nice 3 day", "cash 4 day"
MIXED = "text,other\nnice 3 day,1\n,2\ncash 4 day,3\na,b,c\nfree 1 day,5\n"


@pytest.fixture
def mixed():
    """Five records, of which the second and the fourth are bad."""
    Path("mixed.csv").write_text(MIXED)
    return "mixed.csv"


def labels_of(outcome):
    assert outcome.code == 0, outcome
    return [row["label"] for row in outcome.rows]


def test_rows_are_in_the_order_of_the_records(model):
    rows = texts(60)[::-1] + texts(7)
    file = write_csv("new.csv", rows)
    assert labels_of(run("predict", model, file)) == [label for _, label in rows]


def test_order_and_probabilities_do_not_depend_on_the_blocks(model, monkeypatch):
    rows = [(f"{text} day" * (index % 5 + 1), label) for index, (text, label) in enumerate(texts())]
    file = write_csv("new.csv", rows)
    whole = run("predict", model, file, "--deterministic").out
    monkeypatch.setattr(predictor, "BLOCK_RECORDS", 5)
    assert run("predict", model, file, "--deterministic").out == whole


def test_probability_is_that_of_the_label(model, table):
    for row in run("predict", model, table, "--probabilities").rows:
        each = {name: float(row[f"probability:{name}"]) for name in ("ham", "spam")}
        assert sum(each.values()) == pytest.approx(1, abs=1e-12)
        assert row["label"] == max(each, key=each.get)
        assert float(row["probability"]) == each[row["label"]]
        assert row["problem"] == ""


def test_columns(model, table):
    header = run("predict", model, table).out.splitlines()[0]
    assert header == "label,probability,problem"
    header = run("predict", model, table, "--probabilities").out.splitlines()[0]
    assert header == "label,probability,problem,probability:ham,probability:spam"


def test_a_bad_record_has_a_row_with_a_problem(model, mixed):
    outcome = run("predict", model, mixed, "--probabilities")
    assert labels_of(outcome) == ["ham", "", "spam", "", "spam"]
    bad = [outcome.rows[1], outcome.rows[3]]
    assert all(row["probability"] == row["probability:ham"] == "" for row in bad)
    assert bad[0]["problem"].startswith("mixed.csv:3 (record 2), column text: an empty sequence - ")
    assert bad[0]["problem"].endswith(" [empty-sequence]")
    assert bad[1]["problem"].startswith("mixed.csv:5 (record 4): 3 cells")
    assert [bool(row["problem"]) for row in outcome.rows] == [False, True, False, True, False]


def test_bad_records_are_counted(model, mixed):
    told = run("predict", model, mixed).told
    assert "predicted 3 of 5 records\n" in told
    assert "1 empty-sequence, 1 ragged-row; the first: mixed.csv:3 (record 2)" in told


def test_unknown_tokens_are_counted(model):
    told = run("predict", model, stdin="never seen\nnice day\n").told
    assert "unknown 2 tokens (50.0%)" in told
    assert "unknown" not in run("predict", model, stdin="nice day\n").err


def test_what_max_length_cuts_is_counted(table):
    train(table, "--max-length", "2")
    assert "cut 1 sequences" in run("predict", "model", stdin="a b c\na b\n").told


def test_quiet_prints_rows_only(model, mixed):
    outcome = run("predict", model, mixed, "--quiet")
    assert outcome.err == ""
    assert outcome.out == run("predict", model, mixed).out
    silent = run("predict", model, mixed, "-q", "-o", "new.csv")
    assert (silent.code, silent.out, silent.err) == (0, "", "")


def test_strict_makes_a_bad_record_an_error(model, mixed):
    line = refused(run("predict", model, mixed, "--strict"), "empty-sequence")
    assert line.startswith("mixed.csv:3 (record 2), column text: an empty sequence")
    assert refused(run("predict", model, mixed, "--strict", "-o", "new.csv"), "empty-sequence")
    assert sorted(Path().iterdir()) == [Path("mixed.csv"), Path("model")]


def test_strict_is_content_with_good_records(model, table):
    assert run("predict", model, table, "--strict") == run("predict", model, table)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"text\n{HAM}\n{SPAM}\n", id="csv"),
        pytest.param(f"other,text\n1,{HAM}\n2,{SPAM}\n", id="csv-of-more-columns"),
        pytest.param(f"other\ttext\n1\t{HAM}\n2\t{SPAM}\n", id="tsv"),
        pytest.param(f"{HAM}\n{SPAM}\n", id="lines"),
        pytest.param(f"{HAM}\r\n{SPAM}\r\n", id="lines-with-crlf"),
        pytest.param(f"{HAM}\n{SPAM}", id="lines-without-an-end"),
        pytest.param(f'{{"text": "{HAM}"}}\n{{"text": "{SPAM}"}}\n', id="jsonl"),
    ],
)
def test_from_standard_input(model, content):
    assert labels_of(run("predict", model, stdin=content)) == ["ham", "spam"]
    assert run("predict", model, "-", stdin=content) == run("predict", model, stdin=content)


def test_it_says_as_what_it_reads_standard_input(model):
    content = f"text\tlabel\n{HAM}\tham\n"
    told = run("predict", model, stdin=content).told
    assert "file - (tsv: a guess, by its beginning; --format says otherwise)\n" in told
    assert "a guess" not in run("predict", model, "-", "--format", "tsv", stdin=content).told


def test_an_empty_line_is_a_record(model):
    assert labels_of(run("predict", model, stdin=f"{HAM}\n\n{SPAM}\n")) == ["ham", "", "spam"]


def test_fasta_from_standard_input():
    rows = [("ACGT" * 5, "x"), ("ACGG" * 4, "x"), ("TTTA" * 5, "y"), ("TTTC" * 4, "y")]
    train(write_csv("dna.csv", rows, ("sequence", "label")))
    outcome = run("predict", "model", stdin=">a\nACGT\nACG\n>b some words\nTTXQ!\n")
    assert outcome.rows[0]["label"] in ("x", "y")
    assert "unknown-letter" in outcome.rows[1]["problem"]


def test_ts_with_comments_from_standard_input():
    rows = [{"values": [0.5, 1.5, index + 0.5], "label": "ab"[index % 2]} for index in range(8)]
    train(write_jsonl("series.jsonl", rows))
    content = "# first\n# second\n@problemName made\n@classLabel false\n@data\n1,2,3\n4,5\n"
    assert set(labels_of(run("predict", "model", stdin=content))) <= {"a", "b"}
    assert len(run("predict", "model", stdin=content).rows) == 2


def test_a_model_trained_on_a_column_reads_other_names(model):
    Path("new.csv").write_text(f"message,id\n{HAM},1\n{SPAM},2\n")
    assert labels_of(run("predict", model, "new.csv", "--sequence", "message")) == ["ham", "spam"]


def test_a_column_that_is_guessed_is_told(model):
    Path("new.csv").write_text(f"message,label,id\n{HAM},ham,1\n{SPAM},spam,2\n")
    told = "file new.csv (csv), sequences in 'message' (a guess: there is no 'text' as in training;"
    for verb in ("predict", "evaluate"):
        assert told in run(verb, model, "new.csv").told
        for said in (("--quiet",), ("--sequence", "message")):
            assert "a guess" not in run(verb, model, "new.csv", *said).told


def test_jsonl_on_standard_output(model, mixed):
    outcome = run("predict", model, mixed, "--output-format", "jsonl", "--probabilities")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row["label"] for row in rows] == ["ham", None, "spam", None, "spam"]
    assert rows[0]["probability:ham"] == rows[0]["probability"] > 0.5
    assert rows[0]["problem"] is None
    assert rows[1]["probability"] is rows[1]["probability:ham"] is None


def test_every_format_of_output_says_the_same(model, mixed):
    stream = run("predict", model, mixed, "--probabilities")
    for name in ("new.csv", "new.jsonl", "new.parquet"):
        outcome = run("predict", model, mixed, "--probabilities", "-o", name)
        assert outcome.out == ""
        assert f"written to {name}" in outcome.told
    assert Path("new.csv").read_text() == stream.out
    lines = [json.loads(line) for line in Path("new.jsonl").read_text().splitlines()]
    assert pq.read_table("new.parquet").to_pylist() == lines
    texts_of_lines = [{k: "" if v is None else str(v) for k, v in row.items()} for row in lines]
    assert texts_of_lines == stream.rows


def test_the_ending_of_an_output_may_be_in_capitals(model, table):
    assert run("predict", model, table, "-o", "NEW.CSV").code == 0
    assert Path("NEW.CSV").read_text() == run("predict", model, table).out


def test_labels_stay_as_they_are():
    pairs = [(f"{word} {index}", label) for index in range(8) for word, label in LABELS.items()]
    train(write_jsonl("odd.jsonl", [{"text": text, "label": label} for text, label in pairs]))
    for name in ("new.csv", "new.jsonl", "new.parquet"):
        assert run("predict", "model", "odd.jsonl", "-o", name).code == 0
    assert {row["label"] for row in pq.read_table("new.parquet").to_pylist()} <= {*LABELS.values()}
    with Path("new.csv").open(encoding="utf-8", newline="") as file:
        written = [row["label"] for row in csv.DictReader(file)]
    assert written == pq.read_table("new.parquet")["label"].to_pylist()
    found = run("evaluate", "model", "odd.jsonl", "--json").json
    assert {each["label"] for each in found["per_class"]} == {*LABELS.values()}


LABELS = {
    "a": "[red]",
    "b": "two\nlines",
    "c": 'quo"te',
    "d": "1",
    "e": "01",
    "f": "ähm, ✓",
    "g": "a\rb",
}


def test_an_output_that_exists_is_kept(model, table):
    Path("new.csv").write_text("precious")
    assert refused(run("predict", model, table, "-o", "new.csv"), "output-exists")
    assert Path("new.csv").read_text() == "precious"
    assert run("predict", model, table, "-o", "new.csv", "--overwrite").code == 0
    assert Path("new.csv").read_text() == run("predict", model, table).out


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("new.xls", "unknown-format"),
        ("new", "unknown-format"),
        ("missing/new.csv", "output-unwritable"),
        ("folder.csv", "output-exists"),
    ],
)
def test_an_output_that_cannot_be_written(model, table, name, code):
    Path("folder.csv").mkdir()
    before = sorted(Path().iterdir())
    line = refused(run("predict", model, table, "-o", name, "--overwrite"), code)
    assert line.startswith(f"{name}: ")
    assert sorted(Path().iterdir()) == before


def test_the_input_is_not_replaced_by_the_output(model, table):
    before = Path(table).read_text()
    refused(run("predict", model, table, "-o", table, "--overwrite"), "output-exists")
    assert Path(table).read_text() == before
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(before)
    for out in ("parts/a.csv", "parts/new.csv"):
        refused(run("predict", model, "parts", "-o", out, "--overwrite"), "output-unwritable")
    refused(train("parts", out="parts/model"), "output-unwritable")
    refused(run("encode", "parts", "-o", "parts/store"), "output-unwritable")
    assert [path.name for path in Path("parts").iterdir()] == ["a.csv"]
    assert Path("parts/a.csv").read_text() == before
    Path("parts/_out").mkdir()  # which no reader looks at
    assert run("predict", model, "parts", "-o", "parts/_out/new.csv").code == 0


@pytest.mark.parametrize("options", [("--output-format", "jsonl"), ("--checkpoint-seconds", "nan")])
def test_options_without_an_effect(model, table, options):
    refused(run("predict", model, table, "-o", "new.csv", *options), "bad-setting")


def test_problems_name_their_own_file_of_several():
    rows = [{"values": [[0.5, 1], [i, 2]], "label": "ab"[i % 2]} for i in range(8)]
    train(write_jsonl("train.jsonl", rows))
    Path("many").mkdir()
    write_jsonl("many/a.jsonl", rows)
    write_jsonl("many/b.jsonl", [{"values": [[0.5], [1]], "label": "a"}, {**rows[0], "label": "c"}])
    (row,) = (row for row in run("predict", "model", "many").rows if row["problem"])
    assert row["problem"].startswith("many/b.jsonl:1 (record 1), column values: 1 channel - ")
    told = run("evaluate", "model", "many").out
    assert "2 of the 10 records of many, the first: many/b.jsonl:1 (record 1)" in told


def test_several_files_without_a_record(model):
    Path("many").mkdir()
    for name in "ab":
        Path(f"many/{name}.csv").write_text("text,label\n")
    refused(run("predict", model, "many"), "no-records")
    refused(run("predict", model, "many", "-o", "new.csv"), "no-records")
    assert not Path("new.csv").exists()


def test_a_problem_that_the_model_finds_names_its_place():
    rows = [{"values": [[0.5, 1], [i, 2]], "label": "ab"[i % 2]} for i in range(8)]
    train(write_jsonl("train.jsonl", rows))
    write_jsonl("new.jsonl", [{"values": [[0.5], [1]]}])
    (row,) = run("predict", "model", "new.jsonl").rows
    assert row["problem"].startswith("new.jsonl:1 (record 1), column values: 1 channel - ")


def test_a_problem_does_not_advise_an_option_that_is_not_there(model, mixed):
    assert "--skip-bad" not in run("predict", model, mixed).err


@pytest.mark.parametrize("name", ["new.csv", "new.jsonl", "new.parquet"])
def test_nothing_is_half_written(model, monkeypatch, name):
    monkeypatch.setattr(predictor, "BLOCK_RECORDS", 2)
    table = write_csv("table.csv", texts(400))
    write_gz("cut.csv.gz", Path(table).read_text())
    packed = Path("cut.csv.gz")
    packed.write_bytes(packed.read_bytes()[:-20])
    Path(name).write_text("precious")
    before = sorted(Path().iterdir())
    line = refused(run("predict", model, "cut.csv.gz", "-o", name, "--overwrite"), "bad-gzip")
    assert line.startswith("cut.csv.gz:")
    assert Path(name).read_text() == "precious"
    assert sorted(Path().iterdir()) == before


def test_a_disk_that_is_full(model, table, monkeypatch):
    def write(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvWriter, "_write", write)
    line = refused(run("predict", model, table, "-o", "new.csv"), "output-unwritable")
    assert line.startswith("new.csv: No space left on device - ")
    assert not list(Path().glob("*new.csv*"))


def test_records_are_read_as_rows_are_written(model, monkeypatch):
    """The writer has the first block before the reader has been asked for the third."""
    monkeypatch.setattr(predictor, "BLOCK_RECORDS", 10)
    file = write_csv("many.csv", texts(200))
    num_read = num_written = most_ahead = 0
    open_for_model = command.open_for_model

    class Counted:
        def __init__(self, records):
            self.records = records

        def __getattr__(self, name):
            return getattr(self.records, name)

        def checked(self, kind, *, start):
            nonlocal num_read, most_ahead
            for record in self.records.checked(kind, start=start):
                num_read += 1
                most_ahead = max(most_ahead, num_read - num_written)
                yield record

    class CountingWriter(CsvWriter):
        def write(self, block):
            nonlocal num_written
            num_written += len(block.records)
            super().write(block)

    monkeypatch.setattr(
        command,
        "open_for_model",
        lambda *args, **options: Counted(open_for_model(*args, **options)),
    )
    monkeypatch.setattr("seqwise.cli.writers.CsvWriter", CountingWriter)
    assert len(labels_of(run("predict", model, file))) == 200
    assert num_written == num_read == 200
    assert most_ahead <= 20


def test_deterministic_gives_equal_bits_alone_and_together(model):
    lines = [text for text, _ in texts()]
    together = run("predict", model, "--deterministic", stdin="\n".join(lines)).rows
    for row, line in islice(zip(together, lines, strict=True), 6):
        assert run("predict", model, "--deterministic", stdin=line).rows == [row]


def test_without_deterministic_they_are_close(model):
    lines = [text for text, _ in texts()]
    together = run("predict", model, stdin="\n".join(lines)).rows
    alone = [run("predict", model, stdin=line).rows[0] for line in lines[:6]]
    given, expected = (
        [float(row["probability"]) for row in rows] for rows in (alone, together[:6])
    )
    assert np.allclose(given, expected, rtol=0, atol=1e-6)
