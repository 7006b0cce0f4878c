"""What pretraining on unlabelled records is worth, by how many labels there are.

    python benchmarks/pretraining.py [--data ../shared/data] [--threads 1] [--again] [NAME ...]

A part of each training file is held out and scored; of the rest, some records keep their labels,
drawn anew for each seed, and more of them, without labels, are pretrained on. Each cell is a
training with `--encoder lstm --linear --keep-best`, with and without `--pretrained`: the accuracy
of the LSTM alone, and together with the linear model beside it.
Test files are not read. Each cell is written down when it is there; `--again` measures anew.

Writes benchmarks/results/pretraining.json and the table in docs/pretraining.md; skips in a clear
line where there is no data.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.artifact import Artifact
from seqwise.data.encoding import encode_sequences
from seqwise.data.kinds import Kind
from seqwise.data.records import Record, read_records
from seqwise.nn import Ensemble
from seqwise.predictor import infer_logits
from seqwise.speed.machine import describe_machine
from seqwise.training.gathering import gather
from seqwise.training.preparation import prepare
from seqwise.training.pretraining import PretrainingRun
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.unlabelled import prepare_unlabelled, unlabelled

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "pretraining.json"
PAGE = ROOT / "docs" / "pretraining.md"
BEGIN, END = "<!-- made by benchmarks/pretraining.py -->", "<!-- end -->"
HELD_OUT_SEED = 7
NETWORK = {"encoder": "lstm", "linear": True, "refit": False}


@dataclass(frozen=True)
class Plan:
    """How much of a file is used for what.

    Parameters
    ----------
    num_scored, num_unlabelled
        Records held out and scored, and those to pretrain on.
    labelled
        Numbers of records with labels.
    seeds
        How many draws of these.
    settings, pretraining, training
        Settings of all, and of either, where they are not the defaults: this is to be done in
        minutes.
    """

    num_scored: int
    num_unlabelled: int
    labelled: tuple[int, ...]
    seeds: int
    settings: dict[str, Any] = field(default_factory=dict)
    pretraining: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


PLANS = {
    "names": Plan(2_000, 11_000, (200, 500, 1_000, 3_000), 3, training={"epochs": 20}),
    "imdb": Plan(
        2_000,
        5_000,
        (500, 1_000, 2_000),
        1,
        settings={"max_length": 150, "vocab_size": 10_000},
        pretraining={"epochs": 4},
        training={"epochs": 8},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not arguments.data.is_dir():
        print(f"skipped: there is no folder {arguments.data}")
        return
    known = json.loads(RESULT.read_text())["data"] if RESULT.exists() else {}
    for name in arguments.names or PLANS:
        if name in known and not arguments.again:
            continue
        known[name] = measure(arguments.data / name / "train.csv.gz", PLANS[name])
        print(name, json.dumps(known[name]), flush=True)
        machine = {**describe_machine(), "threads": arguments.threads}
        RESULT.write_text(json.dumps({"machine": machine, "data": known}, indent=1) + "\n")
    write_page(known)


def measure(path: Path, plan: Plan) -> dict[str, Any]:
    records = list(read_records(path).checked(Kind.TEXT))
    order = np.random.default_rng(HELD_OUT_SEED).permutation(len(records))
    shuffled = [records[index] for index in order.tolist()]
    scored, rest = shuffled[: plan.num_scored], shuffled[plan.num_scored :]
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place) / "pretrained")
        account = pretrain(rest[: plan.num_unlabelled], plan, folder)
        cells = []
        for number in plan.labelled:
            for seed in range(plan.seeds):
                some = rest[seed * number : (seed + 1) * number]
                for start in (None, folder):
                    cell = train_and_score(some, scored, plan, seed, start)
                    cells.append({"labelled": number, "seed": seed, **cell})
                    print(path.parent.name, json.dumps(cells[-1]), flush=True)
    return {"plan": plan.__dict__, "pretraining": account, "cells": cells}


def pretrain(records: list[Record], plan: Plan, folder: str) -> dict[str, Any]:
    begun = time.process_time()
    wishes = Wishes.sorted({**plan.settings, **plan.pretraining, "device": "cpu"})
    gathered = gather(unlabelled(lambda: records), Kind.TEXT, wishes=wishes, skip_bad=True)
    run = PretrainingRun(prepare_unlabelled(gathered, Kind.TEXT, wishes), wishes)
    for report in run:
        print("pretraining", report.epoch, report.valid, flush=True)
    run.pretrained().save(folder)
    return {
        "seconds": time.process_time() - begun,
        "best_epoch": run.training.best.epoch,
        "perplexity": float(np.exp(run.scores.loss)),
        "perplexity_by_frequency": float(np.exp(run.scores.baseline)),
    }


def train_and_score(
    records: list[Record], scored: list[Record], plan: Plan, seed: int, start: str | None
) -> dict[str, Any]:
    begun = time.process_time()
    settings = {**plan.settings, **plan.training, **NETWORK, "seed": seed, "device": "cpu"}
    wishes = Wishes.sorted({**settings, "pretrained": start})
    gathered = gather(lambda: records, Kind.TEXT, wishes=wishes, skip_bad=True)
    run = TrainingRun(prepare(gathered, Kind.TEXT, wishes, skip_bad=True), wishes)
    list(run)
    artifact = run.artifact()
    seconds = time.process_time() - begun
    assert isinstance(artifact.model, Ensemble)
    network = artifact.model.members[0]
    return {
        "pretrained": start is not None,
        "network": accuracy(artifact, network, scored),
        "together": accuracy(artifact, artifact.model, scored),
        "seconds": seconds,
        "best_epoch": run.training.best.epoch,
    }


def accuracy(artifact: Artifact, model: Any, scored: list[Record]) -> float:
    """Give the share of right answers; a class that no record with a label has counts as wrong."""
    sequences = [record.sequence for record in scored]
    encoded = encode_sequences(artifact.codec, sequences, artifact.data.max_length)
    logits = infer_logits(model, encoded.arrays, device=torch.device("cpu"))
    targets = artifact.labels.encode([record.label for record in scored])
    return float((logits.argmax(axis=1) == targets).mean())


def write_page(known: dict[str, Any]) -> None:
    lines = [
        "| data | labels | LSTM | LSTM, pretrained | with a linear model "
        "| with a linear model, pretrained |",
        "|---|---|---|---|---|---|",
    ]
    for name in (each for each in PLANS if each in known):
        for number in known[name]["plan"]["labelled"]:
            cells = [cell for cell in known[name]["cells"] if cell["labelled"] == number]
            shown = [
                np.mean([cell[what] for cell in cells if cell["pretrained"] is pretrained])
                for what in ("network", "together")
                for pretrained in (False, True)
            ]
            lines.append(f"| {name} | {number:,} | " + " | ".join(f"{x:.3f}" for x in shown) + " |")
    before, rest = PAGE.read_text().split(BEGIN)
    _, behind = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{behind}")


if __name__ == "__main__":
    main()
