"""Where bytes come from: a file, a pipe or standard input; gzip and encodings are settled here."""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import os
import stat
import sys
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from seqwise.errors import Code, DataError, Problem, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STANDARD_INPUT = "-"
BLOCK_BYTES = 1 << 17
LONGEST_RECORD = 1 << 26  # characters; why so many: docs/design/0009-bad-days.md
GZIP_MAGIC = b"\x1f\x8b"

_WIDE_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class Source:
    """A path that can be opened for a look (`preview`) and for reading (`open`).

    A regular file can be opened as often as one likes. A pipe or standard input can be previewed,
    and then read once: what a preview took is given again.

    Parameters
    ----------
    path
        As the user named it; "-" is standard input.

    Raises
    ------
    DataError
        `file-missing`, with similar names in the same folder, or `file-unreadable`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_folder = False
        self._pipe: _Pipe | None = None
        if path == STANDARD_INPUT:
            self._pipe = _Pipe(self, sys.stdin.buffer)
            return
        mode = self._mode()
        self.is_folder = stat.S_ISDIR(mode)
        if stat.S_ISFIFO(mode):
            self._pipe = _Pipe(self, self._open_file())
        elif not stat.S_ISREG(mode) and not self.is_folder:
            raise DataError(_unreadable(self.path, "a device or a socket"))

    @property
    def is_pipe(self) -> bool:
        """Whether it can be read only once."""
        return self._pipe is not None

    @contextmanager
    def preview(self) -> Iterator[io.BufferedReader[Any]]:
        """Open for a look at the first bytes, unpacked; they are given again by `open`."""
        with self._opened(final=False) as stream:
            yield stream

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader[Any]]:
        """Open for reading, unpacked where the content is gzip."""
        with self._opened(final=True) as stream:
            yield stream

    @contextmanager
    def preview_text(self) -> Iterator[Iterator[str]]:
        """Open for a look at the first lines."""
        with self.preview() as stream, self._as_text(stream) as text:
            yield self._lines(text)

    @contextmanager
    def open_text(self) -> Iterator[Iterator[str]]:
        r"""Open for reading as UTF-8, with or without byte order mark, line by line.

        Line ends are left as they are, and a byte that is not UTF-8 becomes a lone surrogate, so
        that it spoils no more than its own record. A line longer than `LONGEST_RECORD` is an error
        of the file: nobody knows how far its end is.
        """
        with self.open() as stream, self._as_text(stream) as text:
            yield self._lines(text)

    def too_long(self, line: int | None = None) -> DataError:
        """Make the error for a line or a record that is too long to be held in memory."""
        found = f"more than {LONGEST_RECORD:,} characters in one record"
        remedy = "check how the file was written, or split the record"
        return DataError(
            Problem(Code.TOO_LONG, found, "shorter records", remedy, path=self.path, line=line)
        )

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        for number, line in enumerate(iter(partial(text.readline, LONGEST_RECORD), ""), 1):
            if len(line) == LONGEST_RECORD:
                raise self.too_long(number)
            yield line

    @contextmanager
    def _opened(self, *, final: bool) -> Iterator[io.BufferedReader[Any]]:
        with self._raw(final=final) as raw:
            if raw.peek(2)[:2] == GZIP_MAGIC:
                unpacked = _Gunzip(gzip.GzipFile(fileobj=raw, mode="rb"), self.path)
                with io.BufferedReader(unpacked, BLOCK_BYTES) as stream:
                    yield stream
                return
            if self.path.endswith(".gz"):
                start = excerpt(raw.peek(8)[:8])
                raise DataError(
                    Problem(
                        Code.BAD_GZIP,
                        f"a file that begins with {start}" if raw.peek(1) else "an empty file",
                        "gzip data, as the name ends in .gz",
                        "rename the file if it is not packed, or pack it (gzip FILE)",
                        path=self.path,
                    )
                )
            yield raw

    def _raw(self, *, final: bool) -> io.BufferedReader[Any]:
        if self._pipe is None:
            return io.BufferedReader(self._open_file(), BLOCK_BYTES)
        if self._pipe.finished:
            found = "a second reading of standard input or a pipe"
            remedy = "save the input in a file first"
            raise DataError(
                Problem(Code.FILE_UNREADABLE, found, "one reading", remedy, path=self.path)
            )
        self._pipe.rewind(final=final)
        return io.BufferedReader(_PipeView(self._pipe), BLOCK_BYTES)

    def _as_text(self, stream: io.BufferedReader[Any]) -> io.TextIOWrapper:
        head = stream.peek(4)[:4]
        for mark, encoding in _WIDE_BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                raise DataError(
                    Problem(
                        Code.NOT_UTF8,
                        f"a byte order mark of {encoding}",
                        "text in UTF-8",
                        f"convert the file (iconv -f {encoding} -t UTF-8)",
                        path=self.path,
                    )
                )
        return io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")

    def _mode(self) -> int:
        try:
            return os.stat(self.path).st_mode
        except FileNotFoundError:
            raise DataError(_missing(self.path)) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
            raise DataError(_unreadable(self.path, str(error))) from None

    def _open_file(self) -> io.FileIO:
        try:
            return _File(self.path)
        except OSError as error:
            raise DataError(_unreadable(self.path, error.strerror or str(error))) from None


def _missing(path: str) -> Problem:
    wanted = Path(path)
    try:
        names = [entry.name for entry in os.scandir(wanted.parent)]
    except OSError:
        found, names = f"no folder {excerpt(str(wanted.parent))}", []
    else:
        found = "no such file"
    near = difflib.get_close_matches(wanted.name, names, n=3)
    remedy = f"did you mean {' or '.join(map(excerpt, near))}?" if near else "check the path"
    return Problem(Code.FILE_MISSING, found, "a file or a folder", remedy, path=path)


def _unreadable(path: str, found: str) -> Problem:
    remedy = "check the path and its permissions"
    return Problem(Code.FILE_UNREADABLE, found, "a readable file", remedy, path=path)


class _File(io.FileIO):
    """A file on a disk, which may fail in the middle."""

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            found = error.strerror or str(error)
            raise DataError(_unreadable(str(self.name), found)) from None


class _Pipe:
    """A stream that can be read once, apart from what previews took."""

    def __init__(self, source: Source, stream: IO[bytes] | io.FileIO) -> None:
        self._source = source
        # One system call a read: a slow producer is never waited for to fill a block.
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._stream = stream
        self._taken = bytearray()
        self._position = 0
        self.finished = False

    def rewind(self, *, final: bool) -> None:
        self._position = 0
        self.finished = final

    def release(self) -> None:
        """Close a named pipe after its one reading; standard input belongs to the process."""
        if self.finished and isinstance(self._stream, io.FileIO):
            self._stream.close()

    def read(self, size: int) -> bytes:
        if self._position < len(self._taken):
            data = bytes(self._taken[self._position : self._position + size])
        else:
            data = self._read(size) or b""
            if self.finished:
                return data
            self._taken += data
            if len(self._taken) > LONGEST_RECORD:  # blank lines or comments without end
                raise self._source.too_long()
        self._position += len(data)
        return data


class _PipeView(io.RawIOBase):
    """One opening of a pipe; closing it leaves the pipe open for the next one."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    def close(self) -> None:
        self._pipe.release()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._pipe.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Gunzip(io.RawIOBase):
    """Unpacked bytes; says which line it got to where the packed ones are damaged."""

    def __init__(self, stream: gzip.GzipFile, path: str) -> None:
        self._stream = stream
        self._path = path
        self._lines = 1

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read1(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            reason = "it ends too early" if isinstance(error, EOFError) else str(error)
            raise DataError(
                Problem(
                    Code.BAD_GZIP,
                    f"damaged gzip data ({reason})",
                    "a whole gzip file",
                    "fetch or pack the file again (gzip -t tests it)",
                    path=self._path,
                    line=self._lines,
                )
            ) from None
        self._lines += data.count(b"\n")
        buffer[: len(data)] = data
        return len(data)
