"""The price of each encoder beside its accuracy, on a part of each training file held out.

    python benchmarks/encoders.py [--data ../shared/data] [--threads 1] [--again]
                                   [--encoder ENCODER ...] [NAME ...]

A fifth of each training file is held out and scored once; of the rest, a tenth chooses the epoch as
ever. All settings are those that `seqwise train --encoder NAME --keep-best` chooses. Test files are
not read. Each training is a process of its own, one after the other, encoder by encoder within a
data set; speed is in steps of the training part for a second of the processor (updates alone, no
validation), which hardly depends on what else the machine does. What was measured already is kept;
`--again` measures it anew.

Writes benchmarks/results/encoders.json and the tables in docs/encoders.md; skips in a clear line
where there is no data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import torch

from seqwise.cli.files import open_for_training
from seqwise.cli.options import FileOptions
from seqwise.config import Encoder
from seqwise.evaluation.metrics import score
from seqwise.predictor import infer_logits, softmax
from seqwise.speed.machine import describe_machine
from seqwise.training.gathering import gather
from seqwise.training.preparation import prepare
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.split import split

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "encoders.json"
PAGE = ROOT / "docs" / "encoders.md"
BEGIN, END = "<!-- made by benchmarks/encoders.py -->", "<!-- end -->"
SEED = 0
HELD_OUT, HELD_OUT_SEED = 0.2, 7
FILES = {
    "JapaneseVowels": "JapaneseVowels_TRAIN.ts.gz",
    "trec6": "train.csv.gz",
    "names": "train.csv.gz",
    "sms_spam": "train.csv.gz",
    "splice": "train.csv.gz",
    "PLAID": "PLAID_TRAIN.ts.gz",
}
ENCODERS: tuple[str, ...] = get_args(Encoder)
TABLES = {
    "Accuracy on the part held out": ("accuracy", "{:.4f}"),
    "Thousand steps trained for a second of the processor": ("steps_per_second", "{:.1f}"),
    "Seconds of the processor for the whole training": ("train_seconds", "{:,.0f}"),
    "Peak memory, MB": ("peak_memory_mb", "{:,.0f}"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--encoder", action="append", choices=ENCODERS)
    parser.add_argument("--child", nargs=2, metavar=("FILE", "ENCODER"), help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.child:
        print(json.dumps(train_and_measure(*arguments.child)))
        return
    if not arguments.data.is_dir():
        print(f"skipped: there is no folder {arguments.data}")
        return
    known = json.loads(RESULT.read_text())["cells"] if RESULT.exists() else {}
    for name in arguments.names or FILES:
        cells = known.setdefault(name, {})
        for encoder in arguments.encoder or ENCODERS:
            if encoder in cells and not arguments.again:
                continue
            file = str(arguments.data / name / FILES[name])
            cells[encoder] = run_child(file, encoder, arguments.threads)
            print(name, encoder, json.dumps(cells[encoder]), flush=True)
            result = {"machine": describe_machine(), "cells": known}
            RESULT.write_text(json.dumps(result, indent=1) + "\n")
    write_page(known)


def run_child(file: str, encoder: str, threads: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--threads", str(threads), "--child", file, encoder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout)


def train_and_measure(file: str, encoder: str) -> dict[str, Any]:
    source = open_for_training([file], FileOptions())
    data = gather(source.reader(), source.kind, skip_bad=False, path=file)
    train, held_out = split(data, valid_fraction=HELD_OUT, seed=HELD_OUT_SEED)
    wishes = Wishes.sorted({"encoder": encoder, "refit": False, "seed": SEED, "device": "cpu"})
    run = TrainingRun(prepare(train, source.kind, wishes), wishes)
    seconds, num_steps, mark = 0.0, 0, time.process_time()
    begun = mark
    for report in run.steps():
        now = time.process_time()
        if report is None:
            seconds += now - mark
        else:
            num_steps += int(run.prepared.train.sequences.lengths.clip(max=run.config.window).sum())
        mark = now
    total = time.process_time() - begun
    artifact = run.artifact()
    encoded = artifact.codec.encode(list(held_out.sequences()))
    logits = infer_logits(artifact.model, encoded, device=torch.device("cpu"))
    targets = artifact.labels.encode(held_out.labels)[held_out.codes]
    scores = score(softmax(logits), targets, artifact.labels.names)
    shape, config = artifact.shape, artifact.train
    return {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "num_records": scores.num_records,
        "steps_per_second": num_steps / seconds / 1e3,
        "train_seconds": total,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "best_epoch": run.training.best.epoch,
        "epochs": len(run.reports),
        "num_weights": sum(weight.numel() for weight in artifact.model.parameters()),
        "model": shape.to_dict(),
        "learning_rate": config.learning_rate,
    }


def write_page(cells: dict[str, dict[str, dict[str, Any]]]) -> None:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, behind = rest.split(END)
    tables = "\n".join(make_table(title, *how, cells) for title, how in TABLES.items())
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{behind}")


def make_table(title: str, key: str, form: str, cells: dict[str, dict[str, dict[str, Any]]]) -> str:
    names = [name for name in FILES if name in cells]
    lines = [f"| {title} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for encoder in ENCODERS:
        row = [
            form.format(cells[name][encoder][key]) if encoder in cells[name] else ""
            for name in names
        ]
        lines.append(f"| {encoder} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
