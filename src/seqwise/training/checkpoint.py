"""Checkpoints: what a training that is stopped goes on from, as JSON and safetensors.

::

    model.checkpoints/      beside the model that is to be; gone when the model is saved
      00000041/             the one before
      00000042/
        manifest.json       format version, and the SHA-256 of the other two
        state.json          how far training has come, its reports, what it was made of
        tensors.safetensors weights, moments of the optimizer, weights of the best epoch
      model.json            while the model is being saved: the SHA-256 of each file it will have

Nothing in it is code, and nothing is unpickled. A folder is written under another name and renamed
when it is whole. No state of a random generator is among it: order and chance are functions of
(seed, epoch, batch).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from safetensors import SafetensorError

from seqwise.atomic import held_folder, others_in, write_file, write_folder
from seqwise.bounded import UNREADABLE, content_hash, parse_json, read_regular
from seqwise.errors import CheckpointError, Code, Problem, excerpt
from seqwise.training.state import State

FORMAT_VERSION = 1
MANIFEST, STATE, TENSORS = "manifest.json", "state.json", "tensors.safetensors"
MODEL = "model.json"
# What is not finished yet has a dot and a number around its name, and what is being removed a dot.
OWN_NAME = re.compile(r"\.?(\d+|model\.json)(\.[0-9a-f]{8})?")
KEPT = 2
MOST_STATE = 1 << 30  # bytes of JSON: a report takes 150 for each class, and there is one an epoch
MOST_HEADER = 1 << 22  # bytes before the tensors


class Checkpoints:
    """The checkpoints of one training, the last two of them; entered, nobody else writes there.

    Parameters
    ----------
    folder
        Made when entered; goes when left with nothing in it.

    Raises
    ------
    CheckpointError
        When entered, if another process is in it, or if it cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        try:
            self._stack.enter_context(held_folder(self.folder))
        except BlockingIOError:
            found, expected = "another training writes there", "one at a time"
            self._fail(Code.CHECKPOINT_IN_USE, found, expected, "wait for it, or stop it")
        except OSError as error:
            self._fail_to_write(error)
        others = others_in(self.folder, OWN_NAME.fullmatch)
        if others:
            self._stack.close()
            found = f"it holds {excerpt(others[0])}, which is no checkpoint"
            expected, remedy = "nothing but checkpoints", "move it, or name another (--out)"
            self._fail(Code.OUTPUT_EXISTS, found, expected, remedy)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def check_free(self) -> None:
        """Make sure that no training was stopped here.

        Raises
        ------
        CheckpointError
            If there is a checkpoint.
        """
        if self._numbers():
            found, expected = "checkpoints of a training that was stopped", "none"
            remedy = "go on from there (--resume), or remove them to begin anew"
            self._fail(Code.CHECKPOINT_EXISTS, found, expected, remedy)

    def write(self, state: State) -> None:
        """Write the next checkpoint, whole or not at all, and drop all but the last two.

        Raises
        ------
        CheckpointError
            If it cannot be written; those before are as they were.
        """
        files = dict(zip((STATE, TENSORS), state.to_bytes(), strict=True))
        hashes = {name: content_hash(content) for name, content in files.items()}
        manifest = {"format_version": FORMAT_VERSION, "sha256": hashes}
        files[MANIFEST] = json.dumps(manifest, indent=2).encode()
        number = max(self._numbers(), default=0) + 1
        try:
            write_folder(self._place(number), files)
            self._drop_all_but(self._numbers()[-KEPT:])
        except OSError as error:
            self._fail_to_write(error)

    def read(self, most: int) -> tuple[State | None, list[Problem]]:
        """Read the last checkpoint that is whole.

        Parameters
        ----------
        most
            Bytes that its tensors have at the most.

        Returns
        -------
        tuple
            Its state, None where there is no checkpoint; and what is wrong with later ones.

        Raises
        ------
        CheckpointError
            If there are checkpoints, and none of them is whole.
        """
        problems: list[Problem] = []
        for number in reversed(self._numbers()):
            try:
                return _read(self._place(number), most), problems
            except CheckpointError as error:
                problems.append(error.problem)
        if problems:
            raise CheckpointError(problems[0], others=problems[1:])
        return None, []

    def announce(self, hashes: Mapping[str, str]) -> None:
        """Write down what model the training ends with, before it is saved.

        Parameters
        ----------
        hashes
            SHA-256 of each file by its name.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        try:
            write_file(self.folder / MODEL, json.dumps(dict(hashes), indent=2).encode())
        except OSError as error:
            self._fail_to_write(error)

    def announced(self) -> dict[str, str]:
        """Give what `announce` has written down; nothing where there is nothing, or half of it."""
        try:
            return dict(parse_json(read_regular(self.folder / MODEL)))
        except (OSError, *UNREADABLE):
            return {}

    def remove(self) -> None:
        """Remove them all, the training having come to its end, and the folder if that is all."""
        self._drop_all_but([])
        (self.folder / MODEL).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _numbers(self) -> list[int]:
        """List the checkpoints; what has another name was never finished."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return sorted(int(name) for name in names if name.isdecimal())

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:08}"

    def _drop_all_but(self, numbers: list[int]) -> None:
        # What was announced goes last: until then it says why there are checkpoints still.
        kept = {self.folder / MODEL, *(self._place(number) for number in numbers)}
        for path in list(self.folder.iterdir()):
            if path not in kept and OWN_NAME.fullmatch(path.name):
                _remove(path)

    def fail_damaged(self, found: str) -> NoReturn:
        """Raise the error for a checkpoint that is whole, and makes no sense."""
        _fail_damaged(self.folder, found)

    def _fail_to_write(self, error: OSError) -> NoReturn:
        found, expected = (
            error.strerror or str(error),
            "a folder that checkpoints can be written to",
        )
        remedy = "make room or name another (--out); what was written before is there (--resume)"
        self._fail(Code.OUTPUT_UNWRITABLE, found, expected, remedy)

    def _fail(self, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
        _fail(self.folder, code, found, expected, remedy)


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    if not path.name.startswith("."):
        # Its name goes first: half of a checkpoint is none.
        path = path.rename(path.with_name(f".{path.name}"))
    shutil.rmtree(path, ignore_errors=True)


def _read(place: Path, most: int) -> State:
    """Read one checkpoint, each file of it held against its hash."""
    sizes = {STATE: MOST_STATE, TENSORS: most + MOST_HEADER}
    try:
        manifest = parse_json(read_regular(place / MANIFEST))
        version, hashes = manifest["format_version"], manifest["sha256"]
        contents = {name: read_regular(place / name, size) for name, size in sizes.items()}
        expected = {name: hashes[name] for name in contents}
    except OSError as error:
        _fail_damaged(place, error.strerror or str(error))
    except UNREADABLE as error:
        _fail_damaged(place, excerpt(f"{MANIFEST}: {type(error).__name__}: {error}"))
    if version != FORMAT_VERSION:
        found, expected_format = f"it has format {excerpt(version)}", f"{FORMAT_VERSION}"
        remedy = "go on with the version of seqwise that wrote it"
        _fail(place, Code.NEWER_FORMAT, found, expected_format, remedy)
    for name, content in contents.items():
        if content_hash(content) != expected[name]:
            _fail_damaged(place, f"{name} is not what was written")
    try:
        return State.from_bytes(contents[STATE], contents[TENSORS])
    except (SafetensorError, *UNREADABLE) as error:
        _fail_damaged(place, excerpt(f"{type(error).__name__}: {error}"))


def _fail_damaged(place: Path, found: str) -> NoReturn:
    remedy = "where there is no other, remove it to begin anew"
    _fail(place, Code.DAMAGED_CHECKPOINT, found, "a whole checkpoint", remedy)


def _fail(path: Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    raise CheckpointError(Problem(code, found, expected, remedy, path=str(path)))
