"""From records to the two encoded parts that training needs."""

from __future__ import annotations

import hashlib
import json
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


def digest(parts: Iterable[LabelledSequences], kind: Kind) -> str:
    """Return a name that only the same records in the same order have (SHA-256)."""
    total = hashlib.sha256()
    for part in parts:
        for sequence in part.sequences:
            total.update(fingerprint(sequence, kind))
        total.update(json.dumps(part.labels).encode())
    return total.hexdigest()


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


def prepare_whole(
    records: LabelledSequences, *, data: DataConfig, labels: Labels
) -> tuple[Codec, LabelledStore]:
    """Fit the codec on all records, and encode them."""
    codec = build_codec(data).fit(records.sequences)
    encoded = encode_sequences(codec, records.sequences, data.max_length)
    return codec, _store(encoded, labels.encode(records.labels))


def _store(encoded: EncodedSequences, targets: NDArray[np.int64]) -> LabelledStore:
    return LabelledStore(RaggedStore.from_arrays(encoded.arrays), targets)


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
