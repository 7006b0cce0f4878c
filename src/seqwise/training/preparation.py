"""From records to the two encoded parts that training needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqwise.config import DataConfig
from seqwise.data.codecs import Codec, build_codec, channel_problem
from seqwise.data.encoding import EncodedSequences, encode_sequences
from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels, LabelValue
from seqwise.data.records import RawSequence, Record
from seqwise.data.store import RaggedStore
from seqwise.errors import Code, DataError, Problem, excerpt

SPLIT = 271_828  # sets the chance of the split apart from that of training

DROP = "leave bad records out (--skip-bad)"


@dataclass(frozen=True)
class LabelledSequences:
    """The usable records of a file, in the form of their kind.

    Parameters
    ----------
    sequences
        As `check_sequence` gives them.
    labels
        One for each sequence.
    dropped
        What was wrong with the records that were left out.
    """

    sequences: list[RawSequence]
    labels: list[LabelValue]
    dropped: list[Problem]


@dataclass(frozen=True)
class LabelledStore:
    """Encoded sequences with a class index each.

    Parameters
    ----------
    sequences
        ``n`` encoded sequences.
    targets
        int64 ``(n,)``.
    """

    sequences: RaggedStore
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class PreparedData:
    """Both parts, encoded by a codec that was fitted on the training part alone.

    Parameters
    ----------
    data, codec, labels
        How sequences and labels are turned into numbers.
    train, valid
        The part to learn from, and the part that chooses the epoch.
    num_cut
        Sequences of both parts that `max_length` cut.
    num_unknown, num_valid_steps
        Tokens of the validation part that the training part does not have, out of how many.
    """

    data: DataConfig
    codec: Codec
    labels: Labels
    train: LabelledStore
    valid: LabelledStore
    num_cut: int
    num_unknown: int
    num_valid_steps: int


def gather(
    records: Iterable[Record], kind: Kind, *, skip_bad: bool, path: str | None = None
) -> LabelledSequences:
    """Read records for training or validation.

    Parameters
    ----------
    records
        Checked, with labels.
    kind
        What the sequences are.
    skip_bad
        Leave bad records out and list them in `dropped`, instead of refusing the file.
    path
        The file, for messages.

    Raises
    ------
    DataError
        If records are bad (the first few and the count), or if there are none.
    """
    kept: list[tuple[RawSequence, LabelValue, Record]] = []
    problems: list[Problem] = []
    for record in records:
        if record.problem is not None:
            problems.append(record.problem)
        elif record.label is None:
            problems.append(_placed(_missing_label(), record, path))
        elif record.sequence is not None:
            kept.append((record.sequence, record.label, record))
    if kind is Kind.SERIES and kept:
        kept = _same_channels(kept, problems, path)
    problems.sort(key=lambda problem: problem.record or 0)
    if problems and not skip_bad:
        listed = [replace(each, remedy=f"{each.remedy}, or {DROP}") for each in problems[:5]]
        raise DataError(listed[0], others=listed[1:], count=len(problems))
    if not kept:
        found = f"none of {len(problems):,} records can be used" if problems else "no records"
        raise DataError(Problem(Code.NO_RECORDS, found, "labelled records", "add some", path=path))
    return LabelledSequences([row[0] for row in kept], [row[1] for row in kept], problems)


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


def prepare(
    train: LabelledSequences,
    valid: LabelledSequences,
    *,
    data: DataConfig,
    labels: Labels,
    valid_path: str | None = None,
) -> PreparedData:
    """Fit the codec on the training part and encode both parts.

    Raises
    ------
    DataError
        If the validation part has a label or a number of channels that the training part has not.
    """
    targets = [labels.encode(part.labels) for part in (train, valid)]
    unknown = np.flatnonzero(targets[1] < 0)
    if len(unknown):
        label = excerpt(valid.labels[unknown[0]])
        found = f"the label {label} (records with such labels: {len(unknown):,})"
        expected = "the labels of the training file"
        raise DataError(
            Problem(Code.UNKNOWN_LABEL, found, expected, "check --valid", path=valid_path)
        )
    codec = build_codec(data).fit(train.sequences)
    for sequence in valid.sequences:
        problem = codec.check(sequence)
        if problem is not None:
            raise DataError(problem.at(path=valid_path))
    encoded = [encode_sequences(codec, part.sequences, data.max_length) for part in (train, valid)]
    return PreparedData(
        data=data,
        codec=codec,
        labels=labels,
        train=_store(encoded[0], targets[0]),
        valid=_store(encoded[1], targets[1]),
        num_cut=encoded[0].num_cut + encoded[1].num_cut,
        num_unknown=encoded[1].num_unknown,
        num_valid_steps=encoded[1].num_steps,
    )


def _store(encoded: EncodedSequences, targets: NDArray[np.int64]) -> LabelledStore:
    return LabelledStore(RaggedStore.from_arrays(encoded.arrays), targets)


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


def _same_channels(
    kept: list[tuple[RawSequence, LabelValue, Record]],
    problems: list[Problem],
    path: str | None,
) -> list[tuple[RawSequence, LabelValue, Record]]:
    """Take the most frequent number of channels for the meant one."""
    num_channels = Counter(np.shape(row[0])[1] for row in kept).most_common(1)[0][0]
    same = []
    for row in kept:
        problem = channel_problem(row[0], num_channels)
        if problem is None:
            same.append(row)
        else:
            problems.append(_placed(problem, row[2], path))
    return same


def _placed(problem: Problem, record: Record, path: str | None) -> Problem:
    return problem.at(path=path, line=record.line, record=record.number)


def _missing_label() -> Problem:
    return Problem(Code.MISSING_LABEL, "no label", "a label for each record", "add it")


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
