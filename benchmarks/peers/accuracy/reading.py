"""From the files of a data set to the parts of one trial."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold

from peers.accuracy.datasets import NUM_FOLDS, Dataset
from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import guess_kind
from seqwise.data.records import read_records

FOLDS_SEED = 0
SAMPLE = 1_000  # records from which the command line guesses the kind


@dataclass(frozen=True)
class Examples:
    """Sequences with a label each."""

    sequences: list[Any]
    labels: list[str]

    def take(self, rows: Any) -> Examples:
        """Give some of them."""
        return Examples([self.sequences[i] for i in rows], [self.labels[i] for i in rows])

    def __add__(self, other: Examples) -> Examples:
        return Examples(self.sequences + other.sequences, self.labels + other.labels)


@dataclass(frozen=True)
class Outside:
    """Of clinc150: what belongs to no class, and records to find a threshold on."""

    valid: Examples
    valid_outside: Examples
    test_outside: Examples


@dataclass(frozen=True)
class Parts:
    """What a contender learns from, and what it is scored on.

    Parameters
    ----------
    kind
        As the command line guesses it.
    train, test
        The parts.
    outside
        Where some records belong to no class.
    """

    kind: str
    train: Examples
    test: Examples
    outside: Outside | None = None

    def unseen(self) -> list[int]:
        """Give the rows of the test part whose sequence does not stand in the training part."""
        known = {fingerprint(sequence, self.kind) for sequence in self.train.sequences}
        return [
            row
            for row, sequence in enumerate(self.test.sequences)
            if fingerprint(sequence, self.kind) not in known
        ]


def read_parts(data: Path, dataset: Dataset, fold: int | None) -> Parts:
    """Read a data set, and part it by its files or as one of its folds."""
    folder = data / dataset.folder
    if dataset.train.endswith(".json.gz"):
        return read_clinc150(folder / dataset.train)
    kind, train = read_examples(folder / dataset.train, dataset.kind)
    _, test = read_examples(folder / dataset.test, kind)
    if fold is None:
        return Parts(kind, train, test)
    whole = train + test
    inside, outside = part(whole, folder, dataset)[fold]
    return Parts(kind, whole.take(inside), whole.take(outside))


def part(whole: Examples, folder: Path, dataset: Dataset) -> list[tuple[Any, Any]]:
    """Give the rows to learn from and those to be scored on, fold by fold."""
    if dataset.parting == "folds":
        folds = StratifiedKFold(NUM_FOLDS[dataset.parting], shuffle=True, random_state=FOLDS_SEED)
        return list(folds.split(np.zeros(len(whole.labels)), whole.labels))
    files = (folder / dataset.train, folder / dataset.test)
    columns = [pq.read_table(file, columns=["speaker"])["speaker"].to_numpy() for file in files]
    speakers = np.concatenate(columns)
    return [
        (np.flatnonzero(speakers != each), np.flatnonzero(speakers == each))
        for each in np.unique(speakers)
    ]


def read_examples(file: Path, kind: str | None = None) -> tuple[str, Examples]:
    """Read a file as the command line does; guess the kind of its sequences."""
    records = read_records(file)
    if kind is None:
        sample = [record.sequence for record, _ in zip(records, range(SAMPLE), strict=False)]
        kind = guess_kind([each for each in sample if each is not None], records.sequence_column)[0]
    checked = list(records.checked(kind))
    bad = [record.problem for record in checked if record.problem is not None]
    if bad:
        raise SystemExit(str(bad[0]))
    labels = [str(record.label) for record in checked]
    return str(kind), Examples([record.sequence for record in checked], labels)


def read_clinc150(file: Path) -> Parts:
    """Read the one file that has all parts, and those out of scope beside them."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        found = json.load(stream)
    parts = {name: Examples(*map(list, zip(*rows, strict=True))) for name, rows in found.items()}
    outside = Outside(parts["val"], parts["oos_val"], parts["oos_test"])
    return Parts("text", parts["train"], parts["test"], outside)
