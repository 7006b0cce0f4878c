"""Rows a second and core of `BatchPredictor`, by the size of the batches that an engine hands out.

    python benchmarks/batch_predictor.py [--rows 32768] [--repeats 2]

The texts and the model are those of predict_overhead.py: a median of twelve words, default
settings. One thread, seconds of the processor and not of the clock, since those hardly depend on
what else the machine does; the model is read, and a first batch predicted, before they are counted.
Larger batches have less padding. Writes benchmarks/results/batch_predictor.json, from which
docs/clusters.md reckons.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "1"

import pyarrow as pa
import torch
from pyarrow import csv

from predict_overhead import TRAIN_ROWS, write_texts
from seqwise import BatchPredictor
from seqwise.cli.commands import Train
from seqwise.cli.options import Computing, FileOptions
from seqwise.cli.settings import DataSettings, ModelSettings, TrainingSettings
from seqwise.cli.train import run as train
from seqwise.speed.machine import describe_machine

RESULT = Path(__file__).resolve().parent / "results" / "batch_predictor.json"
SIZES = (1_024, 4_096, 16_384, 32_768)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=32_768)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_texts(f"{folder}/train.csv", TRAIN_ROWS, seed=1)
        write_texts(f"{folder}/rows.csv", arguments.rows, seed=2)
        train_once(f"{folder}/train.csv", f"{folder}/model")
        table = csv.read_csv(f"{folder}/rows.csv").select(["text"])
        measured = [
            measure(f"{folder}/model", table, size, deterministic, arguments.repeats)
            for deterministic in (False, True)
            for size in SIZES
        ]
    machine = describe_machine() | {"load": [round(each, 1) for each in os.getloadavg()]}
    RESULT.parent.mkdir(exist_ok=True)
    found = {"machine": machine, "rows": arguments.rows, "measured": measured}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(RESULT.read_text())


def train_once(file: str, model: str) -> None:
    train(
        Train(
            files=[file],
            out=model,
            how=FileOptions(),
            checkpoint_seconds=1e9,
            computing=Computing(),
            quiet=True,
            data=DataSettings(),
            model=ModelSettings(encoder="lstm", linear=True),
            training=TrainingSettings(epochs=1, refit=False),
        )
    )


def measure(
    model: str, table: pa.Table, size: int, deterministic: bool, repeats: int
) -> dict[str, object]:
    predict = BatchPredictor(model, deterministic=deterministic, device="cpu")
    predict(table.slice(0, 16))
    batches = table.combine_chunks().to_batches(max_chunksize=size)
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        for batch in batches:
            predict(batch)
        seconds.append(round(time.process_time() - started, 2))
    found: dict[str, object] = {
        "batch_rows": size,
        "deterministic": deterministic,
        "rows_per_processor_second": int(table.num_rows / min(seconds)),
        "processor_seconds": seconds,
    }
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
