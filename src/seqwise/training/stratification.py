"""Which records are held out where a record may bear any number of labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqwise.data.labels import Labels
from seqwise.data.targets import Targets, class_counts
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.training.gathering import LabelledRecords


def check_labels(data: LabelledRecords) -> None:
    """Make sure that some label stands at some records and not at others.

    Raises
    ------
    DataError
        If not: there is nothing to tell apart.
    """
    labels = Labels.fit(data.labels)
    counts = class_counts(labels.encode(data.labels)[data.codes], len(labels))
    if ((counts > 0) & (counts < len(data))).any():
        return
    found = "no record with a label"
    if len(labels):
        found = f"the same labels at all records, {excerpt(', '.join(labels.names))}"
    expected = "a label that some records bear and others do not"
    raise DataError(Problem(Code.ONE_CLASS, found, expected, "check --label", path=data.path))


def hold_out(
    data: LabelledRecords,
    first: NDArray[np.int64],
    *,
    valid_fraction: float,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Choose records to hold out, a share of each label, the rarest label first.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011) into two parts: what is left
    for a frequent label can make up for what came along with a rare one, and not the other way
    round. Of each label at least one record is held out where that leaves one to learn from; a
    label with one record is learned from.

    Parameters
    ----------
    data
        Records with sets of labels.
    first
        The number of the first record with an equal sequence, of each, ``(n,)``; such records stay
        together, and those that contradict each other are learned from.
    valid_fraction
        Share of each label to hold out.
    random
        Of the choice.

    Returns
    -------
    array
        True for records to hold out, ``(n,)``.

    Raises
    ------
    DataError
        If there is none that can be held out.
    """
    is_head = first == np.arange(len(first))
    is_head[first[data.codes != data.codes[first]]] = False
    heads = np.flatnonzero(is_head)
    sizes = np.bincount(first, minlength=len(first))[heads]
    labels = Labels.fit(data.labels)
    table = labels.encode(data.labels)[data.codes[heads]]
    chosen = _choose(table, sizes, valid_fraction, random)
    if not chosen.any():
        chosen[_least(table, sizes, data.path)] = True
    held_out = np.zeros(len(first), dtype=bool)
    held_out[heads[chosen]] = True
    return held_out[first]


def _choose(
    table: Targets, sizes: NDArray[np.int64], fraction: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose groups of equal sequences; `table` says which labels each bears."""
    num_groups, num_labels = table.shape
    bears = np.split(table.indices, table.indptr[1:-1])
    columns = table.tocsc()
    wanted = fraction * (sizes @ table)
    held = np.zeros(num_labels)
    left = np.diff(columns.indptr)  # groups of each label that may be learned from
    is_open, chosen = np.ones(num_groups, dtype=bool), np.zeros(num_groups, dtype=bool)
    unlabelled = np.flatnonzero(np.diff(table.indptr) == 0)
    for label in [*np.argsort(wanted, kind="stable").tolist(), None]:
        if label is None:
            members, room = unlabelled, round(fraction * int(sizes[unlabelled].sum()))
        else:
            members = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
            room = max(1, round(wanted[label])) - held[label]
        members = members[is_open[members]]
        is_open[members] = False
        for group in random.permutation(members).tolist():
            if room <= 0:
                break
            if sizes[group] <= room and (left[bears[group]] > 1).all():
                chosen[group] = True
                left[bears[group]] -= 1
                held[bears[group]] += sizes[group]
                room -= sizes[group]
    return chosen


def _least(table: Targets, sizes: NDArray[np.int64], path: str | None) -> int:
    """Find what to hold out where each group of equal sequences is larger than its share."""
    counts = class_counts(table, table.shape[1])
    groups: list[int] = np.argsort(sizes, kind="stable").tolist()
    for group in groups:
        borne = table.indices[table.indptr[group] : table.indptr[group + 1]]
        if len(sizes) > 1 and (counts[borne] > 1).all():
            return group
    found = "each label stands at equal sequences only"
    expected = "two different sequences with a label, to hold one out"
    remedy = "add records, or give --valid FILE"
    raise DataError(Problem(Code.RARE_CLASS, found, expected, remedy, path=path))
