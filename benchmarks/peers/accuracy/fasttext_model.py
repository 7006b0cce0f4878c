"""fastText: Joulin et al. 2017, its own program through its Python package.

Ten dimensions as in the paper; 25 passes and bigrams as in its tutorial (characters: n-grams as
long as those of the other linear models); the rate is chosen on a tenth of the training part.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import fasttext  # type: ignore[import-untyped]
import numpy as np
from sklearn.model_selection import train_test_split

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.ngrams import LONGEST
from peers.accuracy.tokens import Unit, tokenize

NUM_DIMENSIONS, NUM_PASSES, HELD_OUT = 10, 25, 0.1
RATES = (0.1, 0.5, 1.0)
MARK = "__label__"


def build(name: str, kind: str, seed: int) -> FastText:
    """Make ``words-fasttext`` or ``chars-fasttext``."""
    return FastText(name.split("-", maxsplit=1)[0], kind, seed)  # type: ignore[arg-type]


class FastText:
    """A bag of hashed n-grams, embedded and averaged, under a softmax.

    Parameters
    ----------
    unit
        Words (or events) or characters.
    kind
        Of the sequences.
    seed
        Of the vectors and of the part held out.
    """

    probabilistic = True

    def __init__(self, unit: Unit, kind: str, seed: int) -> None:
        self.unit, self.kind, self.seed = unit, kind, seed

    def fit(self, X: Sequences, y: Labels) -> None:
        """Choose the rate, and learn from all."""
        self.classes = np.unique(np.asarray(y)).tolist()
        lines = [self._line(sequence) for sequence in X]
        targets = [self.classes.index(label) for label in y]
        parts = train_test_split(
            lines, targets, test_size=HELD_OUT, random_state=self.seed, shuffle=True
        )
        accuracies = {}
        for rate in RATES:
            model = self._train(parts[0], parts[2], rate)
            answers = self._rate(model, parts[1]).argmax(axis=1)
            accuracies[rate] = float((answers == np.array(parts[3])).mean())
        best = max(accuracies, key=lambda rate: accuracies[rate])
        self.model = self._train(lines, targets, best)

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        return self._rate(self.model, [self._line(sequence) for sequence in X])

    def _line(self, sequence: Any) -> str:
        tokens = tokenize(sequence, self.kind, self.unit)
        # A blank cannot be a token of its own, nor may a line end within a record.
        return " ".join("_" if token.isspace() else token for token in tokens)

    def _train(self, lines: list[str], targets: list[int], rate: float) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train.txt"
            # It reads them in the order of the file, pass after pass: never class by class.
            order = np.random.default_rng(self.seed).permutation(len(lines))
            file.write_text("".join(f"{MARK}{targets[row]} {lines[row]}\n" for row in order))
            return fasttext.train_supervised(
                str(file),
                dim=NUM_DIMENSIONS,
                epoch=NUM_PASSES,
                lr=rate,
                wordNgrams=LONGEST[self.kind, self.unit],
                seed=self.seed,
                thread=int(os.environ["OMP_NUM_THREADS"]),
                verbose=0,
            )

    def _rate(self, model: Any, lines: list[str]) -> Floats:
        probabilities = np.zeros((len(lines), len(self.classes)))
        for row, line in enumerate(lines):
            # Of the package's own `predict`, the form for one line fails with NumPy 2, and that
            # for several gives each class the same number: what lies below it is asked.
            for number, name in model.f.predict(f"{line}\n", len(self.classes), 0.0, "strict"):
                probabilities[row, int(name.removeprefix(MARK))] = number
        return probabilities / probabilities.sum(axis=1, keepdims=True)
