"""Folders ``label/*.txt``: one text a file, the folder's name is the label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.source import LONGEST_RECORD, Source
from seqwise.data.readers.values import MEND, check_label, check_text
from seqwise.errors import Code, DataError, Problem, excerpt

ENDINGS = (".txt", ".txt.gz")


class FolderReader:
    """Reader of a folder that holds a folder for each label.

    Labels and files come in the order of their names; names that begin with a point are left out.
    A line end at the end of a file is not part of the text.

    Parameters
    ----------
    source
        The folder.
    wanted
        Not used: every text has a label.

    Raises
    ------
    DataError
        `bad-format` for a folder that holds anything else, `file-unreadable` for a folder without
        folders.
    """

    columns: tuple[str, ...] | None = None
    sequence_column: str | None = None
    label_column: str | None = None
    multilabel = False

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._root = source.path
        self._folders = self._label_folders()

    def __iter__(self) -> Iterator[Record]:
        """Read the records in their order."""
        number = 0
        for folder in self._folders:
            for path in self._text_files(folder):
                number += 1
                yield _read(path, folder.name, number)

    def _label_folders(self) -> list[Path]:
        entries = _entries(Path(self._root))
        folders = [entry for entry in entries if entry.is_dir()]
        if not folders:
            raise self._refusal(
                Code.FILE_UNREADABLE, "a folder without folders of labels", self._root
            )
        stray = next((entry for entry in entries if not entry.is_dir()), None)
        if stray is not None:
            raise self._refusal(Code.BAD_FORMAT, "a file beside the folders of labels", str(stray))
        for folder in folders:
            problem = check_label(folder.name)
            if isinstance(problem, Problem):
                raise DataError(problem.at(path=str(folder)))
        return folders

    def _text_files(self, folder: Path) -> list[Path]:
        files = _entries(folder)
        for path in files:
            if path.is_dir():
                raise self._refusal(Code.BAD_FORMAT, "a folder in the folder of a label", str(path))
            if path.is_fifo():  # opening it would wait for a writer
                raise self._refusal(Code.FILE_UNREADABLE, "a pipe", str(path))
            if not path.name.endswith(ENDINGS):
                found = f"a file that ends in {excerpt(path.suffix)}"
                raise self._refusal(Code.BAD_FORMAT, found, str(path))
        return files

    def _refusal(self, code: Code, found: str, path: str) -> DataError:
        remedy = "move it away, or name a file of another format"
        return DataError(Problem(code, found, "only LABEL/*.txt", remedy, path=path))


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        found, remedy = error.strerror or str(error), "check its permissions"
        raise DataError(
            Problem(Code.FILE_UNREADABLE, found, "a readable folder", remedy, path=str(folder))
        ) from None
    return [entry for entry in entries if not entry.name.startswith(".")]


def _read(path: Path, label: str, number: int) -> Record:
    source = Source(str(path))
    parts: list[str] = []
    size = 0
    with source.open_text() as lines:
        for line in lines:
            parts.append(line)
            size += len(line)
            if size > LONGEST_RECORD:
                raise source.too_long()
    text = "".join(parts).rstrip("\r\n")
    problem = check_text(text)
    if problem is None and not text.strip():
        found, expected = "nothing but white space" if text else "nothing at all", "a text"
        problem = Problem(Code.EMPTY_SEQUENCE, found, expected, MEND)
    if problem is None:
        return Record(text, label, number)
    return Record(None, None, number, problem=problem.at(path=str(path), record=number))
