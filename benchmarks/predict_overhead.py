"""Hold `seqwise predict` on a large file of short texts against the bare model.

    python benchmarks/predict_overhead.py [--rows 1000000] [--threads 1] [--repeats 3]

The texts are made, not found: runs of words from the documentation that comes with Python, their
lengths log-normal around twelve words. A model with default settings is trained on some of them
for one epoch; how well does not matter to its speed.

*bare*: the loading of model and tokens not counted, all records encoded, sorted by length and
collated before the clock starts; then `model(batch)` for each batch. No order of the records has
less padding, so this is the least that a prediction can take.
*predict*: `seqwise predict MODEL FILE -o OUT.csv`, from the start of the program to its end.

Both run in turn, in processes of their own, with the same number of threads for torch and for the
tokenizers. Seconds of the processors are kept too: they hardly depend on what else the machine
does. Writes benchmarks/results/predict_overhead.json.
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
from pathlib import Path
from pydoc_data.topics import topics
from statistics import median

import numpy as np
import torch

from seqwise.data.collate import collate
from seqwise.data.kinds import Kind
from seqwise.data.records import read_records
from seqwise.data.sampler import cut_inference_batches
from seqwise.predictor import Predictor
from seqwise.speed.machine import describe_machine

RESULT = Path(__file__).resolve().parent / "results" / "predict_overhead.json"
SEQWISE = str(Path(sys.executable).with_name("seqwise"))
MEDIAN_WORDS, SPREAD, MOST_WORDS = 12, 0.7, 400
TRAIN_ROWS = 5_000
ALLOWED = 1.3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bare", nargs=2, metavar=("MODEL", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps(time_bare_model(*arguments.bare)))
        return
    torch.set_num_threads(arguments.threads)
    result = measure(arguments.rows, arguments.threads, arguments.repeats)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")
    print(RESULT.read_text())


def measure(rows: int, threads: int, repeats: int) -> dict[str, object]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
    }
    with tempfile.TemporaryDirectory() as folder:
        model, file, out = (f"{folder}/{name}" for name in ("model", "records.csv", "out.csv"))
        write_texts(f"{folder}/train.csv", TRAIN_ROWS, seed=1)
        write_texts(file, rows, seed=2)
        train = [SEQWISE, "train", f"{folder}/train.csv", "--out", model, "--epochs", "1"]
        subprocess.run(train, check=True, env=environment)
        bare, predict = [], []
        for _ in range(repeats):
            command = [sys.executable, __file__, "--bare", model, file]
            printed = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE)
            bare.append(json.loads(printed.stdout))
            command = [SEQWISE, "predict", model, file, "-o", out, "--overwrite", "--quiet"]
            predict.append(time_command(command, environment))
            print("bare", bare[-1], "predict", predict[-1], flush=True)
        if count_rows(out) != rows:
            raise SystemExit(f"{rows} records, but {count_rows(out)} rows")
    ratios = {
        f"{name}_ratio": round(
            median(run[name] for run in predict) / median(run[name] for run in bare), 3
        )
        for name in ("seconds", "processor_seconds")
    }
    return {
        "rows": rows,
        "threads": threads,
        "allowed_ratio": ALLOWED,
        **ratios,
        "records_per_second": int(rows / median(run["seconds"] for run in predict)),
        "bare": bare,
        "predict": predict,
    }


def write_texts(path: str, rows: int, *, seed: int) -> None:
    words = " ".join(topics.values()).split()
    random = np.random.default_rng(seed)
    lengths = np.exp(random.normal(np.log(MEDIAN_WORDS), SPREAD, rows)).astype(int)
    starts = random.integers(0, len(words) - MOST_WORDS, rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for start, length in zip(
            starts.tolist(), lengths.clip(1, MOST_WORDS).tolist(), strict=True
        ):
            half = "first" if start < len(words) // 2 else "second"
            table.writerow([" ".join(words[start : start + length]), half])


def time_bare_model(folder: str, file: str) -> dict[str, float]:
    predictor = Predictor.load(folder, device="cpu")
    texts = [str(record.sequence) for record in read_records(file).checked(Kind.TEXT)]
    sequences = predictor.codec.encode(texts)
    lengths = np.array([len(sequence) for sequence in sequences])
    order = np.argsort(lengths, kind="stable")
    batches = [
        collate([sequences[index] for index in order[positions]])
        for positions in cut_inference_batches(lengths[order])
    ]
    predictor.model.eval()
    started, started_processors = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for batch in batches:
            predictor.model(batch)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(time.process_time() - started_processors, 2),
    }


def time_command(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_memory_mb": usage.ru_maxrss // 1024,
    }


def count_rows(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        return sum(1 for _ in file) - 1


if __name__ == "__main__":
    main()
