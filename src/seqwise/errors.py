"""Everything seqwise raises on purpose.

::

    SeqwiseError
    ├── DataError         (ValueError)  a file or a record cannot be used
    ├── ConfigError       (ValueError)  settings that do not exist or do not fit together
    ├── ShapeError        (ValueError)  tensors that do not fit together, in `seqwise.nn`
    ├── ArtifactError     (ValueError)  a model folder that cannot be read or written
    ├── CheckpointError   (ValueError)  work that cannot be stopped safely, or cannot go on
    ├── StoreError        (ValueError)  a store of encoded sequences that cannot be read or written
    └── ProcessError      (RuntimeError)  processes of one training that do not work together

The command line turns any of them into one line on standard error and exit code 2.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = [
    "ArtifactError",
    "CheckpointError",
    "Code",
    "ConfigError",
    "DataError",
    "Problem",
    "ProcessError",
    "SeqwiseError",
    "ShapeError",
    "StoreError",
    "excerpt",
]

EXCERPT_LENGTH = 40
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
LISTED_PROBLEMS = 5


class Code(StrEnum):
    """The stable code of each problem; `docs/bad-input.md` explains every one."""

    # a file as a whole
    FILE_MISSING = "file-missing"
    FILE_UNREADABLE = "file-unreadable"
    FILE_EMPTY = "file-empty"
    BAD_GZIP = "bad-gzip"
    BAD_FORMAT = "bad-format"
    TOO_LONG = "too-long"
    UNKNOWN_FORMAT = "unknown-format"
    NO_RECORDS = "no-records"
    COLUMN_MISSING = "column-missing"
    COLUMN_UNCLEAR = "column-unclear"
    DUPLICATE_HEADER = "duplicate-header"
    KIND_UNCLEAR = "kind-unclear"
    OUTPUT_EXISTS = "output-exists"
    OUTPUT_UNWRITABLE = "output-unwritable"
    # the labels as a whole
    ONE_CLASS = "one-class"
    RARE_CLASS = "rare-class"
    # one record
    RAGGED_ROW = "ragged-row"
    NOT_UTF8 = "not-utf8"
    NUL_BYTE = "nul-byte"
    BAD_JSON = "bad-json"
    MISSING_SEQUENCE = "missing-sequence"
    EMPTY_SEQUENCE = "empty-sequence"
    MISSING_LABEL = "missing-label"
    UNKNOWN_LABEL = "unknown-label"
    LABEL_PER_STEP = "label-per-step"
    WRONG_TYPE = "wrong-type"
    NOT_A_NUMBER = "not-a-number"
    NAN_VALUE = "nan-value"
    INFINITE_VALUE = "infinite-value"
    CHANNEL_COUNT = "channel-count"
    UNKNOWN_LETTER = "unknown-letter"
    # tensors, settings and model folders
    WRONG_SHAPE = "wrong-shape"
    BAD_SETTING = "bad-setting"
    BAD_USAGE = "bad-usage"
    NOT_A_MODEL = "not-a-model"
    NEWER_FORMAT = "newer-format"
    DAMAGED_MODEL = "damaged-model"
    # training, and work that is stopped
    DIVERGED = "diverged"
    CHECKPOINT_EXISTS = "checkpoint-exists"
    CHECKPOINT_MISMATCH = "checkpoint-mismatch"
    CHECKPOINT_IN_USE = "checkpoint-in-use"
    DAMAGED_CHECKPOINT = "damaged-checkpoint"
    # the machine
    OUT_OF_MEMORY = "out-of-memory"
    SYSTEM_ERROR = "system-error"
    # stores of encoded sequences
    DAMAGED_STORE = "damaged-store"
    STORE_UNFINISHED = "store-unfinished"
    STORE_MISMATCH = "store-mismatch"
    # processes that train together
    PROCESS_LOST = "process-lost"
    PROCESSES_DIFFER = "processes-differ"


def excerpt(value: object) -> str:
    r"""Show at most 40 characters of a value, with control characters escaped.

    Examples
    --------
    >>> excerpt("a\tb")
    "'a\\tb'"
    """
    if isinstance(value, bytes):
        value = value[: 4 * EXCERPT_LENGTH].decode("utf-8", errors="surrogateescape")
    text = value if isinstance(value, str) else _spell(value)
    pieces: list[str] = []
    length = 0
    for character in text:
        pieces.append(_escape(character))
        length += len(pieces[-1])
        if length > EXCERPT_LENGTH:
            while length > EXCERPT_LENGTH - 1:
                length -= len(pieces.pop())
            pieces.append("…")
            break
    line = "".join(pieces)
    return f"'{line}'" if isinstance(value, str) else line


def _spell(value: object) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; lists nested too deep
        return f"some {type(value).__name__}"


def _escape(character: str) -> str:
    """Spell a character that would not show, or would begin a new line."""
    if "\udc80" <= character <= "\udcff":  # a byte that was not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in UNSEEN:
        return character.encode("unicode_escape", errors="surrogatepass").decode("ascii")
    return character


def one_line(text: str) -> str:
    """Spell out what would break a line, without cutting anything."""
    return "".join(map(_escape, text))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, what was expected, and what to do about it.

    Its string is the one form in which seqwise speaks of bad input::

        file:line (record), column: found - expected - remedy [code]

    Parameters
    ----------
    code
        One of `Code`; never changes its meaning between releases.
    found, expected, remedy
        Three short phrases. Quote user data through `excerpt`.
    path
        The file, as the user named it, or None for data that came from Python.
    line
        Physical line of the file, from 1.
    record
        Number of the record in the file, from 1.
    column
        Name of the column.
    """

    code: Code
    found: str
    expected: str
    remedy: str
    path: str | None = None
    line: int | None = None
    record: int | None = None
    column: str | None = None

    def at(
        self,
        *,
        path: str | None = None,
        line: int | None = None,
        record: int | None = None,
        column: str | None = None,
    ) -> Problem:
        """Return the problem with the places that were not known before filled in."""
        return replace(
            self,
            path=self.path if self.path is not None else path,
            line=self.line if self.line is not None else line,
            record=self.record if self.record is not None else record,
            column=self.column if self.column is not None else column,
        )

    def __str__(self) -> str:
        place = one_line(self.path or "")
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        if self.record is not None:
            place += f" (record {self.record})" if place else f"record {self.record}"
        if self.column is not None:
            place += (
                f", column {one_line(self.column)}" if place else f"column {one_line(self.column)}"
            )
        message = f"{self.found} - {self.expected} - {self.remedy} [{self.code}]"
        return f"{place}: {message}" if place else message


class SeqwiseError(Exception):
    """Root of all errors of seqwise.

    Parameters
    ----------
    problem
        What went wrong first.
    others
        Further problems of the same operation, in the order they were met.
    count
        How many problems there were in all, where not all are listed.
    """

    def __init__(
        self, problem: Problem, *, others: Sequence[Problem] = (), count: int | None = None
    ) -> None:
        self.problem = problem
        self.others = tuple(others)
        self.count = count if count is not None else 1 + len(self.others)
        super().__init__(str(self))

    @property
    def code(self) -> Code:
        """The stable code of the first problem."""
        return self.problem.code

    def __str__(self) -> str:
        lines = [str(self.problem), *map(str, self.others[: LISTED_PROBLEMS - 1])]
        if self.count > len(lines):
            lines.append(f"and {self.count - len(lines):,} more")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (loader workers); the default would lose the keywords.
        return (_rebuild, (type(self), self.problem, self.others, self.count))


def _rebuild(
    kind: type[SeqwiseError], problem: Problem, others: tuple[Problem, ...], count: int
) -> SeqwiseError:
    return kind(problem, others=others, count=count)


class DataError(SeqwiseError, ValueError):
    """A file or a record cannot be used."""


class ConfigError(SeqwiseError, ValueError):
    """Settings that do not exist or do not fit together."""


class ShapeError(SeqwiseError, ValueError):
    """Tensors that do not fit together."""


class ArtifactError(SeqwiseError, ValueError):
    """A model folder that cannot be read or written."""


class CheckpointError(SeqwiseError, ValueError):
    """A training or a prediction that cannot be stopped safely, or cannot go on."""


class StoreError(SeqwiseError, ValueError):
    """A store of encoded sequences that cannot be read or written."""


class ProcessError(SeqwiseError, RuntimeError):
    """The processes of one training do not, or no longer, work together."""
