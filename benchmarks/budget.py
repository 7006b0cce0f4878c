"""Whether `seqwise train FILE --budget TIME` takes no longer, and what it comes to.

    python benchmarks/budget.py [--data ../shared/data] [--threads 1] [NAME ...]

For each *training* file the whole command runs with one budget after another, in a process of its
own; the clock counts the start of Python as well. The scores are those that training tells, of the
tenth that chose the epoch: test files are not read. Budgets are times of the clock: whatever else
the machine does takes from them. Writes benchmarks/results/budget.json, after each run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "budget.json"
TEXTS = ("names", "trec6", "sms_spam", "splice", "imdb", "malapi")
FILES = dict.fromkeys(TEXTS, "train.csv.gz") | {
    "PLAID": "PLAID_TRAIN.ts.gz",
    "JapaneseVowels": "JapaneseVowels_TRAIN.ts.gz",
}
BUDGETS = (30, 120)  # seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    known: dict[str, Any] = json.loads(RESULT.read_text())["runs"] if RESULT.exists() else {}
    for name in arguments.names or FILES:
        file = arguments.data / name / FILES[name]
        if not file.exists():
            print(f"skipped: there is no {file}")
            continue
        known[name] = [measure(file, budget, arguments.threads) for budget in BUDGETS]
        print(name, json.dumps(known[name]), flush=True)
        RESULT.write_text(
            json.dumps({"machine": describe_machine(), "runs": known}, indent=1) + "\n"
        )


def measure(file: Path, budget: int, threads: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "seqwise", "train", str(file), "--out", f"{folder}/model"]
        command += ["--budget", f"{budget}s", "--skip-bad", "--quiet"]
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True)
        seconds = time.perf_counter() - began
        config = json.loads(Path(folder, "model", "config.json").read_text())
    told = config["training"]
    return {
        "budget_seconds": budget,
        "seconds": round(seconds, 1),
        "accuracy": told["valid_accuracy"],
        "log_loss": told["valid_log_loss"],
        "encoder": config["model"]["encoder"],
        "tried": told["tried"],
        "networks": config["model"]["num_networks"],
        "best_epoch": told["best_epoch"],
        "refitted": told["refitted"],
    }


if __name__ == "__main__":
    main()
