"""Train with default settings on each data set, and score once on its test file.

    python benchmarks/scores.py [--data ../shared/data] [NAME ...]

Writes benchmarks/results/scores.json and the table in docs/scores.md. A linear model on TF-IDF
n-grams runs beside it. Where the folder of data is missing, nothing is done, in a clear line.
The test files are read here and nowhere else; no setting was chosen by them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from seqwise.data.records import read_records
from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "scores.json"
TABLE = ROOT / "docs" / "scores.md"
SEQWISE = str(Path(sys.executable).with_name("seqwise"))
SEED = 0


@dataclass(frozen=True)
class Dataset:
    """A data set, what is asked of it, and the n-grams of its linear rival."""

    name: str
    train: str
    test: str
    least_accuracy: float | None
    least_macro_f1: float | None
    ngrams: dict[str, Any] | None


WORDS = {"ngram_range": (1, 2), "sublinear_tf": True}
CHARACTERS = {"analyzer": "char", "ngram_range": (1, 5), "lowercase": False, "sublinear_tf": True}
EVENTS = {"ngram_range": (1, 3), "sublinear_tf": True, "token_pattern": r"\S+"}
CSV = ("train.csv.gz", "test.csv.gz")

COLUMNS = (
    "data",
    "accuracy",
    "asked",
    "unseen",
    "macro F1",
    "log loss",
    "linear",
    "seconds",
    "memory, MB",
)

DATASETS = [
    Dataset("sms_spam", *CSV, 0.985, 0.965, WORDS),
    Dataset("trec6", *CSV, 0.88, None, WORDS),
    Dataset("names", *CSV, 0.84, None, CHARACTERS),
    Dataset("splice", *CSV, 0.94, None, CHARACTERS),
    Dataset("ncrna", *CSV, 0.94, None, CHARACTERS),
    Dataset(
        "JapaneseVowels",
        "JapaneseVowels_TRAIN.ts.gz",
        "JapaneseVowels_TEST.ts.gz",
        0.975,
        None,
        None,
    ),
    Dataset("PLAID", "PLAID_TRAIN.ts.gz", "PLAID_TEST.ts.gz", None, None, None),
    Dataset("malapi", *CSV, None, None, EVENTS),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: there is no folder {arguments.data}")
        return
    for dataset in DATASETS:
        if arguments.names and dataset.name not in arguments.names:
            continue
        folder = arguments.data / dataset.name
        ours = run_seqwise(folder / dataset.train, folder / dataset.test)
        ours["least"] = {"accuracy": dataset.least_accuracy, "macro_f1": dataset.least_macro_f1}
        if dataset.ngrams is not None:
            ours["linear"] = run_linear(
                folder / dataset.train, folder / dataset.test, dataset.ngrams
            )
        # Read again: other data sets may have been scored meanwhile.
        known = json.loads(RESULT.read_text())["datasets"] if RESULT.exists() else {}
        known[dataset.name] = ours
        print(dataset.name, json.dumps(ours, indent=1), flush=True)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(
            json.dumps({"machine": describe_machine(), "datasets": known}, indent=1) + "\n"
        )
        TABLE.write_text(make_table(known))


def run_seqwise(train: Path, test: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model"
        started = time.perf_counter()
        command = [SEQWISE, "train", str(train), "--out", model, "--seed", str(SEED)]
        peak = run_and_measure(command)
        seconds = time.perf_counter() - started
        command = [SEQWISE, "evaluate", model, str(test), "--train", str(train), "--json"]
        scores = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        training = json.loads((Path(model) / "config.json").read_text())["training"]
    kept = ("num_records", "accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")
    unseen = scores["without_training_records"]
    return {
        **{name: scores[name] for name in kept},
        "num_in_training_file": scores["num_in_training_file"],
        "unseen_accuracy": unseen and unseen["accuracy"],
        "valid_accuracy": training["valid_accuracy"],
        "best_epoch": training["best_epoch"],
        "train_seconds": round(seconds, 1),
        "peak_memory_mb": peak,
    }


def run_and_measure(command: list[str]) -> int:
    """Run a command; return the most memory it had resident, in MB (never under this script's)."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)  # of this process, not of all there have been
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss // 1024


def run_linear(train: Path, test: Path, ngrams: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    X, y = read(train)
    model = make_pipeline(TfidfVectorizer(**ngrams), LogisticRegression(C=100, max_iter=2000))
    model.fit(X, y)
    seconds = time.perf_counter() - started
    X, y = read(test)
    predicted = model.predict(X)
    return {
        "accuracy": float(accuracy_score(y, predicted)),
        "macro_f1": float(f1_score(y, predicted, average="macro")),
        "train_seconds": round(seconds, 1),
    }


def read(path: Path) -> tuple[list[str], list[str]]:
    records = list(read_records(path))
    return [str(record.sequence) for record in records], [str(record.label) for record in records]


def make_table(results: dict[str, dict[str, Any]]) -> str:
    lines = [
        "# Scores with default settings",
        "",
        "`seqwise train FILE --out MODEL`, one seed, scored once on the official test file; made",
        "by `python benchmarks/scores.py`. *Unseen* leaves out the test records whose sequence",
        "stands in the training file too. *Linear* is a logistic regression on TF-IDF n-grams",
        "(words or events one to three, characters one to five), trained in the same run.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for name, row in results.items():
        cells = [
            name,
            show(row["accuracy"]),
            show(row["least"]["accuracy"], 3),
            show(row["unseen_accuracy"]),
            show(row["macro_f1"]),
            show(row["log_loss"], 3),
            show(row.get("linear", {}).get("accuracy")),
            f"{row['train_seconds']:,.0f}",
            f"{row['peak_memory_mb']:,}" if "peak_memory_mb" in row else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
