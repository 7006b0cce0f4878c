"""The first pass over records: what is wrong with them, which are equal, which label each has."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.codecs import channel_problem
from seqwise.data.encoding import size_of
from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.labels import LabelSet, LabelValue
from seqwise.data.records import RawSequence, Record
from seqwise.errors import LISTED_PROBLEMS, Code, DataError, Problem
from seqwise.training.equality import Equality
from seqwise.training.settings import Wishes

DROP = "leave bad records out (--skip-bad)"

Read = Callable[[], Iterable[Record]]

NOTHING_SAID = Wishes()


@dataclass(frozen=True)
class Dropped:
    """What was wrong with the records that were left out.

    Parameters
    ----------
    listed
        The first few.
    count
        How many there are.
    """

    listed: tuple[Problem, ...] = ()
    count: int = 0

    def and_also(self, problems: list[Problem]) -> Dropped:
        """Add some."""
        listed = (*self.listed, *problems)[:LISTED_PROBLEMS]
        return Dropped(listed, self.count + len(problems))


@dataclass(frozen=True)
class LabelledRecords:
    """The usable records of a file: 21 bytes are kept of each, its sequence is read anew.

    Parameters
    ----------
    read
        Reads all records of the file, the same each time it is called.
    is_kept
        Which of them are meant, bool ``(all,)``.
    marks
        What those that are equal to a model share, uint64 ``(n, 2)``.
    content
        A name that only the sequences of this file in this order have.
    codes
        Its label, as a position in `labels`, int32 ``(n,)``.
    labels
        Each label of the file once; where a record may bear any number of them, each set of labels
        that some record bears.
    num_channels
        Of series; 0 for the other kinds.
    size
        Characters, ids or channel values of all sequences of the file.
    dropped
        What was wrong with the records that were left out.
    path
        The file, for messages.
    """

    read: Read = field(repr=False)
    is_kept: NDArray[np.bool_]
    marks: NDArray[np.uint64]
    content: str
    codes: NDArray[np.int32]
    labels: tuple[LabelValue | LabelSet, ...]
    num_channels: int
    size: int
    dropped: Dropped = Dropped()
    path: str | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def multilabel(self) -> bool:
        """Whether a record may bear any number of labels."""
        return isinstance(self.labels[0], tuple)

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Records of each of `labels`."""
        return np.bincount(self.codes, minlength=len(self.labels))

    def select(self, mask: NDArray[np.bool_]) -> LabelledRecords:
        """Keep those for which a mask ``(n,)`` is True."""
        is_kept = self.is_kept.copy()
        is_kept[self.is_kept] = mask
        return replace(self, is_kept=is_kept, marks=self.marks[mask], codes=self.codes[mask])

    def without_marks(self) -> LabelledRecords:
        """Let go of what is needed no more when it is known which records are equal."""
        return replace(self, marks=self.marks[:0].copy())

    def sequences(self, start: int = 0) -> Iterator[RawSequence]:
        """Read the sequences, the first `start` left out.

        Raises
        ------
        DataError
            If the records are not those that were there before.
        """
        positions = np.flatnonzero(self.is_kept)[start:]
        is_kept = self.is_kept
        if start:
            is_kept = np.zeros(len(is_kept), dtype=bool)
            is_kept[positions] = True
        flags, codes = _values(is_kept), _values(self.codes[start:])
        for record in self.read():
            wanted = next(flags, None)
            if wanted is None:
                raise self._changed()
            if not wanted:
                continue
            # By its label, too: in another order each sequence would be given another's.
            if record.sequence is None or record.label != self.labels[next(codes)]:
                raise self._changed()
            yield record.sequence
        if next(flags, None) is not None:
            raise self._changed()

    def _changed(self) -> DataError:
        found = "other records than at the first reading"
        expected, remedy = "a file that does not change", "run it again"
        return DataError(Problem(Code.FILE_UNREADABLE, found, expected, remedy, path=self.path))


def gather(
    read: Read,
    kind: Kind,
    *,
    skip_bad: bool,
    path: str | None = None,
    wishes: Wishes = NOTHING_SAID,
) -> LabelledRecords:
    """Read records for training or validation once, and keep what is little of each.

    Parameters
    ----------
    read
        Gives the records, checked, with labels; called again for each further pass.
    kind
        What the sequences are.
    skip_bad
        Leave bad records out and tell them in `dropped`, instead of refusing the file.
    path
        The file, for messages.
    wishes
        The settings that the user has spoken of: some say which sequences are equal.

    Raises
    ------
    DataError
        If records are bad (the first few and the count), or if there are none.
    ConfigError
        If a setting has no effect on such sequences.
    """
    tally = _Tally(Equality.of(read, kind, wishes), path)
    for record in read():
        tally.add(record)
    tally.keep_common_channels()
    dropped = Dropped(tuple(tally.listed()), tally.num_problems)
    if dropped.count and not skip_bad:
        listed = [replace(each, remedy=f"{each.remedy}, or {DROP}") for each in dropped.listed]
        raise DataError(listed[0], others=listed[1:], count=dropped.count)
    is_kept = np.frombuffer(tally.is_kept, dtype=bool)
    if not is_kept.any():
        found = f"none of {dropped.count:,} records can be used" if dropped.count else "no records"
        raise DataError(Problem(Code.NO_RECORDS, found, "labelled records", "add some", path=path))
    good = tally.is_good()
    return LabelledRecords(
        read,
        is_kept,
        np.frombuffer(tally.marks, dtype=np.uint64).reshape(-1, 2)[good],
        tally.content.hexdigest(),
        np.frombuffer(tally.codes, dtype=np.int32)[good],
        tuple(tally.labels),
        num_channels=tally.num_channels,
        size=tally.size,
        dropped=dropped,
        path=path,
    )


def digest(parts: Iterable[LabelledRecords]) -> str:
    """Return a name that only the same records in the same order have (SHA-256)."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.content.encode())
        total.update(json.dumps(part.labels).encode())
        total.update(np.ascontiguousarray(part.codes).tobytes())
    return total.hexdigest()


def in_order(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give each code once, in the order in which they come first."""
    first = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of equal ones the last that is set stays
    present = np.flatnonzero(first >= 0)
    return present[np.argsort(first[present])]


class _Tally:
    """What has been read so far."""

    def __init__(self, equality: Equality, path: str | None) -> None:
        self.equality = equality
        self.kind = equality.kind
        self.path = path
        self.content = hashlib.sha256()
        self.is_kept = bytearray()  # of all records
        self.marks = bytearray()  # of those without a problem of their own, as the two below
        self.codes = array("i")
        self.channels = array("i")
        self.labels: dict[LabelValue | LabelSet, int] = {}
        self.num_channels = 0
        self.size = 0
        self.num_problems = 0
        self._problems: list[tuple[int, Problem]] = []  # with the position of the record
        # The first few records of each number of channels, for one that turns out to be wrong.
        self._places: dict[int, list[tuple[int, Record]]] = defaultdict(list)

    def add(self, record: Record) -> None:
        problem, sequence = record.problem, record.sequence
        if problem is None and record.label is None:
            problem = record.place(_missing_label(), self.path)
        if problem is None:
            problem = self._form_problem(record)
        if problem is not None or sequence is None or record.label is None:
            self.is_kept.append(0)
            if problem is not None:
                self._add_problem(len(self.is_kept), problem)
            return
        self.is_kept.append(1)
        mark, seen = fingerprint(sequence, self.kind), self.equality.seen(sequence)
        self.content.update(mark)
        self.marks += mark if seen is sequence else fingerprint(seen, self.kind)
        self.codes.append(self.labels.setdefault(record.label, len(self.labels)))
        self.size += size_of(sequence)
        if self.kind is Kind.SERIES:
            self._add_channels(np.shape(sequence)[1], record)

    def _form_problem(self, record: Record) -> Problem | None:
        """Say so where a label is a set and that of the first record is none, or the other way."""
        expects_set = isinstance(next(iter(self.labels), record.label), tuple)
        if isinstance(record.label, tuple) is expects_set:
            return None
        forms = ["one label", "a list of labels"]
        expected = f"{forms[expects_set]}, as in the records before"
        problem = Problem(
            Code.WRONG_TYPE, forms[not expects_set], expected, "write all labels alike"
        )
        return record.place(problem, self.path)

    def _add_channels(self, num_channels: int, record: Record) -> None:
        self.channels.append(num_channels)
        places = self._places[num_channels]
        if len(places) < LISTED_PROBLEMS:
            places.append((len(self.is_kept), replace(record, sequence=None)))

    def _add_problem(self, position: int, problem: Problem) -> None:
        self.num_problems += 1
        if len(self._problems) < LISTED_PROBLEMS:
            self._problems.append((position, problem))

    def keep_common_channels(self) -> None:
        """Take the most frequent number of channels for the meant one."""
        if not self.channels:
            return
        counts = Counter(self.channels)
        self.num_channels = counts.most_common(1)[0][0]
        for found, places in self._places.items():
            problem = channel_problem(np.empty((0, found)), self.num_channels)
            if problem is not None:
                self.num_problems += counts[found]
                self._problems += [
                    (position, record.place(problem, self.path)) for position, record in places
                ]
        is_kept = np.frombuffer(self.is_kept, dtype=bool)
        is_kept[is_kept.copy()] = self.is_good()

    def is_good(self) -> NDArray[np.bool_] | slice:
        """Say which records without a problem of their own have the common number of channels."""
        if not self.channels:
            return slice(None)
        channels = np.frombuffer(self.channels, dtype=np.int32)
        return np.equal(channels, self.num_channels)

    def listed(self) -> list[Problem]:
        """Give the first few problems, in the order of the records."""
        self._problems.sort(key=lambda each: each[0])
        return [problem for _, problem in self._problems[:LISTED_PROBLEMS]]


def _values(values: NDArray[Any]) -> Iterator[Any]:
    """Give Python's values, some at a time."""
    for start in range(0, len(values), 1 << 16):
        yield from values[start : start + (1 << 16)].tolist()


def _missing_label() -> Problem:
    return Problem(Code.MISSING_LABEL, "no label", "a label for each record", "add it")
