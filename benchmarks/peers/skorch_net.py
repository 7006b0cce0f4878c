"""skorch: `NeuralNetClassifier` around a padded LSTM, with a collate function of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from skorch import NeuralNetClassifier  # type: ignore[import-untyped]
from skorch.callbacks import Callback, GradientNormClipping  # type: ignore[import-untyped]
from skorch.helper import predefined_split  # type: ignore[import-untyped]
from torch import Tensor, nn

from peers.task import Contender, Epoch, Recipe, Task
from peers.tutorial import Example, Examples, PackedLstm, pad


class PaddedLstm(PackedLstm):
    """The same model run over the padding; the step at ``length - 1`` is the last real one."""

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits ``(batch, num_classes)``."""
        steps, _ = self.lstm(self.embedding(inputs))  # (batch, time, hidden_size)
        last = steps[torch.arange(len(lengths)), lengths - 1]
        return self.head(last)  # type: ignore[no-any-return]


class TrainClock(Callback):  # type: ignore[misc]
    """Times the training pass of each epoch; skorch's own timer counts validation, too."""

    seconds = 0.0

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start."""
        self.started = time.perf_counter()

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Take the time of the last training batch so far."""
        if training:
            self.seconds = time.perf_counter() - self.started


def collate(examples: list[Example]) -> tuple[dict[str, Tensor], Tensor]:
    """Pad a batch; skorch hands a dictionary to `forward` by its names."""
    inputs, lengths, targets = pad(examples)
    return {"inputs": inputs, "lengths": lengths}, targets


def build(task: Task, recipe: Recipe) -> Contender:
    """Make the contender."""
    return SkorchNet(task, recipe)


class SkorchNet:
    """A `NeuralNetClassifier`, fitted further by an epoch at a time.

    Parameters
    ----------
    task, recipe
        What to train on, and how.
    """

    def __init__(self, task: Task, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.train = Examples(task.train)
        self.clock = TrainClock()
        self.net = NeuralNetClassifier(
            # A backward direction over the padding would begin in it: with two, packing is right.
            PackedLstm if recipe.bidirectional else PaddedLstm,
            module__vocab_size=task.vocab_size,
            module__num_classes=task.num_classes,
            module__embedding_dim=recipe.embedding_dim,
            module__hidden_size=recipe.hidden_size,
            module__bidirectional=recipe.bidirectional,
            classes=list(range(task.num_classes)),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=recipe.learning_rate,
            batch_size=recipe.batch_size,
            iterator_train__shuffle=True,
            iterator_train__collate_fn=collate,
            iterator_valid__collate_fn=collate,
            train_split=predefined_split(Examples(task.valid)),
            callbacks=[("clip", GradientNormClipping(recipe.clip_norm)), ("clock", self.clock)],
            max_epochs=1,
            verbose=0,
        ).initialize()

    @property
    def num_weights(self) -> int:
        """Trained numbers of the model."""
        return sum(weight.numel() for weight in self.net.module_.parameters())

    def __iter__(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, without end."""
        while True:
            self.net.partial_fit(self.train, y=None)
            yield Epoch(self.clock.seconds, float(self.net.history[-1, "valid_acc"]))
