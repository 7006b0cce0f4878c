"""Whether a search for settings pays, beside the settings that are chosen and beside more networks.

    python benchmarks/search.py [--data ../shared/data] [--trials 20] [--again] [NAME ...]

Of each *training* file 2,000 records, others for each seed, are trained on, of which a tenth holds
the epoch and the settings against each other, as ever; up to 3,000 others are scored once. Three
contenders, all an LSTM for the same number of epochs, without a linear model and without a refit:

*chosen*: one network with the settings that training chooses.
*searched*: Optuna's TPE sampler tries `--trials` settings (learning rate, dropout, token dropout,
hidden size, layers, pooling, weight decay; the chosen ones come first) and keeps the network with
the lowest log loss on the records held out.
*networks*: five networks of the chosen settings that answer together, for a quarter of the price.

Test files are not read. Writes benchmarks/results/search.json, and prints its means, for
docs/design/0033; what was measured already is kept, `--again` measures it anew. What is not there
(a file, or Optuna, of the bench extra) is left out in a clear line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parting import part, score_on
from seqwise import SequenceClassifier
from seqwise.data.records import read_records
from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "search.json"
SEEDS = (0, 1, 2)
NAMES = ("trec6", "names", "sms_spam", "splice")
FIXED = {"encoder": "lstm", "linear": False, "refit": False, "epochs": 12, "device": "cpu"}
CHOSEN = {
    "learning_rate": 2e-3,
    "dropout": 0.3,
    "token_dropout": 0.05,
    "hidden_size": 128,
    "num_layers": 1,
    "pooling": "last+max+mean",
    "weight_decay": 0.01,
}
NETWORKS = 5

# A contender: fits to sequences and labels with a seed.
Contender = Callable[[list[Any], np.ndarray, int], SequenceClassifier]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if find_spec("optuna") is None:
        print("skipped: optuna is not installed")
        return
    torch.set_num_threads(1)
    contenders: dict[str, Contender] = {
        "chosen": fit_chosen,
        "searched": lambda *records: fit_searched(*records, trials=arguments.trials),
        "networks": fit_networks,
    }
    known = json.loads(RESULT.read_text())["cells"] if RESULT.exists() else {}
    for name in arguments.names or NAMES:
        file = arguments.data / name / "train.csv.gz"
        if not file.exists():
            print(f"skipped: there is no {file}")
            continue
        records = list(read_records(file))
        sequences = [each.sequence for each in records]
        labels = np.array([str(each.label) for each in records])
        for seed in SEEDS:
            for contender, fit in contenders.items():
                own = known.setdefault(name, {}).setdefault(contender, {})
                if str(seed) in own and not arguments.again:
                    continue
                own[str(seed)] = measure(sequences, labels, seed, fit)
                print(name, seed, contender, json.dumps(own[str(seed)]), flush=True)
                result = {
                    "machine": describe_machine(),
                    "trials": arguments.trials,
                    "cells": known,
                }
                RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(make_table(known))


def measure(
    sequences: list[Any], labels: np.ndarray, seed: int, fit: Contender
) -> dict[str, float | dict[str, Any]]:
    trained, scored = part(len(sequences), seed)
    begun = time.process_time()
    classifier = fit([sequences[index] for index in trained], labels[trained], seed)
    seconds = time.process_time() - begun
    # A class with a single record to learn from was left out.
    scores = score_on(classifier, sequences, labels, scored)
    artifact = classifier.artifact_
    return {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "held_out_log_loss": artifact.training.valid_log_loss,
        "seconds": round(seconds, 1),
        "settings": {name: classifier.get_params()[name] for name in CHOSEN},
    }


def fit_chosen(sequences: list[Any], labels: np.ndarray, seed: int) -> SequenceClassifier:
    return SequenceClassifier(seed=seed, skip_bad=True, **FIXED).fit(sequences, labels)


def fit_networks(sequences: list[Any], labels: np.ndarray, seed: int) -> SequenceClassifier:
    several = SequenceClassifier(seed=seed, skip_bad=True, num_networks=NETWORKS, **FIXED)
    return several.fit(sequences, labels)


def fit_searched(
    sequences: list[Any], labels: np.ndarray, seed: int, *, trials: int
) -> SequenceClassifier:
    import optuna  # slow, and of the bench extra

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fitted: dict[int, SequenceClassifier] = {}

    def try_settings(trial: Any) -> float:
        settings = {
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.7),
            "token_dropout": trial.suggest_float("token_dropout", 0.0, 0.4),
            "hidden_size": trial.suggest_categorical("hidden_size", [64, 128, 256]),
            "num_layers": trial.suggest_int("num_layers", 1, 2),
            "pooling": trial.suggest_categorical(
                "pooling", ["last+max+mean", "max", "mean", "attention+max", "last"]
            ),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        }
        classifier = SequenceClassifier(seed=seed, skip_bad=True, **FIXED, **settings)
        fitted[trial.number] = classifier.fit(sequences, labels)
        return classifier.artifact_.training.valid_log_loss  # type: ignore[no-any-return]

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(CHOSEN)
    study.optimize(try_settings, n_trials=trials)
    return fitted[study.best_trial.number]


def make_table(known: dict[str, Any]) -> str:
    lines = [
        "| data | contender | accuracy | log loss | held out | macro F1 | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = ("accuracy", "log_loss", "held_out_log_loss", "macro_f1", "seconds")
    for name, cells in known.items():
        for contender, seeds in cells.items():
            means = [np.mean([each[key] for each in seeds.values()]) for key in keys]
            each = ", ".join(f"{cell['accuracy']:.3f}" for cell in seeds.values())
            line = f"| {name} | {contender} | {means[0]:.4f} ({each}) | {means[1]:.3f} |"
            lines.append(f"{line} {means[2]:.3f} | {means[3]:.4f} | {means[4]:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
