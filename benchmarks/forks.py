"""The program as a fork of this process, since importing torch takes ten times as long as the rest.

To be used while this process has one thread and torch has computed nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from seqwise.cli import main as seqwise_main

FILE_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir")


def fork(arguments: list[str], prepare: Callable[[], None] = lambda: None) -> int:
    process = os.fork()
    if process == 0:
        try:
            call(arguments, prepare)
        finally:
            os._exit(99)
    return process


def call(arguments: list[str], prepare: Callable[[], None]) -> NoReturn:
    """Be the program, from here on."""
    errors = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(errors, 2)
    sys.argv = ["seqwise", *arguments]
    prepare()
    try:
        seqwise_main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    os._exit(0)


def wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def log() -> str:
    return Path("log.txt").read_text()


def watch_files(
    folder: str, last_operation: int | None, tell: int | None = None, behind: Path | None = None
) -> None:
    """Follow what this process does in folders of such a name.

    Parameters
    ----------
    folder
        What their names end in.
    last_operation
        The number of the operation that this process does not survive.
    tell
        A pipe to write to when something gets its name.
    behind
        Operations count from when this is there.
    """
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in FILE_EVENTS or folder not in str(arguments[0]):
            return
        count += behind is None or behind.exists()
        if count == last_operation:
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "os.rename" and tell is not None:
            os.write(tell, b".")

    sys.addaudithook(watch)
