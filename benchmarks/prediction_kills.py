"""Kill predictions with SIGKILL again and again, run them again, and compare what comes out.

    python benchmarks/prediction_kills.py [--kills 200] [--seed 0] [--result FILE]

A file of texts, some of them bad, is predicted once to CSV, JSON Lines and Parquet, undisturbed and
with no part ever made. Then the same commands, with a part for each block, are killed at random
moments until there have been so many kills: at any time, at the n-th file operation in the folder
of parts, and when half of the n-th block has been written to a part. Whenever a prediction comes to
its end, its file is held against the undisturbed one, every byte, and another begins. Writes
benchmarks/results/prediction_kills.json; the exit code is 1 where anything differs or is left over.
`tests/cli/test_kills.py` is the short form.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a fork keeps no other threads

import numpy as np
import torch

from forks import fork, log, wait, watch_files
from seqwise import predictor
from seqwise.cli.writers import CsvWriter, JsonLinesWriter, ParquetWriter, Writer
from seqwise.speed.machine import describe_machine

# Here, and not in each fork anew; the last is what the optimizer imports at its first step.
for module in ("seqwise.cli.train", "seqwise.cli.predict", "torch._dynamo"):
    importlib.import_module(module)

RESULT = Path(__file__).with_name("results") / "prediction_kills.json"
MODEL, RECORDS = "model", "records.csv"
MOMENTS = ("at any time", "at a file operation", "inside a part")
WRITERS = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter}
NUM_RECORDS = 400  # in 15 blocks of `main`
MOST_OPERATIONS, MOST_BLOCKS = 100, 6  # that a process survives


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result = arguments.result.absolute()
    predictor.FIRST_BLOCK_RECORDS, predictor.BLOCK_RECORDS = 4, 32
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = kill_and_compare(arguments.kills, np.random.default_rng(arguments.seed))
        os.chdir("/")
    torch.set_num_threads(1)
    result.parent.mkdir(exist_ok=True)
    result.write_text(json.dumps({"machine": describe_machine(), **found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0 if found["differing"] == found["left_over"] == 0 else 1


def kill_and_compare(num_kills: int, random: np.random.Generator) -> dict[str, Any]:
    write_records(Path(RECORDS))
    small = ["--epochs", "1", "--hidden-size", "8", "--embedding-dim", "8", "--skip-bad", "-q"]
    assert wait(fork(["train", RECORDS, "--out", MODEL, *small])) == 0, log()
    started = time.monotonic()
    expected = {form: undisturbed(form) for form in WRITERS}
    span = (time.monotonic() - started) / len(WRITERS)
    moments, forms = Counter[str](), Counter[str]()
    inside, differing, left_over = 0, 0, 0
    while moments.total() < num_kills:
        form = str(random.choice([*WRITERS]))
        out = Path(f"out.{form}")
        while not out.exists() or Path(f"{out}.parts", "manifest.json").exists():
            moment = MOMENTS[random.integers(3)] if moments.total() < num_kills else None
            code = run_once(form, moment, span, random)
            assert code in (0, -signal.SIGKILL), log()
            if code != 0:
                moments[str(moment)] += 1
                inside += Path(f"{out}.parts", f"open.{form}").exists()
        forms[form] += 1
        differing += out.read_bytes() != expected[form]
        left_over += code == 0 and Path(f"{out}.parts").exists()
        out.unlink()
    return {
        "kills": moments.total(),
        "moments": dict(moments),
        "inside_a_part": inside,
        "predictions_finished": dict(forms),
        "differing": differing,
        "left_over": left_over,
        "undisturbed_seconds": round(span, 2),
    }


def undisturbed(form: str) -> bytes:
    out = Path(f"undisturbed.{form}")
    assert wait(fork(["predict", MODEL, RECORDS, "-o", str(out), "--probabilities", "-q"])) == 0
    return out.read_bytes()


def run_once(form: str, moment: str | None, span: float, random: np.random.Generator) -> int:
    """Predict or go on until the end or until killed; give the exit code, -9 for the latter."""
    operation, block = int(random.integers(1, MOST_OPERATIONS)), int(random.integers(MOST_BLOCKS))

    def prepare() -> None:
        if moment == "at a file operation":
            watch_files(".parts", operation)
        elif moment == "inside a part":
            end_in_block(WRITERS[form], block)

    options = ["-o", f"out.{form}", "--probabilities", "--checkpoint-seconds", "0", "-q"]
    process = fork(["predict", MODEL, RECORDS, *options], prepare)
    if moment == "at any time":
        time.sleep(random.uniform(0, 1.2 * span))
        os.kill(process, signal.SIGKILL)
    return wait(process)


def end_in_block(kind: type[Writer], last: int) -> None:
    """Have this process not survive the writing of a block, blocks counted from 0."""
    write, count = kind._write, 0

    def write_half(writer: Writer, columns: dict[str, list[Any]]) -> None:
        nonlocal count
        if count == last:
            half = len(columns["label"]) // 2
            write(writer, {name: column[:half] for name, column in columns.items()})
            if not isinstance(writer, ParquetWriter):
                writer._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        write(writer, columns)

    kind._write = write_half


def write_records(path: Path) -> None:
    """Write texts of many lengths, every thirteenth of them empty."""
    random = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(NUM_RECORDS):
        words = [f"word{each}" for each in random.integers(0, 50, random.integers(1, 40))]
        lines.append(f"{' '.join(words) if number % 13 else ''},{'ab'[number % 2]}")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
