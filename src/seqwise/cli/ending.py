"""How the program ends: what an error, a signal or a lost reader becomes, and its exit code."""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

import typer
from typing_extensions import override

from seqwise.errors import Code, Problem, SeqwiseError, one_line

USER_ERROR, READER_GONE = 2, 1  # exit codes
ESCAPE = "seqwise.escape"  # how characters that an encoding lacks are written
ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # SIGINT is Python's own


class Ended(KeyboardInterrupt):
    """A signal asked the process to end; what is half-written is removed on the way out."""

    def __init__(self, number: int) -> None:
        self.number = number


class OutputError(OSError):
    """Standard output cannot be written; no other file is meant."""


class StandardOutput(io.FileIO):
    """Standard output, whose faults can be told from those of other files.

    Attributes
    ----------
    is_used : bool
        Whether anything has been written.
    """

    is_used = False

    @override
    def write(self, data: Any) -> int:
        self.is_used = True
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from None


def prepare_streams() -> None:
    """Make standard output one that says so where it fails, and no character a reason to fail.

    What its encoding lacks is written as JSON and Python do, in which no two characters are alike.
    Where the process was started without a stream, one that cannot be written or has nothing to
    read is put in its place.
    """
    codecs.register_error(ESCAPE, _escape)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - until the end of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = _wrap(os.open(os.devnull, os.O_RDONLY), "utf-8")
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _wrap(sys.stdout.fileno(), sys.stdout.encoding)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=ESCAPE)


def _wrap(descriptor: int, encoding: str) -> io.TextIOWrapper:
    raw = io.BufferedWriter(StandardOutput(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding, ESCAPE, line_buffering=os.isatty(descriptor))


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end


def heed_signals() -> None:
    """Have signals that would end the process at once end it with its house in order."""
    for each in ENDINGS:
        if signal.getsignal(each) is signal.SIG_DFL:  # nohup, for one, has it ignored
            signal.signal(each, _end)


def heed_no_more() -> None:
    """Have them end the process at once again: nothing is left to be done but to leave."""
    for each in ENDINGS:
        if signal.getsignal(each) is _end:
            signal.signal(each, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended(number)


@contextmanager
def orderly() -> Iterator[None]:
    """Turn what a command raises into one line on standard error and an exit code.

    Raises
    ------
    typer.Exit
        2 for an error of ours, 1 where the reader of standard output has left, 128 and the number
        of the signal that ended it.
    """
    try:
        yield
        sys.stdout.flush()
    except SeqwiseError as error:
        raise _refused(error) from error
    except KeyboardInterrupt as error:
        raise _interrupted(error) from error
    except OutputError as error:
        # Python would flush it once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise typer.Exit(READER_GONE) from None
        expected, remedy = "a place that can be written", "make room, or name a file (-o)"
        raise _refused(_problem(Code.OUTPUT_UNWRITABLE, error, expected, remedy)) from error
    except BrokenPipeError:  # standard error
        raise typer.Exit(READER_GONE) from None
    except OSError as error:
        expected, remedy = "that the system allows it", "make room or give leave, and run it again"
        raise _refused(_problem(Code.SYSTEM_ERROR, error, expected, remedy)) from error
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise _refused(_too_large()) from error


def _refused(error: SeqwiseError | Problem) -> typer.Exit:
    typer.echo(f"seqwise: {error}", err=True)
    return typer.Exit(USER_ERROR)


def _interrupted(error: KeyboardInterrupt) -> typer.Exit:
    what, left = "interrupted", "nothing new was written"  # --resume: older checkpoints stand
    number = signal.SIGINT
    if isinstance(error, Ended):
        number = signal.Signals(error.number)
        what = f"ended by {number.name}"
    with suppress(OSError):
        sys.stdout.flush()
        if _is_used(sys.stdout):
            left = "standard output has the beginning only"
    typer.echo(f"seqwise: {what}, {left}", err=True)
    return typer.Exit(128 + number)


def _is_used(stream: TextIO) -> bool:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return isinstance(raw, StandardOutput) and raw.is_used


def _problem(code: Code, error: OSError, expected: str, remedy: str) -> Problem:
    found = one_line(error.strerror or str(error))
    path = "standard output" if isinstance(error, OutputError) else error.filename
    return Problem(code, found, expected, remedy, path=None if path is None else str(path))


def _is_memory(error: MemoryError | RuntimeError) -> bool:
    """Tell what torch says in words, and has a class for on a GPU only."""
    return (
        isinstance(error, MemoryError)
        or "allocate memory" in str(error)
        or (type(error).__name__ == "OutOfMemoryError")
    )


def _too_large() -> Problem:
    remedy = "lower --batch-steps, the sizes of the model, or --max-length"
    return Problem(Code.OUT_OF_MEMORY, "not enough memory", "work that fits in it", remedy)
