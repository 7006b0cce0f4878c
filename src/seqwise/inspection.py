"""What a labelled file is made of, found in one pass over its records."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.records import RawSequence, Record
from seqwise.errors import Code, Problem
from seqwise.evaluation.distribution import (
    ChannelMoments,
    ChannelSummary,
    Distribution,
    describe_lengths,
)
from seqwise.evaluation.duplicates import Duplicates, Repeats

__all__ = ["FileSummary", "Vocabulary", "fingerprints", "summarise"]

EXAMPLES_PER_CODE = 3
MOST_FREQUENT = 30  # enough for every letter of DNA and protein

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The different units that the sequences of a file consist of.

    Parameters
    ----------
    unit
        ``words`` (runs of letters and digits, apostrophes inside them, whatever the case),
        ``characters``, ``letters`` (whatever the case) or ``ids``.
    total, distinct, once
        How many there are, how many different ones, and how many of these occur only once.
    most_frequent
        The 30 most frequent units with their counts, the most frequent first.
    """

    unit: str
    total: int
    distinct: int
    once: int
    most_frequent: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class FileSummary:
    """What a labelled file is made of.

    Parameters
    ----------
    kind
        How the sequences were read.
    num_records
        All records, usable or not.
    num_usable
        Records with a label and with a sequence that fits the kind: what training would see.
    class_counts
        Records by label, usable or not; the most frequent label first.
    labels_per_record
        How many records have so many labels, from none on; empty where each has one.
    problems
        Bad records by code, the most frequent first; each counts once. A record without a label
        is one, be labels required or not.
    examples
        The first few problems of each code, in the order of the file.
    lengths
        Distribution of the lengths by unit: ``characters`` and ``words`` of text, ``letters``
        of DNA and protein, ``steps`` of series, ``ids`` of events. Empty where no sequence
        fits the kind.
    vocabularies
        One for each of these units but steps.
    channels
        One entry a channel of series; empty for the other kinds.
    duplicates
        Repeats within the file.
    overlap
        Records whose sequence stands in the other file, or None if none was given.
    fingerprints
        The fingerprint of each different sequence, to compare another file with.
    """

    kind: Kind
    num_records: int
    num_usable: int
    class_counts: dict[str, int]
    labels_per_record: dict[int, int]
    problems: dict[Code, int]
    examples: tuple[Problem, ...]
    lengths: dict[str, Distribution]
    vocabularies: tuple[Vocabulary, ...]
    channels: tuple[ChannelSummary, ...]
    duplicates: Duplicates
    overlap: int | None
    fingerprints: Set[bytes] = field(repr=False)

    @property
    def missing_labels(self) -> int:
        """Records without a label."""
        return self.problems.get(Code.MISSING_LABEL, 0)

    @property
    def missing_sequences(self) -> int:
        """Records without a sequence, or with an empty one."""
        codes = (Code.MISSING_SEQUENCE, Code.EMPTY_SEQUENCE)
        return sum(self.problems.get(code, 0) for code in codes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, ready for JSON, without the fingerprints."""
        return {
            "kind": str(self.kind),
            "num_records": self.num_records,
            "num_usable": self.num_usable,
            "missing_labels": self.missing_labels,
            "missing_sequences": self.missing_sequences,
            "class_counts": dict(self.class_counts),
            "labels_per_record": {str(n): count for n, count in self.labels_per_record.items()},
            "problems": {str(code): count for code, count in self.problems.items()},
            "examples": [str(problem) for problem in self.examples],
            "lengths": {unit: spread.to_dict() for unit, spread in self.lengths.items()},
            "vocabularies": [
                {**asdict(each), "most_frequent": dict(each.most_frequent)}
                for each in self.vocabularies
            ],
            "channels": [
                {"min": each.minimum, "mean": each.mean, "std": each.std, "max": each.maximum}
                for each in self.channels
            ],
            "duplicates": asdict(self.duplicates),
            "overlap": self.overlap,
        }


def summarise(
    records: Iterable[Record],
    kind: Kind,
    *,
    known: Set[bytes] | None = None,
) -> FileSummary:
    """Describe a file in one pass over its records.

    Memory grows with the different sequences (about 150 bytes each), with the different words,
    and by 8 bytes a record for each unit of length; never with the length of the sequences.

    Parameters
    ----------
    records
        As `seqwise.data.records.RecordFile.checked` yields them: with a sequence in the form of
        its kind, or with a problem.
    kind
        What the sequences are.
    known
        Fingerprints of the sequences of another file, to count the overlap with it: the
        `fingerprints` of its summary, or what `fingerprints` gives.

    Returns
    -------
    FileSummary
    """
    tally = _Tally(kind, known)
    for record in records:
        tally.add(record)
    return tally.summary()


def fingerprints(records: Iterable[Record], kind: Kind) -> set[bytes]:
    """Return the fingerprints of the different sequences of a file; bad records have none.

    To count the records of a test file that stand in the training file, count those whose
    `seqwise.data.fingerprint.fingerprint` is in the set of the training file. A sequence
    that the test file holds twice counts twice, however often the training file holds it, and
    whatever the labels.

    Parameters
    ----------
    records
        As `seqwise.data.records.RecordFile.checked` yields them: with a sequence in the form of
        its kind, or with a problem.
    kind
        What the sequences are.

    Returns
    -------
    set of bytes
    """
    return {
        fingerprint(record.sequence, kind)
        for record in records
        if record.problem is None and record.sequence is not None
    }


class _Tally:
    """What has been counted so far."""

    def __init__(self, kind: Kind, known: Set[bytes] | None) -> None:
        self.kind = kind
        self.known = known
        self.num_records = self.num_usable = self.overlap = 0
        self.classes: Counter[str] = Counter()
        self.labels_per_record: Counter[int] = Counter()
        self.problems: Counter[Code] = Counter()
        self.examples: list[Problem] = []
        self.lengths: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self.units: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.moments: ChannelMoments | None = None
        self.repeats = Repeats()

    def add(self, record: Record) -> None:
        self.num_records += 1
        problem = record.problem
        if problem is None and record.sequence is not None:
            problem = self._add_sequence(record.sequence, record.label)
        if problem is not None:
            self._add_problem(problem, record)
        if isinstance(record.label, tuple):
            self.classes.update(record.label)
            self.labels_per_record[len(record.label)] += 1
        elif record.label is not None:
            self.classes[record.label] += 1
        elif problem is None:  # the reader was told that labels are not required
            self._add_problem(_no_label(), record)

    def _add_problem(self, problem: Problem, record: Record) -> None:
        self.problems[problem.code] += 1
        if self.problems[problem.code] <= EXAMPLES_PER_CODE:
            self.examples.append(record.place(problem, None))

    def _add_sequence(
        self, sequence: RawSequence, label: str | tuple[str, ...] | None
    ) -> Problem | None:
        if self.kind == "series":
            problem = self._add_series(np.asarray(sequence))
            if problem is not None:
                return problem
        elif self.kind == "text":
            self._add_units("characters", str(sequence))
            self._add_units("words", _WORD.findall(str(sequence).lower()))
        elif self.kind == "events":
            is_cell = isinstance(sequence, str)
            self._add_units("ids", str(sequence).split() if is_cell else list(sequence))
        else:
            self._add_units("letters", str(sequence).upper())
        mark = fingerprint(sequence, self.kind)
        self.repeats.add(mark, label)
        self.overlap += self.known is not None and mark in self.known
        self.num_usable += label is not None
        return None

    def _add_units(self, unit: str, values: Sequence[str]) -> None:
        self.lengths[unit].append(len(values))
        self.units[unit].update(values)

    def _add_series(self, series: NDArray[Any]) -> Problem | None:
        if self.moments is None:
            self.moments = ChannelMoments(series.shape[1])
        num_channels = len(self.moments.mean)
        if series.shape[1] != num_channels:
            return Problem(
                Code.CHANNEL_COUNT,
                f"{series.shape[1]} channels",
                f"{num_channels}, as in the first record",
                "give each sequence the same channels",
            )
        self.lengths["steps"].append(len(series))
        self.moments.add(series)
        return None

    def summary(self) -> FileSummary:
        return FileSummary(
            kind=self.kind,
            num_records=self.num_records,
            num_usable=self.num_usable,
            class_counts=dict(self.classes.most_common()),
            labels_per_record=dict(sorted(self.labels_per_record.items())),
            problems=dict(self.problems.most_common()),
            examples=tuple(self.examples),
            lengths={unit: describe_lengths(lengths) for unit, lengths in self.lengths.items()},
            vocabularies=tuple(_vocabulary(*each) for each in self.units.items()),
            channels=self.moments.summary() if self.moments is not None else (),
            duplicates=self.repeats.summary(),
            overlap=self.overlap if self.known is not None else None,
            fingerprints=self.repeats.fingerprints,
        )


def _vocabulary(unit: str, counts: Counter[str]) -> Vocabulary:
    once = sum(count == 1 for count in counts.values())
    frequent = tuple(counts.most_common(MOST_FREQUENT))
    return Vocabulary(unit, counts.total(), len(counts), once, frequent)


def _no_label() -> Problem:
    return Problem(Code.MISSING_LABEL, "no label", "one label a record", "drop it (--skip-bad)")
