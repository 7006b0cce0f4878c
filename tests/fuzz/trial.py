"""What becomes of one damaged file: a result, or one of our own errors."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from seqwise.data.kinds import Kind, guess_kind
from seqwise.data.records import read_records
from seqwise.errors import SeqwiseError

LIMIT_SECONDS = 30  # a generous one: the slowest file takes a tenth of a second


class HangError(BaseException):
    """Reading did not end; no `except Exception` may hide it."""


@contextmanager
def no_hang() -> Iterator[None]:
    """Break off what takes longer than any damaged file may."""

    def stop(number: int, frame: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_all(path: Path, random: Random) -> str:
    """Read every record as one kind or as the guessed one.

    Returns
    -------
    str
        "result", "bad records" where only those were at fault, or the code of the error.
    """
    kind = random.choice((None, None, *Kind))
    try:
        file = read_records(path, label_required=random.random() < 0.7)
        if kind is None:
            samples = [each.sequence for each in file if each.sequence is not None]
            kind, _ = guess_kind(samples, file.sequence_column)
        problems = [str(record.problem) for record in file.checked(kind) if record.problem]
    except SeqwiseError as error:
        problems = str(error).splitlines()
        outcome = str(error.code)
    else:
        outcome = "bad records" if problems else "result"
    for problem in problems:
        assert problem.isprintable(), problem
        assert problem.endswith("]"), problem
        assert problem.count(" - ") >= 2, problem
    return outcome
