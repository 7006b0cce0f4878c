"""Encode and train on files from one to ten million records: memory and time.

    python benchmarks/out_of_core.py [--sizes 1000000 10000000] [--threads 1] [--direct]
                                     [--folder DIR]

The records are generated, not found: texts of 4 to 12 words out of 2,000 that are made of random
letters, one of which tells the class in nine of ten records. About 50 bytes each.

For each size, in processes of their own: `seqwise encode FILE -o STORE`, then
`seqwise train STORE --out MODEL` for one epoch with a small model, with the linear model beside it
(which learns from a bounded number of records) and without; and with the former model
`seqwise predict MODEL FILE -o OUT`. With `--direct` also
`seqwise train FILE`, which encodes and trains in one process.

Memory is looked at every 50 ms in /proc/PID/status. *anonymous* (RssAnon) is what the process has
made itself. *resident* (VmHWM, the kernel's own account of the peak) counts the pages of files too
that are mapped into memory: the store, and torch's libraries. The kernel takes these back when it
needs the room.

Writes benchmarks/results/out_of_core.json. Needs about 200 bytes of disk a record.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.speed.machine import describe_machine

RESULT = Path(__file__).resolve().parent / "results" / "out_of_core.json"
PROGRAM = [sys.executable, "-c", "from seqwise.cli import main; main()"]
WORDS, CLASSES, SURE = 2_000, 4, 0.9
SHORTEST, LONGEST = 4, 12
AT_ONCE = 100_000
MODEL = {
    "epochs": 1,
    "hidden-size": 8,
    "embedding-dim": 8,
    "num-layers": 1,
    "batch-size": 1_024,
    "seed": 0,
}
FLAGS = ["--keep-best", "--one-direction", "--quiet"]
COMMANDS = ("encode", "train", "predict")
LIMIT_MB = 2_000
LIMIT_GROWTH = 1.05  # times as much as the number of records


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--folder", type=Path, help="for the files; a temporary one by default")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for size in sorted(arguments.sizes):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rows.append(measure(size, Path(folder), arguments.threads, direct=arguments.direct))
        print(json.dumps(rows[-1]), flush=True)
        write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    result = {
        "machine": {**describe_machine(), "load": [round(each, 1) for each in os.getloadavg()]},
        "data": f"generated: texts of {SHORTEST} to {LONGEST} words, {CLASSES} classes",
        "training": {**MODEL, "flags": FLAGS},
        "runs": rows,
        "growth": [growth(small, large) for small, large in pairwise(rows)],
        "resident_under_mb": LIMIT_MB,
        "memory_held": all(most_resident(row) < LIMIT_MB for row in rows),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


def measure(size: int, folder: Path, threads: int, *, direct: bool) -> dict[str, Any]:
    table, store, model = folder / "table.csv", folder / "store", folder / "model"
    generate(table, size)
    row: dict[str, Any] = {"records": size, "file_mb": megabytes(table)}
    row["encode"] = watch(["encode", str(table), "-o", str(store), "--keep-best"], threads)
    row["store_mb"] = round(sum(map(megabytes, store.iterdir())), 1)
    row["train_store"] = train(store, model, threads)
    said = folder / "said.csv"
    row["predict"] = watch(["predict", str(model), str(table), "-o", str(said), "--quiet"], threads)
    said.unlink()
    row["train_network"] = train(store, model, threads, "--no-linear")
    shutil.rmtree(store)
    if direct:
        row["train_file"] = train(table, model, threads)
    return row


def train(source: Path, model: Path, threads: int, *flags: str) -> dict[str, Any]:
    settings = [f"--{name}={value}" for name, value in MODEL.items()]
    command = ["train", str(source), "--out", str(model), "--overwrite", *settings, *FLAGS, *flags]
    seen = watch(command, threads)
    account = json.loads((model / "config.json").read_text())["training"]
    seen["epoch_seconds"] = account["seconds"]
    seen["valid_accuracy"] = round(account["valid_accuracy"], 4)
    return seen


def generate(path: Path, size: int) -> None:
    """Write a table of generated texts."""
    random = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(random.choice(letters, random.integers(2, 8))) for _ in range(WORDS)]
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        for start in range(0, size, AT_ONCE):
            count = min(AT_ONCE, size - start)
            labels = random.integers(0, CLASSES, count)
            told = np.where(random.random(count) < SURE, labels, random.integers(0, CLASSES, count))
            lengths = random.integers(SHORTEST, LONGEST + 1, count)
            chosen = random.integers(CLASSES, WORDS, (count, LONGEST))
            chosen[np.arange(count), random.integers(0, lengths)] = told
            for label, length, row in zip(
                labels.tolist(), lengths.tolist(), chosen.tolist(), strict=True
            ):
                text = " ".join([words[number] for number in row[:length]])
                file.write(f"{text},class {label}\n")


def watch(arguments: list[str], threads: int) -> dict[str, Any]:
    """Run a command of seqwise to its end, and look at its memory meanwhile."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    started, before = time.perf_counter(), processor_seconds()
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment)
    most = {"VmHWM": 0, "RssAnon": 0, "RssFile": 0}
    while process.poll() is None:
        for name, size in memory(process.pid).items():
            most[name] = max(most[name], size)
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(processor_seconds() - before, 1),
        "resident_mb": most["VmHWM"] // 1024,
        "anonymous_mb": most["RssAnon"] // 1024,
        "mapped_files_mb": most["RssFile"] // 1024,
    }


def processor_seconds() -> float:
    """Give what the commands have taken of the processors so far, whatever else runs there."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def memory(process: int) -> dict[str, int]:
    """Give the kilobytes that a process holds; nothing where it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines if line.startswith(("VmHWM", "RssAnon", "RssFile")))
    return {name.rstrip(":"): int(size) for name, size in pairs}


def growth(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    """Say how many times as long the larger file takes, beside how many times as many records.

    By the clock, which other work on the machine moves, and by the processor, which is what counts.
    """
    commands = [name for name in large if name.startswith(COMMANDS)]
    by = {
        key: {name: round(large[name][key] / small[name][key], 2) for name in commands}
        for key in ("processor_seconds", "seconds")
    }
    epochs = large["train_network"]["epoch_seconds"] / small["train_network"]["epoch_seconds"]
    by["seconds"]["epoch"] = round(epochs, 2)
    records = large["records"] / small["records"]
    held = {
        key: all(each <= LIMIT_GROWTH * records for each in times.values())
        for key, times in by.items()
    }
    return {"records": round(records, 2), **by, "held": held}


def most_resident(row: dict[str, Any]) -> int:
    return max(row[name]["resident_mb"] for name in row if name.startswith(COMMANDS))


def megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


if __name__ == "__main__":
    main()
