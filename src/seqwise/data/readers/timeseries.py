"""Time series in the ``.ts`` format of the UCR/UEA archive, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.numbers import parse_numbers, to_series
from seqwise.data.readers.source import Source
from seqwise.data.readers.values import MEND, check_label, check_text, counted
from seqwise.errors import Code, DataError, Problem, excerpt

STAMPED = re.compile(r"\(([^(),]*),([^(),]*)\)")
MOST_DIGITS = 15  # of a count
# A colon inside a stamp ("16:00:00") does not end a channel; one after a tuple does.
STAMPED_END = re.compile(r"(?<=\))\s*:")


@dataclass(slots=True)
class _Declared:
    """What the head of the file says; None where it says nothing."""

    has_stamps: bool = False
    is_univariate: bool = False
    num_channels: int | None = None
    is_equal_length: bool = False
    length: int | None = None
    has_target: bool = False
    has_labels: bool = True
    labels: frozenset[str] | None = None


class TimeSeriesReader:
    """Reader of ``.ts`` files: series of any length, with one or several channels.

    The sequence of a record is a float array ``(time, channels)``. Labels keep their case. Time
    stamps are checked (the same in all channels; growing, where they are numbers) and are not part
    of the sequence.

    Parameters
    ----------
    source
        The file.
    wanted
        Whether a label is required.

    Raises
    ------
    DataError
        `file-empty`; `missing-label` where labels are required and the file declares that it has
        none; `bad-format` for a head that cannot be used, such as that of a regression problem.
    """

    columns: tuple[str, ...] | None = None
    sequence_column: str | None = None
    label_column: str | None = None
    multilabel = False

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        self._label_required = wanted.label_required
        with source.preview_text() as lines:
            self._declared, self._num_head_lines = _read_head(lines, source.path)
        if wanted.label_required and not self._declared.has_labels:
            remedy = "add the labels to the file"
            found, expected = "@classLabel false", "a label for each series"
            raise DataError(Problem(Code.MISSING_LABEL, found, expected, remedy, path=source.path))

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        number = 0
        first: NDArray[np.float64] | None = None
        with self._source.open_text() as lines:
            body = islice(lines, self._num_head_lines, None)
            for line_number, line in enumerate(body, self._num_head_lines + 1):
                text = line.strip()
                if not text or text.startswith("#"):
                    continue
                number += 1
                found = self._read(text, first)
                if isinstance(found, Problem):
                    problem = found.at(path=self._source.path, line=line_number, record=number)
                    yield Record(None, None, number, line_number, problem)
                    continue
                series, label = found
                first = series if first is None else first
                yield Record(series, label, number, line_number)

    def _read(
        self, text: str, first: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], str | None] | Problem:
        """Read one line; what the head does not declare must be as in the first record."""
        problem = check_text(text)
        if problem is not None:
            return problem
        channels = STAMPED_END.split(text) if self._declared.has_stamps else text.split(":")
        label: str | Problem | None = None
        if self._declared.has_labels:
            label = self._read_label(channels.pop().strip() if len(channels) > 1 else "")
        problem = self._check_channel_count(len(channels), first)
        if problem is not None:
            return problem
        if self._declared.has_stamps:
            series = _read_stamped(channels)
        else:
            series = _read_values([channel.split(",") if channel else [] for channel in channels])
        if isinstance(series, Problem):
            return series
        problem = self._check_length(series, first)
        if problem is not None:
            return problem
        return label if isinstance(label, Problem) else (series, label)

    def _read_label(self, text: str) -> str | Problem | None:
        label = check_label("" if text == "?" else text)
        known = self._declared.labels
        if isinstance(label, str) and known is not None and label not in known:
            expected = f"one of the {len(known)} labels that @classLabel declares"
            label = Problem(Code.UNKNOWN_LABEL, f"label {excerpt(label)}", expected, MEND)
        return None if isinstance(label, Problem) and not self._label_required else label

    def _check_channel_count(
        self, num_channels: int, first: NDArray[np.float64] | None
    ) -> Problem | None:
        declared = self._declared
        if declared.is_univariate:
            expected, reason = 1, "as @univariate says"
        elif declared.num_channels is not None:
            expected, reason = declared.num_channels, "as @dimensions says"
        elif first is not None:
            expected, reason = first.shape[1], "as in the first record"
        else:
            return None
        if num_channels == expected:
            return None
        return Problem(
            Code.CHANNEL_COUNT, counted(num_channels, "channel"), f"{expected}, {reason}", MEND
        )

    def _check_length(
        self, series: NDArray[np.float64], first: NDArray[np.float64] | None
    ) -> Problem | None:
        declared = self._declared
        if not declared.is_equal_length:
            return None
        if declared.length is not None:
            expected, reason = declared.length, "as @seriesLength says"
        elif first is not None:
            expected, reason = len(first), "as in the first record, by @equalLength"
        else:
            return None
        if len(series) == expected:
            return None
        return Problem(Code.BAD_FORMAT, counted(len(series), "step"), f"{expected}, {reason}", MEND)


def _read_values(channels: list[list[str]]) -> NDArray[np.float64] | Problem:
    rows: list[list[float]] = []
    for index, tokens in enumerate(channels):
        numbers = parse_numbers([token.replace("?", "nan") for token in tokens])
        if not isinstance(numbers, list):
            found = f"{excerpt(tokens[numbers])} at step {numbers + 1:,} of channel {index + 1}"
            return Problem(Code.NOT_A_NUMBER, found, "a number", MEND)
        if rows and len(numbers) != len(rows[0]):
            found = f"{counted(len(numbers), 'step')} in channel {index + 1}"
            expected = f"{len(rows[0])}, as in channel 1"
            return Problem(Code.CHANNEL_COUNT, found, expected, MEND)
        rows.append(numbers)
    return to_series(np.array(rows, dtype=np.float64).T)  # (time, channels)


def _read_stamped(channels: list[str]) -> NDArray[np.float64] | Problem:
    expected = "tuples (stamp,value) with commas between them, as @timeStamps says"
    values: list[list[str]] = []
    common: list[str] | None = None
    for channel in channels:
        rest = STAMPED.sub("", channel).replace(",", "").strip()
        if rest:
            return Problem(Code.BAD_FORMAT, excerpt(channel), expected, MEND)
        pairs = STAMPED.findall(channel)
        stamps = [stamp.strip() for stamp, _ in pairs]
        if common is not None and stamps != common:
            remedy = "bring the channels to common time stamps"
            found = f"other time stamps in channel {len(values) + 1}"
            return Problem(Code.BAD_FORMAT, found, "those of channel 1", remedy)
        common = stamps
        values.append([value.strip() for _, value in pairs])
    return _check_stamps(common or []) or _read_values(values)


def _check_stamps(stamps: list[str]) -> Problem | None:
    times = parse_numbers(stamps)
    if not isinstance(times, list):
        return None  # dates have many forms; their order is left to the file
    for step, (before, after) in enumerate(pairwise(times), 2):
        if after <= before:
            found = f"time stamp {stamps[step - 1]} after {stamps[step - 2]} at step {step:,}"
            return Problem(Code.BAD_FORMAT, found, "growing time stamps", MEND)
    return None


def _read_head(lines: Iterable[str], path: str) -> tuple[_Declared, int]:
    declared = _Declared()
    number = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        tag, *values = text.split()
        if tag.lower() == "@data":
            return declared, number
        problem = _declare(declared, tag, values)
        if problem is not None:
            raise DataError(problem.at(path=path, line=number))
    if not number:
        remedy = "check how the file was written"
        raise DataError(Problem(Code.FILE_EMPTY, "nothing at all", "series", remedy, path=path))
    remedy = "check that it is a .ts file, or name the format (--format)"
    raise DataError(
        Problem(Code.BAD_FORMAT, "no @data", "a line @data", remedy, path=path, line=number)
    )


def _declare(declared: _Declared, tag: str, values: list[str]) -> Problem | None:
    """Take one line of the head; tags that say nothing about the series are let be."""
    name = tag.lower()
    value = values[0].lower() if values else ""
    if name in _TRUTHS:
        if value not in {"true", "false"}:
            return _bad_tag(tag, value, "true or false")
        setattr(declared, _TRUTHS[name], value == "true")
    elif name in _COUNTS:
        if not value.isdecimal() or len(value) > MOST_DIGITS:
            return _bad_tag(tag, value, "a whole number")
        setattr(declared, _COUNTS[name], int(value))
    elif not name.startswith("@"):
        return _bad_tag(tag, value, "lines that begin with @ or #, up to @data")
    if declared.has_target:
        found = "@targetLabel, which marks a regression problem"
        remedy = "seqwise classifies; use a file with @classLabel"
        return Problem(Code.BAD_FORMAT, found, "classes", remedy)
    if name == "@classlabel" and len(values) > 1:
        declared.labels = frozenset(values[1:])
    return None


def _bad_tag(tag: str, value: str, expected: str) -> Problem:
    found = excerpt(f"{tag} {value}".strip())
    return Problem(Code.BAD_FORMAT, found, expected, "correct the head of the file")


_TRUTHS = {
    "@timestamps": "has_stamps",
    "@univariate": "is_univariate",
    "@equallength": "is_equal_length",
    "@classlabel": "has_labels",
    "@targetlabel": "has_target",
}
_COUNTS = {
    "@dimensions": "num_channels",
    "@dimension": "num_channels",
    "@serieslength": "length",
}
