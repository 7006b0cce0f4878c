"""From a training file to the task that all contenders are given, by seqwise's own codec.

    python -m peers.preparation FILE FOLDER [--records N]

Prints one line of JSON: what the task is made of, and the machine. A process of its own, so that
the one that measures stays small: a child's peak memory never reads lower than its parent's.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from peers.task import Part, Task
from peers.versions import find_version
from seqwise.data.kinds import Kind
from seqwise.data.records import read_records
from seqwise.speed.machine import describe_machine
from seqwise.training.gathering import gather
from seqwise.training.preparation import LabelledStore, prepare
from seqwise.training.settings import Wishes
from seqwise.training.split import split

SEED = 0
VALID_FRACTION = 0.2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, help="a stratified subset; all by default")
    arguments = parser.parse_args()
    task = make_task(arguments.file, arguments.records)
    task.save(arguments.folder)
    machine = describe_machine() | {name: find_version(name) for name in ("skorch", "keras")}
    print(json.dumps({"data": describe(task), "machine": machine}))


def make_task(file: Path, num_records: int | None) -> Task:
    records = read_records(file)
    data = gather(partial(records.checked, Kind.TEXT), Kind.TEXT, skip_bad=False)
    if num_records is not None and num_records < len(data):
        # What a split holds out is a stratified subset.
        _, data = split(data, valid_fraction=num_records / len(data), seed=SEED)
    # Nothing cut, with a vocabulary of the training part alone.
    wishes = Wishes.sorted({"seed": SEED, "valid_fraction": VALID_FRACTION, "refit": False})
    prepared = prepare(data, Kind.TEXT, wishes)
    return Task(
        to_part(prepared.train),
        to_part(prepared.valid),
        vocab_size=prepared.codec.vocab_size,
        num_classes=len(prepared.labels),
    )


def to_part(store: LabelledStore) -> Part:
    lengths = store.sequences.lengths
    values = np.concatenate(list(store.sequences))
    return Part(values, np.concatenate([[0], np.cumsum(lengths)]), store.targets)


def describe(task: Task) -> dict[str, Any]:
    lengths = task.train.lengths
    return {
        "num_train": len(lengths),
        "num_valid": len(task.valid.lengths),
        "num_classes": task.num_classes,
        "vocab_size": task.vocab_size,
        "median_steps": int(np.median(lengths)),
        "longest_steps": int(lengths.max()),
        "steps_an_epoch": int(lengths.sum()),
    }


if __name__ == "__main__":
    main()
