"""Keras 3 on the torch backend: Embedding with a mask, LSTM, Dense; `fit` on padded batches.

With a mask, and on a CPU without one, Keras runs the LSTM as a loop over steps written in Python:
its fast kernel is cuDNN's, and takes no mask on this backend (keras 3.15, `backend/torch/rnn.py`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from peers.task import Contender, Epoch, Part, Recipe, Task


class PaddedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches padded to their own longest sequence, the fairest form that Keras has.

    Parameters
    ----------
    part
        What to cut into batches.
    batch_size
        Sequences in each batch but the last.
    """

    def __init__(self, part: Part, batch_size: int) -> None:
        super().__init__()
        self.sequences = part.sequences()
        self.targets = part.targets
        self.batch_size = batch_size
        self.order = np.arange(len(self.targets))

    def __len__(self) -> int:
        return math.ceil(len(self.targets) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        sequences = [self.sequences[position] for position in chosen.tolist()]
        inputs = np.zeros((len(sequences), max(map(len, sequences))), dtype=np.int32)
        for row, ids in zip(inputs, sequences, strict=True):
            row[: len(ids)] = ids
        return inputs, self.targets[chosen]


class TrainClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Times the training pass of each epoch."""

    seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start."""
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the time of the last training batch so far."""
        self.seconds = time.perf_counter() - self.started


def build(task: Task, recipe: Recipe) -> Contender:
    """Make the contender."""
    return KerasFit(task, recipe)


class KerasFit:
    """A `Sequential` model, fitted further by an epoch at a time.

    Parameters
    ----------
    task, recipe
        What to train on, and how.
    """

    def __init__(self, task: Task, recipe: Recipe) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.random = np.random.default_rng(recipe.seed)
        self.train = PaddedBatches(task.train, recipe.batch_size)
        self.valid = PaddedBatches(task.valid, recipe.batch_size)
        lstm = keras.layers.LSTM(recipe.hidden_size)
        self.model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(task.vocab_size, recipe.embedding_dim, mask_zero=True),
                keras.layers.Bidirectional(lstm) if recipe.bidirectional else lstm,
                keras.layers.Dense(task.num_classes),
            ]
        )
        self.model.compile(
            optimizer=keras.optimizers.Adam(
                learning_rate=recipe.learning_rate, global_clipnorm=recipe.clip_norm
            ),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    @property
    def num_weights(self) -> int:
        """Trained numbers of the model: one bias a gate, where torch has two."""
        return int(self.model.count_params())

    def __iter__(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, without end."""
        clock = TrainClock()
        while True:
            # Not left to `fit`, which would shuffle whole batches and keep their mates together.
            self.random.shuffle(self.train.order)
            history = self.model.fit(
                self.train,
                validation_data=self.valid,
                shuffle=False,
                callbacks=[clock],
                verbose=0,
            )
            yield Epoch(clock.seconds, float(history.history["val_accuracy"][-1]))
