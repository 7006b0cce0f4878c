"""Whether `seqwise train FILE --budget TIME` takes no longer, and what it comes to.

    python benchmarks/budget.py [--data ../shared/data] [--again] [NAME ...]

For each *training* file the whole command runs with one budget after another, in a process of its
own with one thread; the clock counts the start of Python as well. The scores are those that
training tells, of the tenth that chose the epoch: test files are not read. Budgets are times of the
clock: whatever else the machine does takes from them. Writes benchmarks/results/budget.json, for
docs/design/0017; what was measured already is kept, `--again` measures it anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cells import ROOT, measure_cells

RESULT = ROOT / "benchmarks" / "results" / "budget.json"
TEXTS = ("names", "trec6", "sms_spam", "splice", "imdb", "malapi")
FILES = dict.fromkeys(TEXTS, "train.csv.gz") | {
    "PLAID": "PLAID_TRAIN.ts.gz",
    "JapaneseVowels": "JapaneseVowels_TRAIN.ts.gz",
}
BUDGETS = ("30s", "120s")


def main() -> None:
    measure_cells(
        RESULT,
        FILES,
        (0,),
        read=lambda data, name: data / name / FILES[name],
        variants=lambda _: BUDGETS,
        measure=measure,
    )


def measure(name: str, file: Path, budget: str, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "seqwise", "train", str(file), "--out", f"{folder}/model"]
        command += ["--budget", budget, "--seed", str(seed), "--skip-bad", "--quiet"]
        began = time.perf_counter()
        subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
        seconds = time.perf_counter() - began
        config = json.loads(Path(folder, "model", "config.json").read_text())
    told = config["training"]
    return {
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
