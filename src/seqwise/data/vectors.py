"""Word vectors from a file: GloVe's text, or word2vec's and fastText's with a line before them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from seqwise.data.codecs import TextCodec
from seqwise.data.fingerprint import digest_path
from seqwise.data.readers.numbers import is_number
from seqwise.data.readers.source import Source
from seqwise.data.readers.values import counted
from seqwise.errors import Code, DataError, Problem, excerpt

MOST_DIMENSIONS = 4_096
CORRECT = "correct the line"
FETCH = "fetch the file again"


@dataclass(frozen=True)
class WordVectors:
    """The vectors of a vocabulary.

    Parameters
    ----------
    table
        float32 ``(vocab_size, dimension)``; zero where there is none.
    has_vector
        bool ``(vocab_size,)``.
    """

    table: NDArray[np.float32]
    has_vector: NDArray[np.bool_]


class VectorFile:
    """A word and its numbers a line, apart by single blanks or tabs; read anew for each pass.

    Only lines whose word is wanted are turned into numbers, and only those are kept.

    Parameters
    ----------
    path
        The file, packed by gzip or not.

    Attributes
    ----------
    dimension : int
        Numbers of a vector.

    Raises
    ------
    DataError
        If there is no such file, or if its first line is none of such a file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._source = Source(path)
        if self._source.is_pipe or self._source.is_folder:
            found, expected = "a pipe or a folder", "a file that can be read more than once"
            self._fail(Code.FILE_UNREADABLE, found, expected, "name a file (--vectors)")
        with self._source.preview_text() as lines:
            first = next(lines, "")
        cells = _cells(first)
        self._declared: int | None = None
        if len(cells) == 2 and all(cell.isdecimal() and len(cell) < 19 for cell in cells):
            self._declared, self.dimension = map(int, cells)
        else:
            self.dimension = len(cells) - 1
        if not 1 <= self.dimension <= MOST_DIMENSIONS:
            expected = f"a word and 1 to {MOST_DIMENSIONS:,} numbers, or the count and size of such"
            self._fail(Code.BAD_FORMAT, excerpt(first), expected, "check --vectors", line=1)

    def sha256(self) -> str:
        """Give the SHA-256 of the file as it is on disk."""
        try:
            return str(digest_path(self.path))
        except OSError as error:
            found = error.strerror or str(error)
            return self._fail(Code.FILE_UNREADABLE, found, "a readable file", "check --vectors")

    def words(self) -> Iterator[str]:
        """Read the words, in the order of the lines."""
        return (word for _, word, _ in self._rows())

    def read(self, codec: TextCodec) -> WordVectors:
        """Read the vectors of the words that a codec knows.

        Where the codec drops case, a word takes the vector that is spelled like it, or else that of
        the first one that differs from it in nothing but case.

        Raises
        ------
        DataError
            If a line is not what it should be, the numbers of words that are not known apart, or if
            the first line declares other lines than there are.
        """
        vocabulary = codec.vocabulary()
        table = np.zeros((codec.vocab_size, self.dimension), dtype=np.float32)
        has_vector, is_exact = np.zeros((2, codec.vocab_size), dtype=bool)
        taken: set[str] = set()
        for line, word, numbers in self._rows():
            index = vocabulary.get(word)
            exact = index is not None
            if index is None:
                index = vocabulary.get(codec.normalise(word))
            if index is None:
                continue
            if word in taken:
                found, expected = f"the word {excerpt(word)} once more", "each word once"
                self._fail(Code.BAD_FORMAT, found, expected, "drop one of the two", line=line)
            taken.add(word)
            vector = self._parse(numbers, line)
            if not has_vector[index] or (exact and not is_exact[index]):
                table[index], has_vector[index], is_exact[index] = vector, True, exact
        return WordVectors(table, has_vector)

    def _rows(self) -> Iterator[tuple[int, str, str]]:
        """Read the number of each line, its word, and its numbers as they are written."""
        count = 0
        with self._source.open_text() as lines:
            for number, line in enumerate(lines, 1):
                text = line.rstrip(" \t\r\n").replace("\t", " ")
                if not text or (number == 1 and self._declared is not None):
                    continue
                count += 1
                yield (number, *self._cut(text, number))
        if self._declared not in (None, count):
            found = f"{counted(count, 'word')} in the file"
            expected = f"the {self._declared:,} that line 1 declares"
            self._fail(Code.BAD_FORMAT, found, expected, f"{FETCH}, or correct its first line")

    def _cut(self, text: str, line: int) -> tuple[str, str]:
        num_columns = text.count(" ")
        # GloVe's largest files have words with blanks in them, such as '. . .'.
        *word, numbers = text.split(" ", max(num_columns - self.dimension, 0) + 1)
        if num_columns >= self.dimension and not any(map(is_number, word[1:])):
            return " ".join(word), numbers
        found, expected = counted(num_columns, "number"), f"{self.dimension:,}, as in the first"
        return self._fail(
            Code.BAD_FORMAT, found, f"{expected} line", f"{CORRECT}, or {FETCH}", line=line
        )

    def _parse(self, numbers: str, line: int) -> NDArray[np.float32]:
        cells = numbers.split(" ")
        if not all(map(is_number, cells)):
            bad = next(cell for cell in cells if not is_number(cell))
            self._fail(Code.NOT_A_NUMBER, excerpt(bad), "a number", CORRECT, line=line)
        with np.errstate(over="ignore"):  # what does not fit is infinite, and refused
            vector = np.array(cells, dtype=np.float64).astype(np.float32)
        if not np.isfinite(vector).all():
            bad = cells[int(np.flatnonzero(~np.isfinite(vector))[0])]
            code = Code.NAN_VALUE if np.isnan(vector).any() else Code.INFINITE_VALUE
            self._fail(code, excerpt(bad), "a finite number", CORRECT, line=line)
        return vector

    def _fail(
        self, code: Code, found: str, expected: str, remedy: str, *, line: int | None = None
    ) -> NoReturn:
        raise DataError(Problem(code, found, expected, remedy, path=self.path, line=line))


def _cells(line: str) -> list[str]:
    return line.rstrip(" \t\r\n").replace("\t", " ").split(" ")
