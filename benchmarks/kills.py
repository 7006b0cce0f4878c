"""Kill training with SIGKILL again and again, go on each time, and compare what comes out.

    python benchmarks/kills.py [--kills 200] [--seed 0] [--result FILE]

Small trainings, each a search for the best epoch and a refit, run once undisturbed: on a table of
texts; on its store; on the table with all that draws by chance; on a file of series. Then the same
commands with `--resume`, one after the other, are killed at random moments until there have been so
many kills: while one gets ready, at any time after its first checkpoint, and at the n-th file
operation in the folder of checkpoints, which is to say inside the writing of one, or, the model
having been saved, inside their removal; each time with 0 or 2 loader workers. Whenever a training
comes to its end, its weights, its log of epochs and its predictions are held against those of the
undisturbed one, every byte, and the next begins. Writes benchmarks/results/kills.json; the exit
code is 1 where anything differs or is left over. `tests/cli/test_kills.py` is the short form.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import select
import shutil
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
from seqwise.speed.machine import describe_machine

# Here, and not in each fork anew; the last is what the optimizer imports at its first step.
for module in ("seqwise.cli.train", "seqwise.cli.predict", "torch._dynamo"):
    importlib.import_module(module)

RESULT = Path(__file__).with_name("results") / "kills.json"
SETTINGS = {
    "--epochs": 4,
    "--batch-size": 16,
    "--hidden-size": 8,
    "--embedding-dim": 8,
    "--dropout": 0.3,
    "--learning-rate": 0.02,
    "--window": 8,
    "--seed": 3,
    "--device": "cpu",
}
WORKERS = (0, 2)
TABLE, STORE, SERIES = "table.csv", "store", "series.ts"
TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "texts": (TABLE, {}),
    "a store": (STORE, {}),
    "all that draws": (
        TABLE,
        {
            "--token-dropout": 0.2,
            "--num-networks": 2,
            "--average-decay": 0.9,
            "--class-weight": "auto",
            "--epoch-share": 0.6,
        },
    ),
    "series": (
        SERIES,
        {"--stride": 2, "--own-scale": None, "--jitter": 0.1, "--scaling": 0.1, "--window": 16},
    ),
}
MOMENTS = ("getting ready", "after a checkpoint", "at a file operation", "the model being there")
MOST_OPERATIONS = 60  # a checkpoint takes about twenty
REMOVAL = 10  # operations that the removal of two takes at the least


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result = arguments.result.absolute()
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
    write_table(Path(TABLE))
    write_series(Path(SERIES))
    assert wait(fork(["encode", TABLE, "-o", STORE, "--quiet"])) == 0, log()
    expected, spans = {}, {}
    for training in TRAININGS:
        started = time.monotonic()
        assert wait(start(training, "undisturbed", "--checkpoint-seconds", "1000000")) == 0, log()
        spans[training] = time.monotonic() - started
        expected[training] = outcome(training, "undisturbed")
        shutil.rmtree("undisturbed")
    moments, phases, loaders, inside = Counter[str](), Counter[str](), Counter[int](), 0
    finished, differing, left = Counter[str](), 0, 0
    while moments.total() < num_kills or Path(f"model{finished.total()}.checkpoints").exists():
        model = f"model{finished.total()}"
        training = list(TRAININGS)[finished.total() % len(TRAININGS)]
        moment = MOMENTS[random.integers(4)] if moments.total() < num_kills else None
        workers = WORKERS[random.integers(2)]
        code = run_once(training, model, moment, workers, spans[training], random)
        if code == -signal.SIGKILL and moment is not None:
            moments[moment] += 1
            phases[phase(model)] += 1
            loaders[workers] += 1
            inside += has_half_a_checkpoint(model)
        else:
            assert code == 0, log()
            left += Path(f"{model}.checkpoints").exists()
        if Path(model).exists() and not has_checkpoints(model):
            differing += outcome(training, model) != expected[training]
            finished[training] += 1
    return {
        "kills": moments.total(),
        "moments": dict(moments),
        "phases": dict(phases),
        "workers": dict(loaders),
        "inside_a_writing": inside,
        "trainings_finished": dict(finished),
        "differing": differing,
        "left_over": left,
        "undisturbed_seconds": {name: round(span, 2) for name, span in spans.items()},
    }


def run_once(
    training: str,
    model: str,
    moment: str | None,
    workers: int,
    span: float,
    random: np.random.Generator,
) -> int:
    """Train or go on until the end or until killed; give the exit code, -9 for the latter."""
    options = (training, model, "--resume", "--checkpoint-seconds", "0", "--workers", str(workers))
    if moment == "at a file operation":
        return wait(start(*options, last_operation=int(random.integers(1, MOST_OPERATIONS))))
    if moment == "the model being there":
        last = int(random.integers(1, REMOVAL))
        return wait(start(*options, last_operation=last, behind=Path(model)))
    reading, writing = os.pipe()
    process = start(*options, tell=writing)
    os.close(writing)
    if moment == "after a checkpoint":
        select.select([reading], [], [])  # until the first, or the end
    if moment is not None:
        time.sleep(random.uniform(0, span / 2))
        os.kill(process, signal.SIGKILL)
    code = wait(process)
    os.close(reading)
    return code


def start(
    training: str,
    model: str,
    *options: str,
    last_operation: int | None = None,
    tell: int | None = None,
    behind: Path | None = None,
) -> int:
    """Fork a process that trains.

    Parameters
    ----------
    training
        Which of `TRAININGS`.
    model, options
        Of the command line.
    last_operation
        Which of its operations on the folder of checkpoints it does not survive.
    tell
        A pipe to write to when the first checkpoint is there.
    behind
        Operations count from when this is there.
    """

    def prepare() -> None:
        watch_files(".checkpoints", last_operation, tell, behind)

    file, more = TRAININGS[training]
    pairs = {**SETTINGS, **more}.items()
    settings = [str(part) for pair in pairs for part in pair if part is not None]
    return fork(["train", file, "--out", model, *settings, *options, "--quiet"], prepare)


def outcome(training: str, model: str) -> tuple[bytes, Any, bytes]:
    """Give the weights, the account without its time, and the predictions of a model."""
    out = f"{model}.csv"
    file = SERIES if training == "series" else TABLE
    arguments = ["predict", model, file, "-o", out, "--probabilities", "--overwrite", "-q"]
    assert wait(fork(arguments)) == 0, log()
    account = json.loads(Path(model, "config.json").read_text())["training"]
    account.pop("seconds")
    return Path(model, "model.safetensors").read_bytes(), account, Path(out).read_bytes()


def phase(model: str) -> str:
    """Say what the last checkpoint was written in."""
    if Path(model).exists():
        return "the model is there"
    written = sorted(Path(f"{model}.checkpoints").glob("[0-9]*"))
    if not written:
        return "none written"
    state = json.loads((written[-1] / "state.json").read_text())
    return "refit" if "more-0" in state["stages"] else "search"


def has_checkpoints(model: str) -> bool:
    return any(Path(f"{model}.checkpoints").glob("*"))


def has_half_a_checkpoint(model: str) -> bool:
    return any(Path(f"{model}.checkpoints").glob(".*"))


def write_table(path: Path) -> None:
    """Write texts with little to learn, so that the best epoch is not the first.

    Each has a word of its own, whose letters are more than there are pieces of words.
    """
    random = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(96):
        words = " ".join(
            f"{'wW'[each % 2]}ord{'abcdefghij'[each]}"
            for each in random.integers(0, 10, 2 + number % 9)
        )
        own = "".join(map(chr, range(0x4E00 + 4 * number, 0x4E04 + 4 * number)))
        lines.append(f"{words} {own},{'ab'[random.integers(2)]}")
    path.write_text("\n".join(lines) + "\n")


def write_series(path: Path) -> None:
    """Write series of two channels whose loudness says a little of their class."""
    random = np.random.default_rng(0)
    lines = ["@problemName kills", "@dimensions 2", "@classLabel true a b", "@data"]
    for number in range(96):
        label = random.integers(2)
        values = random.normal(scale=1 + 0.3 * label, size=(2, 12 + number % 9)).round(3)
        channels = [",".join(str(value) for value in channel) for channel in values]
        lines.append(":".join([*channels, "ab"[label]]))
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
