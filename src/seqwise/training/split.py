"""Which records are learned from, and which are held out to choose the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqwise.data.fingerprint import number_equal
from seqwise.data.labels import LabelSet, LabelValue
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.training.gathering import LabelledRecords, in_order
from seqwise.training.stratification import check_labels, hold_out

SPLIT = 271_828  # sets the chance of the split apart from that of training
GROUPS_AT_ONCE = 1 << 16
SEPARATORS = ",;|"  # that may stand between the labels of a cell


def check_classes(data: LabelledRecords, *, fewest: int, skip_bad: bool) -> LabelledRecords:
    """Make sure that there is something to tell apart, and enough of each class.

    A label that stands beside others may be as rare as it likes: it is learned from what there is.

    Parameters
    ----------
    data
        What to train on.
    fewest
        Records that each class must have: 2 where a part is to be held out, 1 otherwise.
    skip_bad
        Leave classes with fewer out instead of refusing the file.

    Raises
    ------
    DataError
        If a class has fewer and `skip_bad` is not set, or if fewer than two classes are left.
    """
    if data.multilabel:
        check_labels(data)
        return data
    class_counts = data.class_counts
    counts = {code: int(class_counts[code]) for code in in_order(data.codes).tolist()}
    rare = [code for code, count in counts.items() if count < fewest]
    if len(counts) - len(rare) < 2 and (skip_bad or len(counts) < 2):
        raise DataError(_one_class(data, counts))
    problems = [_rare_class(data.labels[code], data.path) for code in rare]
    if problems and not skip_bad:
        raise DataError(problems[0], others=problems[1:5], count=len(problems))
    if not problems:
        return data
    kept = data.select(~np.isin(data.codes, rare))
    return replace(kept, dropped=data.dropped.and_also(problems))


def split(
    data: LabelledRecords, *, valid_fraction: float, seed: int
) -> tuple[LabelledRecords, LabelledRecords]:
    """Hold out a part of each class; what is equal to a model, never on both sides.

    Parameters
    ----------
    data
        At least two records of each class.
    valid_fraction
        Share of each class to hold out.
    seed
        Of the choice.

    Returns
    -------
    tuple
        The training part and the validation part.
    """
    first = number_equal(data.marks)
    random = np.random.default_rng([SPLIT, seed])
    if data.multilabel:
        mask = hold_out(data, first, valid_fraction=valid_fraction, random=random)
        return data.select(~mask), data.select(mask)
    groups = _groups_by_class(data, first)
    shares = _shares(data, valid_fraction, random)
    held_out = np.zeros(len(data), dtype=bool)  # by the first member of a group
    for code, (members, sizes) in groups.items():
        held_out[members[_choose(sizes, shares[code], random)]] = True
    if not held_out.any():
        held_out[_smallest_group(groups, data.path)] = True
    mask = held_out[first]
    return data.select(~mask), data.select(mask)


Groups = dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]


def _groups_by_class(data: LabelledRecords, first: NDArray[np.int64]) -> Groups:
    """Give the first member and the size of each group of equal sequences, by class.

    Groups come in the order of their first members; those that carry two labels belong to no class.
    """
    is_first = first == np.arange(len(first))
    is_first[first[data.codes != data.codes[first]]] = False
    sizes = np.bincount(first, minlength=len(first))
    heads = np.flatnonzero(is_first)
    codes = data.codes[heads]
    by_code = np.argsort(codes, kind="stable")
    groups: Groups = {}
    for code in in_order(codes).tolist():
        start, end = np.searchsorted(codes, [code, code + 1], sorter=by_code).tolist()
        members = heads[by_code[start:end]]
        groups[code] = (members, sizes[members])
    return groups


def _choose(sizes: NDArray[np.int64], room: int, random: np.random.Generator) -> list[int]:
    """Choose groups by chance as long as they fit into the room."""
    chosen: list[int] = []
    for position, size in _shuffled(sizes, random):
        # The last group is never taken: each class has something to learn from.
        if not room or len(chosen) == len(sizes) - 1:
            break
        if size <= room:
            chosen.append(position)
            room -= size
    return chosen


def _shuffled(sizes: NDArray[np.int64], random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Give positions and sizes in random order, some at a time as numbers of Python."""
    order = random.permutation(len(sizes))
    for start in range(0, len(order), GROUPS_AT_ONCE):
        positions = order[start : start + GROUPS_AT_ONCE]
        yield from zip(positions.tolist(), sizes[positions].tolist(), strict=True)


def _shares(data: LabelledRecords, fraction: float, random: np.random.Generator) -> dict[int, int]:
    """Say how many records of each class to hold out: whole numbers that add up to the share."""
    counts = data.class_counts
    exact = {code: int(counts[code]) * fraction for code in in_order(data.codes).tolist()}
    shares = {code: int(share) for code, share in exact.items()}
    missing = max(1, round(len(data) * fraction)) - sum(shares.values())
    ties = dict(zip(exact, random.random(len(exact)), strict=True))
    by_remainder = sorted(exact, key=lambda code: (shares[code] - exact[code], ties[code]))
    for code in by_remainder[: max(missing, 0)]:
        shares[code] += 1
    return shares


def count_equal(train: LabelledRecords, valid: LabelledRecords) -> int:
    """Count the validation sequences that stand in the training part."""
    first = number_equal(np.concatenate([train.marks, valid.marks]))
    return int((first[len(train) :] < len(train)).sum())


def _smallest_group(groups: Groups, path: str | None) -> int:
    """Find what to hold out where every group of equal sequences is larger than its share."""
    candidates = [
        (size, member)
        for members, sizes in groups.values()
        if len(members) > 1
        for size, member in [(int(sizes.min()), int(members[sizes.argmin()]))]
    ]
    if candidates:
        return min(candidates, key=lambda each: each[0])[1]
    found = "each class consists of equal sequences"
    if not groups:
        found = "each sequence bears several labels, one in one record and another in the next"
    expected = "two different sequences of one label, to hold one out"
    remedy = "add records, or give --valid FILE"
    raise DataError(Problem(Code.RARE_CLASS, found, expected, remedy, path=path))


def _rare_class(label: LabelValue | LabelSet, path: str | None) -> Problem:
    remedy = "add records of it, or drop it (--skip-bad)"
    if isinstance(label, str) and any(mark in label for mark in SEPARATORS):
        remedy += "; if these are several labels, say what stands between (--label-separator)"
    return Problem(
        Code.RARE_CLASS,
        f"the class {excerpt(label)} has 1 record",
        "at least 2, one to learn from and one to check on",
        remedy,
        path=path,
    )


def _one_class(data: LabelledRecords, counts: dict[int, int]) -> Problem:
    code = max(counts, key=counts.__getitem__)
    label, count = data.labels[code], counts[code]
    found = f"1 class with more than one record, {excerpt(label)} ({count:,} records)"
    if count == 1:
        found = "no class with more than one record"
    if len(counts) == 1:
        found = f"1 class only, {excerpt(label)}"
    return Problem(Code.ONE_CLASS, found, "2 classes or more", "check --label", path=data.path)
