"""Whether a search for settings pays, beside the settings that are chosen and beside more networks.

    python benchmarks/search.py [--data ../shared/data] [--again] [NAME ...]

Of each *training* file 2,000 records, others for each seed, are trained on, of which a tenth holds
the epoch and the settings against each other, as ever; up to 3,000 others are scored once. All an
LSTM for the same number of epochs, without a linear model and without a refit:

*chosen*: one network with the settings that training chooses.
*searched*: Optuna's TPE sampler tries 20 settings (learning rate, dropout, token dropout, hidden
size, layers, pooling, weight decay; the chosen ones come first) and keeps the network with the
lowest log loss on the records held out.
*networks*: five networks of the chosen settings that answer together, for a quarter of the price.

Test files are not read. Needs Optuna, which is no part of any extra. Writes
benchmarks/results/search.json, and prints its means, for docs/design/0017; what was measured
already is kept, `--again` measures it anew.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cells import ROOT, draw_parts, measure_cells, score_known
from seqwise import SequenceClassifier
from seqwise.data.records import read_records

RESULT = ROOT / "benchmarks" / "results" / "search.json"
SEEDS = (0, 1, 2)
FILES = dict.fromkeys(("trec6", "names", "sms_spam", "splice"), "train.csv.gz")
FIXED: dict[str, Any] = {
    "encoder": "lstm",
    "linear": False,
    "refit": False,
    "epochs": 12,
    "device": "cpu",
}
# What training chooses for words; the first that a search tries.
CHOSEN = {
    "learning_rate": 2e-3,
    "dropout": 0.3,
    "token_dropout": 0.05,
    "hidden_size": 128,
    "num_layers": 1,
    "pooling": "last+max+mean",
    "weight_decay": 0.01,
}
NETWORKS, TRIALS = 5, 20
MOST_TRAINED, MOST_SCORED = 2_000, 3_000


def main() -> None:
    if find_spec("optuna") is None:
        sys.exit("Optuna is not installed")
    contenders = ("chosen", "searched", "networks")
    cells = measure_cells(
        RESULT, FILES, SEEDS, read=read, variants=lambda _: contenders, measure=measure
    )
    print(make_table(cells))


def read(data: Path, name: str) -> tuple[list[Any], np.ndarray]:
    records = list(read_records(data / name / FILES[name]))
    return [each.sequence for each in records], np.array([str(each.label) for each in records])


def measure(
    name: str, records: tuple[list[Any], np.ndarray], contender: str, seed: int
) -> dict[str, Any]:
    sequences, labels = records
    trained, scored = draw_parts(
        len(sequences), seed, most_trained=MOST_TRAINED, most_scored=MOST_SCORED
    )
    part = [sequences[index] for index in trained], labels[trained]
    begun = time.process_time()
    if contender == "searched":
        classifier = search(*part, seed)
    else:
        classifier = fit(*part, seed, num_networks=NETWORKS if contender == "networks" else 1)
    seconds = time.process_time() - begun
    scores = score_known(classifier, sequences, labels, scored)
    return {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "held_out_log_loss": classifier.artifact_.training.valid_log_loss,
        "processor_seconds": round(seconds, 1),
        "searched": {name: classifier.get_params()[name] for name in CHOSEN},
    }


def fit(sequences: list[Any], labels: np.ndarray, seed: int, **settings: Any) -> SequenceClassifier:
    return SequenceClassifier(seed=seed, skip_bad=True, **FIXED, **settings).fit(sequences, labels)


def search(sequences: list[Any], labels: np.ndarray, seed: int) -> SequenceClassifier:
    import optuna  # slow

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fitted: dict[int, SequenceClassifier] = {}

    def try_settings(trial: Any) -> float:
        poolings = ["last+max+mean", "max", "mean", "attention+max", "last"]
        settings = {
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.7),
            "token_dropout": trial.suggest_float("token_dropout", 0.0, 0.4),
            "hidden_size": trial.suggest_categorical("hidden_size", [64, 128, 256]),
            "num_layers": trial.suggest_int("num_layers", 1, 2),
            "pooling": trial.suggest_categorical("pooling", poolings),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        }
        fitted[trial.number] = fit(sequences, labels, seed, **settings)
        return fitted[trial.number].artifact_.training.valid_log_loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(CHOSEN)
    study.optimize(try_settings, n_trials=TRIALS)
    return fitted[study.best_trial.number]


def make_table(cells: dict[str, Any]) -> str:
    lines = [
        "| data | contender | accuracy | log loss | held out | seconds |",
        "|---|---|---|---|---|---|",
    ]
    keys = ("accuracy", "log_loss", "held_out_log_loss", "processor_seconds")
    for name, contenders in cells.items():
        for contender, seeds in contenders.items():
            means = [float(np.mean([each[key] for each in seeds.values()])) for key in keys]
            each = ", ".join(f"{cell['accuracy']:.3f}" for cell in seeds.values())
            line = f"| {name} | {contender} | {means[0]:.4f} ({each}) | {means[1]:.3f} |"
            lines.append(f"{line} {means[2]:.3f} | {means[3]:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
