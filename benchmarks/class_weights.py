"""What weights of the classes, and choosing them, bring where classes are of different sizes.

    python benchmarks/class_weights.py [--data ../shared/data] [--again] [NAME ...]

Of each *training* file 2,000 records, others for each seed, are trained on, of which a tenth
chooses the epoch and the weights, as ever; up to 3,000 others are scored once. One LSTM and the
linear model, no refit; smaller and for fewer epochs than by default, so that all of it takes
minutes. Of clinc150 sixty intents are taken, each thinned out to a little less than the one before,
and a fifth is scored. Test files are not read.

Writes benchmarks/results/class_weights.json, and prints its means, for docs/design/0031. What was
measured already is kept; `--again` measures it anew. Files that are not there are left out in a
clear line.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from cells import ROOT, draw_parts, measure_cells, score_known
from seqwise import SequenceClassifier
from seqwise.data.records import read_records

RESULT = ROOT / "benchmarks" / "results" / "class_weights.json"
SEEDS = (0, 1, 2, 3, 4)
SETTINGS = {
    "encoder": "lstm",
    "linear": True,
    "refit": False,
    "hidden_size": 48,
    "embedding_dim": 48,
    "epochs": 12,
    "device": "cpu",
}
FILES = {
    "sms_spam": "train.csv.gz",
    "trec6": "train.csv.gz",
    "names": "train.csv.gz",
    "clinc150": "data_full.json.gz",
}
MOST_TRAINED, MOST_SCORED = 2_000, 3_000
LARGEST, SMALLEST, INTENTS = 100, 5, 60
WEIGHTS = ("none", "balanced", "auto")


def main() -> None:
    print(
        make_table(
            measure_cells(
                RESULT, FILES, SEEDS, read=read, variants=lambda name: WEIGHTS, measure=measure
            )
        )
    )


def read(data: Path, name: str) -> tuple[list[Any], np.ndarray]:
    file = data / name / FILES[name]
    if file.name.endswith(".json.gz"):
        return thin_out(file)
    records = list(read_records(file))
    return [each.sequence for each in records], np.array([str(each.label) for each in records])


def thin_out(file: Path) -> tuple[list[str], np.ndarray]:
    """Take intents of sizes that fall by the same factor each, from the largest to the smallest."""
    with gzip.open(file, "rt") as lines:
        pairs = json.load(lines)["train"]
    drawn = []
    for index, intent in enumerate(sorted({intent for _, intent in pairs})[:INTENTS]):
        size = LARGEST * (SMALLEST / LARGEST) ** (index / (INTENTS - 1))
        drawn += [pair for pair in pairs if pair[1] == intent][: round(size)]
    return [text for text, _ in drawn], np.array([intent for _, intent in drawn])


def measure(
    name: str, records: tuple[list[Any], np.ndarray], weights: str, seed: int
) -> dict[str, float | str | dict[str, float]]:
    sequences, labels = records
    trained, scored = draw_parts(
        len(sequences), seed, most_trained=MOST_TRAINED, most_scored=MOST_SCORED
    )
    begun = time.process_time()
    classifier = SequenceClassifier(seed=seed, skip_bad=True, class_weight=weights, **SETTINGS)
    classifier.fit([sequences[index] for index in trained], labels[trained])
    seconds = time.process_time() - begun
    scores, artifact = score_known(classifier, sequences, labels, scored), classifier.artifact_
    return {
        "macro_f1": scores.macro_f1,
        "accuracy": scores.accuracy,
        "log_loss": scores.log_loss,
        "train_seconds": round(seconds, 1),
        "chosen": str(artifact.train.class_weight),
        "tried": artifact.training.tried_weights,
    }


def make_table(known: dict[str, Any]) -> str:
    lines = [
        "| data | class weights | macro F1 | accuracy | log loss | seconds | chosen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, cells in known.items():
        for weights, seeds in cells.items():
            keys = ("macro_f1", "accuracy", "log_loss", "train_seconds")
            means = [np.mean([each[key] for each in seeds.values()]) for key in keys]
            each = ", ".join(f"{cell['macro_f1']:.3f}" for cell in seeds.values())
            chosen = ", ".join(cell["chosen"] for cell in seeds.values() if weights == "auto")
            line = f"| {name} | {weights} | {means[0]:.4f} ({each}) | {means[1]:.4f} |"
            lines.append(f"{line} {means[2]:.3f} | {means[3]:.0f} | {chosen} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
