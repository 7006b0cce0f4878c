"""What both strands, changes of the training part and averaged weights bring, on parts held out.

    python benchmarks/augmentation.py [--data ../shared/data] [--again] [NAME ...]

A fifth of each *training* file, another one for each seed, is held out and scored once; of the rest
a tenth chooses the epoch, as ever. One network, no linear model, no refit; smaller and for fewer
epochs than by default, so that three seeds of each take minutes. "motif" is made here: sequences of
three classes, each with a motif of its own on either strand. Test files are not read.

Writes benchmarks/results/augmentation.json, and prints its means, for docs/design/0025 and 0026.
What was measured already is kept; `--again` measures it anew. Files that are not there are
left out in a clear line.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cells import ROOT, measure_cells
from seqwise import SequenceClassifier
from seqwise.data.records import read_records
from seqwise.evaluation.metrics import score
from seqwise.nn import BothStrands

RESULT = ROOT / "benchmarks" / "results" / "augmentation.json"
SEEDS = (0, 1, 2)
SMALL = {"hidden_size": 64, "embedding_dim": 64, "linear": False, "refit": False, "device": "cpu"}
FILES = {
    "motif": None,
    "JapaneseVowels": "JapaneseVowels_TRAIN.ts.gz",
    "splice": "train.csv.gz",
    "PLAID": "PLAID_TRAIN.ts.gz",
    "ncrna": "train.csv.gz",
    "fsdd": "train.parquet",
}
EPOCHS = {"motif": 20, "JapaneseVowels": 40, "PLAID": 20}
MOST_RECORDS = {"ncrna": 1_500, "fsdd": 500}
EVERY = 8  # of the samples of fsdd, so that a word has a few hundred
MOTIFS = ("TATAAAGGCTCA", "GGACAATCTTGA", "CTTGAGTCAGCC")
POST_HOC = "flip, both in prediction"
STRANDS: dict[str, dict[str, Any]] = {
    "both strands": {"both_strands": True},
    "flip": {"strand_flip": 0.5},
    POST_HOC: {"strand_flip": 0.5},
}
LETTERS = {"mutation 0.05": {"mutation": 0.05}}
SERIES = {"jitter 0.1": {"jitter": 0.1}, "scaling 0.1": {"scaling": 0.1}}
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "motif": {**STRANDS, **LETTERS},
    "splice": {"both strands": {"both_strands": True}, **LETTERS},
    "ncrna": LETTERS,
    "JapaneseVowels": SERIES,
    "PLAID": SERIES,
    "fsdd": SERIES,
}
OF_ALL = {"average 0.99": {"average_decay": 0.99}}


def main() -> None:
    print(
        make_table(
            measure_cells(RESULT, FILES, SEEDS, read=read, variants=variants, measure=measure)
        )
    )


def variants(name: str) -> dict[str, dict[str, Any]]:
    return {"plain": {}, **VARIANTS[name], **OF_ALL}


def read(data: Path, name: str) -> tuple[list[Any], np.ndarray, str]:
    if FILES[name] is None:
        return make_motifs()
    records = list(read_records(data / name / FILES[name]))
    drawn = np.random.default_rng(0).permutation(len(records))[: MOST_RECORDS.get(name)]
    sequences = [records[index].sequence for index in drawn]
    labels = np.array([str(records[index].label) for index in drawn])
    if name == "fsdd":
        sequences = [np.asarray(each, dtype=float)[::EVERY] for each in sequences]
    return sequences, labels, "dna" if isinstance(sequences[0], str) else "series"


def make_motifs(num_records: int = 1_500) -> tuple[list[str], np.ndarray, str]:
    random = np.random.default_rng(5)
    sequences, labels = [], []
    for index in range(num_records):
        letters = random.choice(list("ACGT"), random.integers(50, 90))
        motif = np.array(list(MOTIFS[index % 3]))
        worn = random.random(len(motif)) < 0.08
        motif[worn] = random.choice(list("ACGT"), worn.sum())
        if random.random() < 0.5:
            motif = np.array([dict(zip("ACGT", "TGCA", strict=True))[each] for each in motif[::-1]])
        start = random.integers(len(letters) - len(motif))
        letters[start : start + len(motif)] = motif
        sequences.append("".join(letters))
        labels.append(str(index % 3))
    return sequences, np.array(labels), "dna"


def measure(
    name: str, records: tuple[list[Any], np.ndarray, str], variant: str, seed: int
) -> dict[str, float]:
    sequences, labels, kind = records
    settings = {**SMALL, "epochs": EPOCHS.get(name, 15), **variants(name)[variant]}
    order = np.random.default_rng(1_000 + seed).permutation(len(sequences))
    held_out, rest = np.split(order, [len(order) // 5])
    begun = time.process_time()
    classifier = SequenceClassifier(kind=kind, seed=seed, **settings)
    classifier.fit([sequences[index] for index in rest], labels[rest])
    seconds = time.process_time() - begun
    artifact = classifier.artifact_
    if variant == POST_HOC:
        strand = torch.from_numpy(artifact.codec.complements())
        model = BothStrands(artifact.model, strand).eval()
        classifier.artifact_ = replace(artifact, model=model)
    probabilities = classifier.predict_proba([sequences[index] for index in held_out])
    targets = artifact.labels.encode(labels[held_out].tolist())
    scores = score(probabilities, targets, artifact.labels.names)
    return {
        "accuracy": scores.accuracy,
        "log_loss": scores.log_loss,
        "train_seconds": round(seconds, 1),
        "best_epoch": artifact.training.best_epoch,
    }


def make_table(known: dict[str, Any]) -> str:
    lines = ["| data | variant | accuracy | log loss | seconds |", "|---|---|---|---|---|"]
    for name, cells in known.items():
        for variant, seeds in cells.items():
            keys = ("accuracy", "log_loss", "train_seconds")
            means = [np.mean([each[key] for each in seeds.values()]) for key in keys]
            each = ", ".join(f"{cell['accuracy']:.3f}" for cell in seeds.values())
            line = f"| {name} | {variant} | {means[0]:.4f} ({each}) | {means[1]:.3f} |"
            lines.append(f"{line} {means[2]:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
