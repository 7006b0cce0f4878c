"""The command line in this process, small files of every kind and format, and one trained model."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from seqwise.cli.app import app

SMALL = ("--epochs", "1", "--hidden-size", "4", "--embedding-dim", "4")
GOOD, BAD = ("good", "nice", "fine"), ("win", "cash", "free")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def told(self):
        """What was said on standard error, with single blanks in place of columns."""
        return re.sub(" +", " ", self.err)

    @property
    def shown(self):
        """What was printed on standard output, with single blanks in place of columns."""
        return re.sub(" +", " ", self.out)

    @property
    def rows(self):
        """The rows of CSV on standard output."""
        return list(csv.DictReader(io.StringIO(self.out)))

    @property
    def error(self):
        """The one line of the error, without the name of the program."""
        lines = [line for line in self.err.splitlines() if line.startswith("seqwise: ")]
        assert len(lines) == 1
        return lines[0].removeprefix("seqwise: ")


def run(*arguments, stdin: str | bytes | None = None) -> Outcome:
    """Call the program; an exception that it does not catch is raised here."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def train(*arguments, out="model", **options) -> Outcome:
    """Train for one epoch on a small model; later arguments win."""
    return run("train", "--out", out, *SMALL, *arguments, **options)


def refused(outcome: Outcome, code: str) -> str:
    """Give the line of an error that must have this code, exit code 2, and nothing else in it."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err
    line = outcome.error
    assert line.endswith(f" [{code}]")
    assert line.count(" - ") >= 2
    return line


def texts(num_records: int = 24) -> list[tuple[str, str]]:
    """Make labelled texts: good words are ham, bad ones are spam."""
    random = np.random.default_rng(0)
    return [
        (f"{random.choice(BAD if index % 2 else GOOD)} {index % 7} day", ("ham", "spam")[index % 2])
        for index in range(num_records)
    ]


def write_csv(path, rows, header=("text", "label"), delimiter=",") -> str:
    """Write a table; the name of the file comes back."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerows([header, *rows])
    return str(path)


def write_jsonl(path, rows: Sequence[dict]) -> str:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_parquet(path, sequences, labels, column="text") -> str:
    pq.write_table(pa.table({column: sequences, "label": labels}), path)
    return str(path)


def write_gz(path, content: str) -> str:
    Path(path).write_bytes(gzip.compress(content.encode()))
    return str(path)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Work in an empty folder, so that files go by their names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def table():
    """A CSV file of ham and spam."""
    return write_csv("table.csv", texts())


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A model of ham and spam, trained well enough to tell them apart."""
    folder = tmp_path_factory.mktemp("trained")
    file = write_csv(folder / "table.csv", texts(100))
    options = ("--epochs", "8", "--learning-rate", "0.02", "--batch-size", "8", "--dropout", "0")
    assert train(file, *options, out=folder / "model").code == 0
    return folder / "model"


@pytest.fixture
def model(trained):
    """A copy of the trained model, as `model` in the folder of the test."""
    return str(shutil.copytree(trained, "model"))
