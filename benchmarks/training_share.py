"""Measure what share of training on IMDB is left to the model's own computation.

    python benchmarks/training_share.py [--data ../shared/data] [--records 5000] [--epochs 1]
                                        [--threads 1]

A child process runs `seqwise train FILE --out MODEL --epochs EPOCHS` on a random part of IMDB's
training file, all other settings by default. The clock runs from its start to its end: start-up,
reading, the split, the vocabulary, encoding and saving are in.

*kernels* are the updates (forward pass, loss, backward pass, clipping, optimizer) and the forward
passes of validation. *batches* is what stands between two updates: which records go together,
windows, dropped tokens, padding. By default IMDB is read for six epochs; the share over these is
computed from the measured ones, as what comes before and after them does not grow. Seconds of the
processors stand beside those of the clock: they hardly depend on what else the machine does.
Writes benchmarks/results/training_share.json; skips in a clear line where there is no data.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.cli import gathering as command
from seqwise.cli.app import app
from seqwise.data.codecs import TextCodec
from seqwise.data.records import read_records
from seqwise.data.sampler import BucketSampler
from seqwise.nn import SequenceModel
from seqwise.speed.machine import describe_machine
from seqwise.training import preparation
from seqwise.training.loading import Loader
from seqwise.training.loop import Training

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "training_share.json"
ASKED = 0.9
KERNELS = ("updates", "validation")
DEFAULT_EPOCHS = 6  # for IMDB


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", nargs=2, metavar=("FILE", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(train_and_measure(*arguments.child, arguments.epochs)))
        return
    file = arguments.data / "imdb" / "train.csv.gz"
    if not file.exists():
        print(f"skipped: there is no {file}")
        return
    torch.set_num_threads(arguments.threads)
    result = measure(file, arguments.records, arguments.epochs, arguments.threads)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")
    print(RESULT.read_text())


def measure(file: Path, num_records: int, epochs: int, threads: int) -> dict[str, Any]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
    }
    with tempfile.TemporaryDirectory() as folder:
        part = f"{folder}/part.csv"
        write_part(file, part, num_records)
        child = [sys.executable, __file__, "--child", part, f"{folder}/model"]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*child, "--epochs", str(epochs)], env=environment, stdout=subprocess.PIPE
        )
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("the training failed")
    wholes = {"seconds": whole, "processor_seconds": usage.ru_utime + usage.ru_stime}
    clocks = {
        clock: summarise(phases, wholes[clock], epochs)
        for clock, phases in json.loads(printed).items()
    }
    return {
        "records": num_records,
        "epochs": epochs,
        "threads": threads,
        "asked_share": ASKED,
        **clocks,
    }


def summarise(phases: dict[str, float], whole: float, epochs: int) -> dict[str, Any]:
    kernels = sum(phases[name] for name in KERNELS)
    repeated = kernels + phases["batches"]
    default = whole - repeated + repeated / epochs * DEFAULT_EPOCHS
    return {
        "kernel_share": round(kernels / whole, 4),
        f"kernel_share_over_{DEFAULT_EPOCHS}_epochs": round(
            kernels / epochs * DEFAULT_EPOCHS / default, 4
        ),
        "kernel_share_within_epochs": round(kernels / repeated, 4),
        "whole": round(whole, 2),
        **phases,
    }


def write_part(file: Path, part: str, num_records: int) -> None:
    records = list(read_records(file))
    chosen = np.random.default_rng(0).choice(len(records), min(num_records, len(records)), False)
    with open(part, "w", encoding="utf-8", newline="") as target:
        table = csv.writer(target)
        table.writerow(["text", "label"])
        table.writerows((records[index].sequence, records[index].label) for index in chosen)


def train_and_measure(file: str, model: str, epochs: int) -> dict[str, dict[str, float]]:
    phases: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def watch(owner: Any, name: str, phase: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            clocks = (time.perf_counter, time.process_time)
            starts = [clock() for clock in clocks]
            try:
                return original(*args, **options)
            finally:
                for seconds, clock, start in zip(phases, clocks, starts, strict=True):
                    seconds[phase(*args)] += clock() - start

        setattr(owner, name, watched)

    watch(command, "open_for_training", lambda *_: "reading")
    watch(command, "gather", lambda *_: "reading")
    watch(preparation, "split", lambda *_: "split")
    watch(TextCodec, "fit", lambda *_: "vocabulary")
    watch(TextCodec, "encode", lambda *_: "encoding")
    watch(BucketSampler, "batches", lambda *_: "batches")
    watch(Loader, "prepare", lambda *_: "batches")
    watch(Training, "_update", lambda *_: "updates")
    # In training it is a part of the updates.
    watch(SequenceModel, "forward", lambda m, _: "in updates" if m.training else "validation")
    options = ["--epochs", str(epochs), "--encoder", "lstm"]
    app(["train", file, "--out", model, *options], standalone_mode=False)
    return {
        clock: {name: round(value, 3) for name, value in seconds.items() if name != "in updates"}
        for clock, seconds in zip(("seconds", "processor_seconds"), phases, strict=True)
    }


if __name__ == "__main__":
    main()
