"""Train one contender in a process of its own, and print a line of JSON for each epoch.

    python -m peers.worker CONTENDER FOLDER --epochs N [--accuracy A] [--seconds S]

Stops after the epoch that reaches the accuracy, after the last epoch, or when time is up.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import time
from pathlib import Path
from typing import Any

import torch

from peers.task import Contender, Recipe, Task

MODULES = {
    "seqwise": "peers.seqwise_training",
    "skorch": "peers.skorch_net",
    "keras": "peers.keras_fit",
    "tutorial": "peers.tutorial",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=MODULES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--accuracy", type=float, default=float("inf"))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bidirectional", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = Recipe(bidirectional=arguments.bidirectional, seed=arguments.seed)
    task = Task.load(arguments.folder)
    contender: Contender = importlib.import_module(MODULES[arguments.contender]).build(task, recipe)
    # What the libraries, the data and the model take, before anything is trained.
    tell({"num_weights": contender.num_weights, "memory_mb": peak_memory()})
    train(contender, arguments.epochs, arguments.accuracy, arguments.seconds)


def train(contender: Contender, num_epochs: int, accuracy: float, seconds: float) -> None:
    started = time.perf_counter()
    for number, epoch in enumerate(contender, start=1):
        elapsed = time.perf_counter() - started
        tell({"epoch": number, "elapsed": elapsed, **vars(epoch)})
        if number == num_epochs or epoch.valid_accuracy >= accuracy or elapsed > seconds:
            return


def peak_memory() -> int:
    """Return the most memory that this process had resident so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
