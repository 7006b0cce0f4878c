"""Fit and score one contender once, in a process of its own; prints one line of JSON.

    python -m peers.accuracy.trial DATA DATASET CONTENDER --seed N --seconds S [--fold K]
                                   [--sets FILE]

The kernel ends it by SIGALRM when fitting takes longer than it may.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import torch

from peers.accuracy.classifier import Classifier
from peers.accuracy.contenders import CONTENDERS
from peers.accuracy.datasets import load_datasets
from peers.accuracy.reading import read_parts
from peers.accuracy.scoring import score
from peers.versions import find_version
from seqwise.speed.machine import describe_machine

LIBRARIES = ("aeon", "fasttext-wheel", "skorch", "tensorflow-cpu")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--fold", type=int)
    parser.add_argument("--sets", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    print(json.dumps(run(arguments)))


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    dataset = load_datasets(arguments.sets)[arguments.dataset]
    parts = read_parts(arguments.data, dataset, arguments.fold)
    module = importlib.import_module(f"peers.accuracy.{CONTENDERS[arguments.contender].module}")
    model: Classifier = module.build(arguments.contender, parts.kind, arguments.seed)
    begun, begun_processor = time.perf_counter(), time.process_time()
    signal.setitimer(signal.ITIMER_REAL, arguments.seconds)
    model.fit(parts.train.sequences, parts.train.labels)
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = {
        "train_seconds": round(time.perf_counter() - begun, 2),
        "train_processor_seconds": round(time.process_time() - begun_processor, 2),
    }
    scores = score(model, parts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    machine = describe_machine() | {name: find_version(name) for name in LIBRARIES}
    return {**scores, **seconds, "peak_memory_mb": peak, "machine": machine}


if __name__ == "__main__":
    main()
