"""Which records are learned from, and which are held out to choose the epoch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.labels import LabelValue
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.training.preparation import LabelledSequences

SPLIT = 271_828  # sets the chance of the split apart from that of training


def check_classes(
    data: LabelledSequences, *, fewest: int, skip_bad: bool, path: str | None = None
) -> LabelledSequences:
    """Make sure that there is something to tell apart, and enough of each class.

    Parameters
    ----------
    data
        What to train on.
    fewest
        Records that each class must have: 2 where a part is to be held out, 1 otherwise.
    skip_bad
        Leave classes with fewer out instead of refusing the file.
    path
        The file, for messages.

    Raises
    ------
    DataError
        If a class has fewer and `skip_bad` is not set, or if fewer than two classes are left.
    """
    counts = Counter(data.labels)
    rare = [label for label, count in counts.items() if count < fewest]
    if len(counts) - len(rare) < 2 and (skip_bad or len(counts) < 2):
        raise DataError(_one_class(counts, path))
    problems = [_rare_class(label, path) for label in rare]
    if problems and not skip_bad:
        raise DataError(problems[0], others=problems[1:5], count=len(problems))
    kept = np.flatnonzero([counts[label] >= fewest for label in data.labels])
    return replace(_select(data, kept), dropped=data.dropped + problems)


def split(
    data: LabelledSequences,
    kind: Kind,
    *,
    valid_fraction: float,
    seed: int,
    path: str | None = None,
) -> tuple[LabelledSequences, LabelledSequences]:
    """Hold out a part of each class, equal sequences never on both sides.

    Parameters
    ----------
    data
        At least two records of each class.
    kind
        Tells which sequences are equal.
    valid_fraction
        Share of each class to hold out.
    seed
        Of the choice.
    path
        The file, for messages.

    Returns
    -------
    tuple
        The training part and the validation part.
    """
    groups = _group_equal(data, kind)
    random = np.random.default_rng([SPLIT, seed])
    shares = _shares(Counter(data.labels), valid_fraction, random)
    held_out: list[int] = []
    for label, own in groups.items():
        room = shares[label]
        stays = len(own)  # the last group is never taken: each class has something to learn from
        for position in random.permutation(len(own)).tolist():
            group = own[position]
            if len(group) <= room and stays > 1:
                held_out += group
                room -= len(group)
                stays -= 1
    if not held_out:
        held_out = _smallest_group(groups, path)
    mask = np.zeros(len(data.sequences), dtype=bool)
    mask[held_out] = True
    return _select(data, np.flatnonzero(~mask)), _select(data, np.flatnonzero(mask))


def _group_equal(data: LabelledSequences, kind: Kind) -> dict[LabelValue, list[list[int]]]:
    """Group equal sequences by class; those that carry two labels belong to no class."""
    members: dict[bytes, list[int]] = {}
    for index, sequence in enumerate(data.sequences):
        members.setdefault(fingerprint(sequence, kind), []).append(index)
    groups: dict[LabelValue, list[list[int]]] = {}
    for group in members.values():
        labels = {data.labels[index] for index in group}
        if len(labels) == 1:
            groups.setdefault(labels.pop(), []).append(group)
    return groups


def _shares(
    counts: Counter[LabelValue], fraction: float, random: np.random.Generator
) -> dict[LabelValue, int]:
    """Say how many records of each class to hold out: whole numbers that add up to the share."""
    exact = {label: count * fraction for label, count in counts.items()}
    shares = {label: int(share) for label, share in exact.items()}
    missing = max(1, round(counts.total() * fraction)) - sum(shares.values())
    ties = dict(zip(exact, random.random(len(exact)), strict=True))
    by_remainder = sorted(exact, key=lambda label: (shares[label] - exact[label], ties[label]))
    for label in by_remainder[: max(missing, 0)]:
        shares[label] += 1
    return shares


def count_equal(train: LabelledSequences, valid: LabelledSequences, kind: Kind) -> int:
    """Count the validation sequences that stand in the training part."""
    known = {fingerprint(sequence, kind) for sequence in train.sequences}
    return sum(fingerprint(sequence, kind) in known for sequence in valid.sequences)


def _select(data: LabelledSequences, indices: NDArray[np.int64]) -> LabelledSequences:
    return LabelledSequences(
        [data.sequences[index] for index in indices.tolist()],
        [data.labels[index] for index in indices.tolist()],
        [],
    )


def _smallest_group(groups: dict[LabelValue, list[list[int]]], path: str | None) -> list[int]:
    """Find what to hold out where every group of equal sequences is larger than its share."""
    candidates = [group for own in groups.values() if len(own) > 1 for group in own]
    if candidates:
        return min(candidates, key=len)
    raise DataError(
        Problem(
            Code.RARE_CLASS,
            "each class consists of equal sequences",
            "two different sequences in a class, to hold one out",
            "add records, or give --valid FILE",
            path=path,
        )
    )


def _rare_class(label: LabelValue, path: str | None) -> Problem:
    return Problem(
        Code.RARE_CLASS,
        f"the class {excerpt(label)} has 1 record",
        "at least 2, one to learn from and one to check on",
        "add records of it, or drop it (--skip-bad)",
        path=path,
    )


def _one_class(counts: Counter[LabelValue], path: str | None) -> Problem:
    label, count = counts.most_common(1)[0]
    found = f"1 class with more than one record, {excerpt(label)} ({count:,} records)"
    if len(counts) == 1:
        found = f"1 class only, {excerpt(label)}"
    return Problem(Code.ONE_CLASS, found, "2 classes or more", "check --label", path=path)
