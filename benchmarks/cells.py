"""The cells of a table, one for each data set, variant and seed, kept as they are measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from seqwise import SequenceClassifier
from seqwise.evaluation.metrics import Scores, score
from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
Records = TypeVar("Records")


def measure_cells(
    result: Path,
    files: Mapping[str, str | None],
    seeds: Iterable[int],
    *,
    read: Callable[[Path, str], Records],
    variants: Callable[[str], Iterable[str]],
    measure: Callable[[str, Records, str, int], dict[str, Any]],
) -> dict[str, Any]:
    """Read the command line, measure what is not known yet, and give all cells.

    Parameters
    ----------
    result
        The JSON file that cells are read from and written to, one after the other.
    files
        Of each data set the file that must be there; None where it is made.
    seeds
        Of each variant.
    read
        Called with the folder of all data and the name of a data set.
    variants
        Names of those of a data set.
    measure
        Called with the name of a data set, its records, a variant and a seed.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known: dict[str, Any] = json.loads(result.read_text())["cells"] if result.exists() else {}
    for name in arguments.names or files:
        file = files[name]
        if file and not (arguments.data / name / file).exists():
            print(f"skipped: {name} is not in {arguments.data}")
            continue
        records = read(arguments.data, name)
        cells = known.setdefault(name, {})
        for seed in seeds:
            for variant in variants(name):
                own = cells.setdefault(variant, {})
                if str(seed) in own and not arguments.again:
                    continue
                own[str(seed)] = measure(name, records, variant, seed)
                print(name, seed, variant, json.dumps(own[str(seed)]), flush=True)
                written = {"machine": describe_machine(), "cells": known}
                result.write_text(json.dumps(written, indent=1) + "\n")
    return known


def draw_parts(
    num_records: int, seed: int, *, most_trained: int, most_scored: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the places of records to train on, four fifths at the most, and of others to score."""
    order = np.random.default_rng(1_000 + seed).permutation(num_records)
    num_trained = min(most_trained, num_records * 4 // 5)
    return order[:num_trained], order[num_trained:][:most_scored]


def score_known(
    classifier: SequenceClassifier, sequences: list[Any], labels: np.ndarray, places: np.ndarray
) -> Scores:
    """Score a classifier on records, but those of a class that it was never shown."""
    names = classifier.artifact_.labels
    known = [index for index in places if names.unknown(str(labels[index])) is None]
    probabilities = classifier.predict_proba([sequences[index] for index in known])
    return score(probabilities, names.encode(labels[known].tolist()), names.names)
