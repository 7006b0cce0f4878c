"""The file that predictions go to, in parts from which a prediction that was stopped goes on.

::

    predicted.csv.parts/    beside the file that is to be; gone when that is there
      manifest.json         what the rows are of; for each part its SHA-256 and its summary
      00000001.csv          the rows of the first blocks
      00000002.csv          the rows of the blocks behind them
      open.csv              rows behind those; nobody's, after a kill
      whole.csv             all rows, about to get the name that was asked for

A part gets its name when it is whole, then the manifest names it, then the next one begins. A
prediction too short for a second part has no manifest: its one part becomes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from seqwise.atomic import held_folder, move_file, others_in, sync
from seqwise.cli.manifest import Manifest, Part
from seqwise.cli.summary import Summary
from seqwise.cli.writers import Form, Writer
from seqwise.data.fingerprint import digest_path
from seqwise.errors import CheckpointError, Code, DataError, Problem, excerpt
from seqwise.identity import Identity, check_identity
from seqwise.predictor import PredictedBlock
from seqwise.results import ResultColumns

# Parts, the list of them, and what is about to become one of these.
OWN_NAME = re.compile(
    r"\.?(manifest\.json|(\d{8,}|open|whole)\.(csv|jsonl|parquet))(\.[0-9a-f]{8})?"
)
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


class Output:
    """A file that appears when all its rows are there; entered, nobody else writes its parts.

    Parameters
    ----------
    out
        A path that ends in .csv, .jsonl or .parquet.
    columns
        What is said of each record.
    overwrite
        Whether `out` may exist.

    Attributes
    ----------
    parts : list of Part
        Those that are kept, come what may.
    is_whole : bool
        Whether all rows are in the parts; nothing is left to do but `finish`.
    problems : list of Problem
        What is wrong with parts that were there, and had to be left out.

    Raises
    ------
    DataError
        If `out` exists, has another ending, or cannot be written.
    """

    def __init__(self, out: str, columns: ResultColumns, *, overwrite: bool) -> None:
        self.path = Path(out)
        self.folder = Path(f"{self.path}.parts")
        self.parts: list[Part] = []
        self.is_whole = False
        self.problems: list[Problem] = []
        self._overwrite = overwrite
        self._form = Form(self._form_name(), columns)
        if self._form.name == "csv":
            columns.check_joined()
        self._writer: Writer | None = None
        self._latest = Summary()
        if not self.folder.is_dir():  # else the file may be ours
            self._check_free()

    def __enter__(self) -> Self:
        with ExitStack() as stack, self._writing():
            try:
                stack.enter_context(held_folder(self.folder))
            except BlockingIOError:
                found, expected = "another prediction writes there", "one at a time"
                self._fail(Code.CHECKPOINT_IN_USE, found, expected, "wait for it, or stop it")
            others = others_in(self.folder, OWN_NAME.fullmatch)
            if others:
                found = f"it holds {excerpt(others[0])}, which is no part of a prediction"
                expected, remedy = "nothing but such parts", "move it, or name another (-o)"
                self._fail(Code.OUTPUT_EXISTS, found, expected, remedy)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            with suppress(OSError):
                self._close()
        if self._manifest_path.exists():
            self._open_path.unlink(missing_ok=True)
        else:
            self._remove()
        self._stack.close()

    def begin(self, identity: Identity | None) -> None:
        """Look for parts to go on from; to be called once, before anything else.

        Parameters
        ----------
        identity
            What the rows follow from. Without it nobody can go on later, and nothing is kept.

        Raises
        ------
        CheckpointError
            If there are parts of another prediction, or a damaged manifest.
        DataError
            `output-exists`, unless these very parts made the file.
        """
        self._identity = identity
        with self._writing():
            if self._manifest_path.exists():
                self._go_on()
            if not (self.is_whole and not self._whole_path.exists()):
                self._check_free()

    @property
    def summary(self) -> Summary:
        """What all rows so far have to report."""
        summary = Summary()
        for part in self.parts:
            summary.join(part.summary)
        summary.join(self._latest)
        return summary

    def write(self, block: PredictedBlock) -> None:
        """Write the rows of the next block.

        Raises
        ------
        DataError
            If they cannot be written.
        """
        with self._writing():
            if self._writer is None:
                self._writer = self._form.open(self._open_path, first=not self.parts)
            self._writer.write(block)
        self._latest.add(block)

    def keep(self) -> None:
        """Make a part of the rows that are in none yet; does nothing where nobody can go on.

        Raises
        ------
        DataError
            If it cannot be written; the parts before are as they were.
        """
        if self._writer is None or self._identity is None:
            return
        with self._writing():
            self._close()
            part = Part(str(digest_path(self._open_path)), self._latest)
            move_file(self._open_path, self._part_path(len(self.parts)))
            self._write_manifest([*self.parts, part])
        self.parts.append(part)
        self._latest = Summary()

    def finish(self) -> None:
        """Put the file in its place, all rows being written, and remove the parts.

        Raises
        ------
        DataError
            If it cannot be written; the parts are kept.
        """
        with self._writing():
            if not self.parts:
                self._close()
                move_file(self._open_path, self.path)
            elif not self.is_whole:
                self.keep()
                self._form.join([*map(self._part_path, range(len(self.parts)))], self._whole_path)
                sync(self._whole_path)
                self._write_manifest(self.parts, is_whole=True)
            if self._whole_path.exists():
                move_file(self._whole_path, self.path)
        self._remove()

    @property
    def _open_path(self) -> Path:
        return self.folder / f"open.{self._form.name}"

    @property
    def _manifest_path(self) -> Path:
        return self.folder / "manifest.json"

    def _part_path(self, number: int) -> Path:
        return self.folder / f"{number + 1:08}.{self._form.name}"

    @property
    def _whole_path(self) -> Path:
        return self.folder / f"whole.{self._form.name}"

    def _close(self) -> None:
        assert self._writer is not None
        writer, self._writer = self._writer, None
        writer.close()

    def _go_on(self) -> None:
        manifest = Manifest.read(self._manifest_path)
        self._check_identity(manifest.identity)
        joined = self._whole_path.exists() or self.path.exists()
        self.is_whole = manifest.is_whole and joined
        self.parts = list(manifest.parts) if self.is_whole else self._undamaged(manifest.parts)

    def _check_identity(self, theirs: Identity) -> None:
        if self._identity is None:
            found, expected = "parts of a prediction of a file", "none, as the input is a pipe"
            remedy = "give the same file, or remove this folder to begin anew"
            self._fail(Code.CHECKPOINT_MISMATCH, found, expected, remedy)
        try:
            check_identity(self._identity, theirs, work="prediction")
        except CheckpointError as error:
            raise CheckpointError(error.problem.at(path=str(self.folder))) from None

    def _undamaged(self, parts: Sequence[Part]) -> list[Part]:
        """Give the parts that are as they were written, up to the first that is not."""
        for number, part in enumerate(parts):
            path = self._part_path(number)
            if digest_path(path) != part.sha256:
                found, expected = "it is not what was written", "a whole part"
                remedy = "its rows and those behind it are predicted anew"
                self.problems.append(
                    Problem(Code.DAMAGED_CHECKPOINT, found, expected, remedy, path=str(path))
                )
                return list(parts[:number])
        return list(parts)

    def _write_manifest(self, parts: Sequence[Part], *, is_whole: bool = False) -> None:
        assert self._identity is not None
        Manifest(self._identity, tuple(parts), is_whole).write(self._manifest_path)

    def _remove(self) -> None:
        """Empty the folder; the manifest goes last, which says that the file is there."""
        for path in sorted(self.folder.iterdir(), key=lambda path: path == self._manifest_path):
            with suppress(OSError):
                path.unlink()

    def _form_name(self) -> str:
        form = ENDINGS.get(self.path.suffix.lower())
        if form is None:
            found = f"the ending {excerpt(self.path.suffix)}"
            expected = "one of " + ", ".join(ENDINGS)
            self._refuse(Code.UNKNOWN_FORMAT, found, expected, "rename it (-o)")
        return form

    def _check_free(self) -> None:
        if self.path.exists() and not (self._overwrite and self.path.is_file()):
            remedy = "add --overwrite" if self.path.is_file() else "name a file"
            self._refuse(Code.OUTPUT_EXISTS, "it exists", "a new file", remedy)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "name another (-o)"
            if self.parts:
                remedy = "make room; the same command goes on from the parts that are there"
            reason, expected = error.strerror or str(error), "a place that can be written"
            self._refuse(Code.OUTPUT_UNWRITABLE, reason, expected, remedy)

    def _refuse(self, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
        raise DataError(Problem(code, found, expected, remedy, path=str(self.path)))

    def _fail(self, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
        raise CheckpointError(Problem(code, found, expected, remedy, path=str(self.folder)))
