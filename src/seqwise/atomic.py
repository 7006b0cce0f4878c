"""Folders and files that appear whole or not at all, and a folder to be alone in."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_folder(target: Path, files: dict[str, bytes]) -> None:
    """Write a folder beside its place and rename it; what a failure leaves is removed.

    Parameters
    ----------
    target
        Where the folder goes; one that is there is replaced.
    files
        The bytes of each file by its name.

    Raises
    ------
    OSError
        If something cannot be written; what stood at `target` stands there still.
    """
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    staging.mkdir()
    try:
        for name, content in files.items():
            (staging / name).write_bytes(content)
            sync(staging / name)
        sync(staging)
        if target.exists():
            _replace_folder(staging, target)
        else:
            staging.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _replace_folder(staging: Path, target: Path) -> None:
    """Put a folder in another's place; the old one steps aside, and back if that fails."""
    retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        target.rename(retired / target.name)
        try:
            staging.rename(target)
        except BaseException:
            (retired / target.name).rename(target)
            raise
    finally:
        if target.exists():
            shutil.rmtree(retired, ignore_errors=True)


def write_file(target: Path, content: bytes) -> None:
    """Write a file beside its place and rename it; what stood there stands there until then.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        staging.write_bytes(content)
        move_file(staging, target)
    finally:
        staging.unlink(missing_ok=True)


def move_file(source: Path, target: Path) -> None:
    """Bring a file to its place when all of it is on the disk; what stood there goes.

    Raises
    ------
    OSError
        If it cannot be moved.
    """
    sync(source)
    source.replace(target)
    sync(target.absolute().parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def others_in(folder: Path, is_own: Callable[[str], object]) -> list[str]:
    """List what is in a folder and has a name that nobody here gave it."""
    return sorted(entry.name for entry in os.scandir(folder) if not is_own(entry.name))


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Make a folder and be alone in it; in the end it goes, if there is nothing in it.

    Raises
    ------
    BlockingIOError
        If another process is in it.
    OSError
        If it cannot be made.
    """
    lock = lock_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # does it only where nothing is in it
        os.close(lock)


def lock_folder(folder: Path, *, wait: bool = False) -> int:
    """Make a folder and give a descriptor to close, which no other process has meanwhile.

    Raises
    ------
    BlockingIOError
        If another process has it, and this one does not `wait`.
    OSError
        If it cannot be made.
    """
    how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            # Goes with the process, however that ends.
            fcntl.flock(lock, how)
            if os.path.samestat(os.fstat(lock), folder.stat()):
                return lock
        except FileNotFoundError:  # whoever held it has removed it meanwhile
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
