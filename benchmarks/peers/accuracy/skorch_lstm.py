"""skorch around a padded LSTM: embedding, LSTM, its last real step, a linear head.

Adam at 1e-3, batches of 32, as many as 20 passes, until three in a row have not made the loss on a
tenth of the training part smaller; the weights of the best pass are kept. Sequences are cut at 400
steps, as tutorials do. Series are standardised, channel by channel.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier  # type: ignore[import-untyped]
from skorch.callbacks import (  # type: ignore[import-untyped]
    Checkpoint,
    EarlyStopping,
    GradientNormClipping,
)
from skorch.dataset import ValidSplit  # type: ignore[import-untyped]
from torch import Tensor, nn

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.tokens import Unit, tokenize
from peers.skorch_net import PaddedLstm, collate

LONGEST, NUM_PASSES, PATIENCE, BATCH = 400, 20, 3, 32
SIZE, RATE, CLIP_NORM, HELD_OUT = 128, 1e-3, 1.0, 10
PADDING, UNKNOWN = 0, 1


def build(name: str, kind: str, seed: int) -> SkorchLstm:
    """Make ``words-lstm``, ``chars-lstm`` or, for series, ``lstm``."""
    unit = name.removesuffix("lstm").rstrip("-") or None
    return SkorchLstm(unit, kind, seed)  # type: ignore[arg-type]


class SkorchLstm:
    """A `NeuralNetClassifier` and what turns sequences into its inputs.

    Parameters
    ----------
    unit
        Of the tokens; None for series.
    kind
        Of the sequences.
    seed
        Of the weights, the order and the part held out.
    """

    probabilistic = True

    def __init__(self, unit: Unit | None, kind: str, seed: int) -> None:
        self.unit, self.kind, self.seed = unit, kind, seed
        torch.manual_seed(seed)

    def fit(self, X: Sequences, y: Labels) -> None:
        """Learn until the loss on the part held out does not fall any more."""
        self.classes = np.unique(np.asarray(y)).tolist()
        self._fit_inputs(X)
        targets = np.array([self.classes.index(label) for label in y])
        vocab_size = len(self.ids) + 2 if self.unit else 0
        with tempfile.TemporaryDirectory() as folder:
            self.net = self._make(vocab_size, X[0], folder)
            self.net.fit(Examples(self._encode(X), targets), torch.from_numpy(targets))

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        examples = Examples(self._encode(X), np.zeros(len(X), dtype=np.int64))
        probabilities = self.net.predict_proba(examples).astype(np.float64)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def _make(self, vocab_size: int, first: Any, folder: str) -> NeuralNetClassifier:
        return NeuralNetClassifier(
            PaddedLstm if vocab_size else SeriesLstm,
            module__vocab_size=vocab_size,
            module__num_classes=len(self.classes),
            module__embedding_dim=SIZE if vocab_size else first.shape[1],
            module__hidden_size=SIZE,
            module__bidirectional=False,
            classes=list(range(len(self.classes))),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=RATE,
            batch_size=BATCH,
            iterator_train__shuffle=True,
            iterator_train__collate_fn=collate,
            iterator_valid__collate_fn=collate,
            train_split=ValidSplit(HELD_OUT, stratified=True),
            callbacks=[
                ("clip", GradientNormClipping(CLIP_NORM)),
                ("best", Checkpoint(dirname=folder, monitor="valid_loss_best", load_best=True)),
                ("stop", EarlyStopping(patience=PATIENCE)),
            ],
            max_epochs=NUM_PASSES,
            verbose=0,
        )

    def _fit_inputs(self, X: Sequences) -> None:
        if self.unit is None:
            steps = np.concatenate(list(X))
            self.mean, self.spread = steps.mean(axis=0), steps.std(axis=0) + 1e-12
            return
        counts: Counter[str] = Counter()
        for sequence in X:
            counts.update(tokenize(sequence, self.kind, self.unit))
        known = [token for token, count in counts.most_common() if count > 1]
        self.ids = {token: number for number, token in enumerate(known, start=UNKNOWN + 1)}

    def _encode(self, X: Sequences) -> list[Tensor]:
        if self.unit is None:
            scaled = ((series[:LONGEST] - self.mean) / self.spread for series in X)
            return [torch.from_numpy(series.astype(np.float32)) for series in scaled]
        encoded = []
        for sequence in X:
            tokens = tokenize(sequence, self.kind, self.unit)[:LONGEST]
            encoded.append(torch.tensor([self.ids.get(token, UNKNOWN) for token in tokens]))
        return encoded


class SeriesLstm(PaddedLstm):
    """The same model on channels, which need no embedding."""

    def __init__(self, vocab_size: int, num_classes: int, **sizes: Any) -> None:
        super().__init__(1, num_classes, **sizes)
        self.embedding = nn.Identity()


class Examples(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Encoded sequences with their targets.

    Parameters
    ----------
    sequences
        Of ids ``(time,)`` or of channels ``(time, channels)``.
    targets
        Class indices.
    """

    def __init__(self, sequences: list[Tensor], targets: Floats) -> None:
        self.sequences, self.targets = sequences, targets.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.sequences[index], self.targets[index]
