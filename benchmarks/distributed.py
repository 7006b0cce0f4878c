"""Train in 2 and 4 processes and in one, compare the weights and the speed; and loader workers.

    python benchmarks/distributed.py [--records 4000] [--rounds 5] [--result FILE]

Texts of log-normal lengths are made here (median 40 words of 5,000), and trained on by an LSTM of
the default size, dropout 0, one thread for each process, by a real torchrun.

*equality*: the largest difference of a weight after the first epoch, between one process and 2 or
4, which share out the same batches: in double precision, where only a fault would show, and in
single precision, where rounding grows from one update to the next (AdamW divides small gradients by
small numbers, and a maximum is taken of another step where two are nearly equal), with a tenth of
the records and with all. Beside it, what becomes of a difference that is no fault: one process, and
one whose weights are all larger by their last bit before the first update.

*scaling*: steps a second of training (validation and start-up not counted) in one process and in
two, in turns; the median of the rounds, and the efficiency: the rate of two by twice that of one.

*workers*: the same rate in one process with 0, 1 and 2 threads that prepare batches ahead.

Writes benchmarks/results/distributed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.speed.machine import describe_machine
from seqwise.training.distribution import join_world
from seqwise.training.gathering import LabelledRecords, gather
from seqwise.training.preparation import prepare
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes

RESULT = Path(__file__).with_name("results") / "distributed.json"
ASKED = 1e-5
BATCH_SIZES = (32, 128)
WORKERS = (0, 1, 2)
EPOCHS = 2  # of each run; the first warms up
VOCABULARY = 5_000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--result", type=Path, default=RESULT)
    names = ("OUT", "BATCH_SIZE", "WORKERS", "DTYPE", "NUDGED")
    parser.add_argument("--child", nargs=5, metavar=names)
    arguments = parser.parse_args()
    if arguments.child:
        out, batch_size, workers, dtype, nudged = arguments.child
        torch.set_default_dtype(getattr(torch, dtype))
        child(Path(out), arguments.records, int(batch_size), int(workers), nudged=nudged == "1")
        return 0
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    found = {
        "records": arguments.records,
        "rounds": arguments.rounds,
        "load_before": round(load, 1),
        "equality": {
            "asked": ASKED,
            "float64": equality(arguments.records, "float64"),
            "float32": equality(arguments.records, "float32"),
            "float32_short": equality(arguments.records // 10, "float32"),
        },
        "scaling": [scaling(arguments.records, size, arguments.rounds) for size in BATCH_SIZES],
        "workers": loading(arguments.records, arguments.rounds),
    }
    arguments.result.parent.mkdir(exist_ok=True)
    machine = describe_machine()
    arguments.result.write_text(json.dumps({"machine": machine, **found}, indent=1) + "\n")
    print(arguments.result.read_text())
    reached = found["equality"]["float64"]["largest_difference"] <= ASKED
    return 0 if reached else 1


def equality(num_records: int, dtype: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        weights = {}
        for size, nudged in ((1, False), (2, False), (4, False), (1, True)):
            start(size, Path(folder), num_records, 32, 0, dtype, nudged)
            weights[size, nudged] = load_file(Path(folder, "weights.safetensors"))
    one = weights.pop((1, False))
    differences = {
        cell: max(float(abs(other[name] - each).max()) for name, each in one.items())
        for cell, other in weights.items()
    }
    of_the_last_bit = differences.pop((1, True))
    largest = max(float(abs(each).max()) for each in one.values())
    return {
        "records": num_records,
        "largest_weight": round(largest, 3),
        **{f"difference_of_{size}_processes": each for (size, _), each in differences.items()},
        "difference_of_1_process_from_the_last_bit": of_the_last_bit,
        "largest_difference": max(differences.values()),
    }


def scaling(num_records: int, batch_size: int, rounds: int) -> dict[str, Any]:
    rates = in_turns({size: (size, batch_size, 0) for size in (1, 2)}, num_records, rounds)
    one, two = (statistics.median(rates[size]) for size in (1, 2))
    pairs = zip(rates[1], rates[2], strict=True)
    return {
        "batch_size": batch_size,
        "steps_per_second_of_1": round(one),
        "steps_per_second_of_2": round(two),
        "speed_up": round(two / one, 3),
        "efficiency": round(two / one / 2, 3),
        "efficiency_of_each_round": sorted(round(two / one / 2, 3) for one, two in pairs),
    }


def loading(num_records: int, rounds: int) -> dict[str, Any]:
    rates = in_turns({workers: (1, 32, workers) for workers in WORKERS}, num_records, rounds)
    medians = {workers: statistics.median(each) for workers, each in rates.items()}
    return {
        f"{workers}": {"steps_per_second": round(each), "against_0": round(each / medians[0], 3)}
        for workers, each in medians.items()
    }


def in_turns(
    cells: dict[int, tuple[int, int, int]], num_records: int, rounds: int
) -> dict[int, list[float]]:
    rates: dict[int, list[float]] = {name: [] for name in cells}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name in sorted(cells, reverse=bool(number % 2)):
                size, batch_size, workers = cells[name]
                rates[name].append(start(size, Path(folder), num_records, batch_size, workers))
    return rates


def start(
    size: int,
    folder: Path,
    num_records: int,
    batch_size: int,
    workers: int,
    dtype: str = "float32",
    nudged: bool = False,
) -> float:
    """Train in some processes; gives the rate of the last epoch, in steps a second."""
    how = ("--standalone", "--nproc-per-node", str(size), __file__, "--records", str(num_records))
    what = ("--child", str(folder), str(batch_size), str(workers), dtype, str(int(nudged)))
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *how, *what],
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"},
        check=True,
    )
    return float(Path(folder, "rate.txt").read_text())


def child(folder: Path, num_records: int, batch_size: int, workers: int, *, nudged: bool) -> None:
    settings = {
        "epochs": EPOCHS,
        "batch_size": batch_size,
        "dropout": 0.0,
        "encoder": "lstm",
        "refit": False,
        "device": "cpu",
        "valid_fraction": 0.02,
    }
    with join_world() as world:
        wishes = Wishes.sorted(settings)
        prepared = prepare(make_texts(num_records), Kind.TEXT, wishes)
        run = TrainingRun(prepared, wishes, world=world, workers=workers)
        if nudged:
            nudge(run.training.model)
        for report in run:
            if report.epoch == 1 and world.is_first:
                state = run.training.model.state_dict()
                weights = {name: each.numpy().copy() for name, each in state.items()}
                save_file(weights, folder / "weights.safetensors")
        if world.is_first:
            (folder / "rate.txt").write_text(str(run.reports[-1].steps_per_second))


@torch.no_grad()
def nudge(model: torch.nn.Module) -> None:
    """Make each weight larger by its last bit, or smaller where it is below 0."""
    for weight in model.parameters():
        weight.mul_(1 + torch.finfo(weight.dtype).eps)


def make_texts(num_records: int) -> LabelledRecords:
    """Make texts of which some words tell the class."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(40), 0.7, num_records), 3, 400).astype(int)
    labels = random.integers(0, 2, num_records)
    texts = []
    for length, label in zip(lengths.tolist(), labels.tolist(), strict=True):
        words = random.zipf(1.3, length) % VOCABULARY
        words[: max(1, length // 10)] = 10 + label
        texts.append(" ".join(map(spell, random.permutation(words).tolist())))
    records = [
        Record(text, str(label), number)
        for number, (text, label) in enumerate(zip(texts, labels.tolist(), strict=True), start=1)
    ]
    return gather(lambda: records, Kind.TEXT, skip_bad=False)


def spell(word: int) -> str:
    """Write a number in three letters: digits would be read one by one."""
    return "".join(ascii_lowercase[word // 26**place % 26] for place in range(3))


if __name__ == "__main__":
    sys.exit(main())
