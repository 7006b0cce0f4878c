"""Measure recurrent layers beside the usual recipes, the machine's limits, and growing data.

    python benchmarks/recurrent_speed.py [--threads N] [--device cuda] [--data DIR] [NAME ...]

The names are those of the figures: lognormal, imdb, names, PLAID, malapi, matrix, growth; without
one, all are measured. A figure takes the place of what benchmarks/results/recurrent_speed.json had
under its name; the table in docs/speed.md and the picture are drawn anew. Where the folder of data
is missing, real lengths are skipped, in a clear line. On a GPU the result is
recurrent_speed_cuda.json, without table and picture; float32 is float32 there, not TF32.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recurrent_speed_report import draw, make_table
from seqwise.config import DataConfig
from seqwise.data.codecs import build_codec
from seqwise.data.kinds import Kind
from seqwise.data.records import read_records
from seqwise.predictor import choose_device
from seqwise.speed.contenders import (
    SEQWISE,
    Shape,
    build_contenders,
    count_steps,
    lognormal_lengths,
)
from seqwise.speed.contest import Effort, run_contest
from seqwise.speed.machine import describe_machine
from seqwise.speed.timing import Pass, measure_in_turns

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TABLE = ROOT / "docs" / "speed.md"
PICTURE = ROOT / "docs" / "images" / "recurrent_speed.svg"

NUM_SEQUENCES = 512
EFFORT = Effort(rounds=5, seconds=2.0)
REAL_EFFORT = Effort(rounds=3, seconds=3.0)
# Real lengths are clipped here: training the packed contenders takes four times as long for each
# doubling, and minutes a batch at 4,096, where `train` cuts its windows.
LONGEST = 1_024
FACTORS = (1, 2, 4, 8)

CELLS = [
    Shape(cell=cell, bidirectional=both)
    for cell, both in itertools.product(("lstm", "gru", "rnn"), (False, True))
]
# The file, what a step of it is, and how many of its records are taken: of short ones, more.
REAL = {
    "imdb": ("imdb/train.csv.gz", DataConfig(kind="text", tokens="words"), 512),
    "names": ("names/train.csv.gz", DataConfig(kind="text", tokens="characters"), 4_096),
    "PLAID": ("PLAID/PLAID_TRAIN.ts.gz", DataConfig(kind="series"), 512),
    "malapi": ("malapi/train.csv.gz", DataConfig(kind="events"), 512),
}
NAMES = ["lognormal", *REAL, "matrix", "growth"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--peak-of", nargs=2, metavar=("WAY", "FACTOR"), help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.allow_tf32 = False
    device = choose_device(arguments.device)
    if arguments.peak_of:
        way, factor = arguments.peak_of
        print(peak_memory(way, int(factor)))
        return
    for name in arguments.names or NAMES:
        started = time.perf_counter()
        figure = measure(name, arguments.data, device)
        if figure is None:
            continue
        figure["machine"] = describe_machine(device)
        write(name, figure, device)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def measure(name: str, data: Path, device: torch.device) -> dict[str, Any] | None:
    """Measure a figure; None where its data is missing."""
    if name == "matrix":
        shape = Shape(input_size=256, hidden_size=256)
        lengths = lognormal_lengths(NUM_SEQUENCES)
        contests = [run_contest(shape, lengths, EFFORT, device=device, names=(SEQWISE,))]
    elif name == "growth":
        return measure_growth(device)
    elif name == "lognormal":
        lengths = lognormal_lengths(NUM_SEQUENCES)
        contests = [run_contest(shape, lengths, EFFORT, device=device) for shape in CELLS]
    elif not (data / REAL[name][0]).exists():
        print(f"skipped {name}: there is no file {data / REAL[name][0]}")
        return None
    else:
        lengths = real_lengths(data, name)
        contests = [run_contest(shape, lengths, REAL_EFFORT, device=device) for shape in CELLS[:2]]
    return {"contests": [contest.to_dict() for contest in contests]}


def real_lengths(data: Path, name: str) -> NDArray[np.int64]:
    """Draw sequences from a training file and count their steps as training would."""
    file, config, num_records = REAL[name]
    records = list(read_records(data / file).checked(Kind(config.kind)))
    chosen = np.random.default_rng(0).choice(len(records), num_records, replace=False)
    sequences = [records[index].sequence for index in chosen]
    encoded = build_codec(config).fit(sequences).encode(sequences)
    return np.array([min(len(each), LONGEST) for each in encoded], dtype=np.int64)


def grown_lengths(way: str, factor: int) -> NDArray[np.int64]:
    """Give so many times the steps, by more records or by longer ones; factor 0 is next to none."""
    if not factor:
        return np.ones(1, dtype=np.int64)
    lengths = lognormal_lengths(NUM_SEQUENCES)
    return np.tile(lengths, factor) if way == "more records" else lengths * factor


def training_pass(way: str, factor: int, device: torch.device) -> Pass:
    """Let seqwise train on all of the grown data once."""
    [seqwise] = build_contenders(
        Shape(),
        grown_lengths(way, factor),
        batch_size=EFFORT.batch_size,
        device=device,
        names=(SEQWISE,),
    )
    return Pass("train", seqwise.model, seqwise.batches)


def measure_growth(device: torch.device) -> dict[str, Any]:
    """Measure time and memory of training on more and more steps."""
    ways = list(itertools.product(("more records", "longer records"), FACTORS))
    passes = {each: training_pass(*each, device) for each in ways}
    for each in passes.values():
        each.seconds()  # warm-up
    seconds = measure_in_turns(
        {key: each.seconds for key, each in passes.items()}, rounds=EFFORT.rounds
    )
    idle = peak_in_a_new_process("more records", 0) if device.type == "cpu" else 0.0
    rows = []
    for (way, factor), each in passes.items():
        row = {
            "way": way,
            "factor": factor,
            "num_steps": count_steps(each.batches),
            "longest": max(int(batch.lengths.max()) for batch in each.batches),
            "most_padded_steps": max(batch.inputs.numel() for batch in each.batches),
            "seconds": seconds[way, factor],
            "to_linear": seconds[way, factor] / (factor * seconds[way, 1]),
        }
        if device.type == "cpu":
            row["peak_memory_mb"] = peak_in_a_new_process(way, factor) - idle
        rows.append(row)
    return {"rows": rows}


def peak_in_a_new_process(way: str, factor: int) -> float:
    command = [sys.executable, __file__, "--threads", str(torch.get_num_threads())]
    command += ["--peak-of", way, str(factor)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(printed)


def peak_memory(way: str, factor: int) -> float:
    """Train once on grown data; return the most memory this process had resident, in MB.

    From /proc, whose peak starts anew with the program: that of getrusage is handed down from the
    process that started it.
    """
    training_pass(way, factor, torch.device("cpu")).seconds()
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def write(name: str, figure: dict[str, Any], device: torch.device) -> None:
    """Put a figure among those that are known; draw the table and the picture anew."""
    result = RESULTS / (
        "recurrent_speed.json" if device.type == "cpu" else "recurrent_speed_cuda.json"
    )
    known = json.loads(result.read_text()) if result.exists() else {}
    known[name] = figure
    known = {each: known[each] for each in NAMES if each in known}
    result.write_text(json.dumps(known, indent=1) + "\n")
    if device.type == "cpu":
        TABLE.write_text(make_table(known))
        draw(known, PICTURE)


if __name__ == "__main__":
    main()
