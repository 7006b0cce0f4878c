"""seqwise: its own building blocks, sampler and loop, with what the others lack switched off."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from peers.task import Contender, Epoch, Part, Recipe, Task
from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.store import RaggedStore
from seqwise.nn import SequenceModel
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore

# The rate falls along a cosine over all epochs: over so many it stays where it is. Nor does
# training stop by itself before.
ENDLESS = 100_000


def build(task: Task, recipe: Recipe) -> Contender:
    """Make the contender."""
    return SeqwiseTraining(task, recipe)


class SeqwiseTraining:
    """`seqwise.training.loop.Training` of the recipe's model.

    Parameters
    ----------
    task, recipe
        What to train on, and how.
    """

    def __init__(self, task: Task, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.num_steps = int(task.train.lengths.sum())
        self.model = SequenceModel.from_config(_shape(task, recipe))
        train, config = _store(task.train), _config(task, recipe)
        names = [str(index) for index in range(task.num_classes)]
        objective = Classification(train, _store(task.valid), class_names=names, config=config)
        self.training = Training(self.model, train, objective, config=config)

    @property
    def num_weights(self) -> int:
        """Trained numbers of the model."""
        return sum(weight.numel() for weight in self.model.parameters())

    def __iter__(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch."""
        for report in self.training:
            yield Epoch(self.num_steps / report.steps_per_second, report.valid.accuracy)


def _shape(task: Task, recipe: Recipe) -> ModelConfig:
    return ModelConfig(
        num_classes=task.num_classes,
        vocab_size=task.vocab_size,
        encoder="lstm",
        pooling="last",
        embedding_dim=recipe.embedding_dim,
        hidden_size=recipe.hidden_size,
        bidirectional=recipe.bidirectional,
        dropout=0.0,
    )


def _config(task: Task, recipe: Recipe) -> TrainConfig:
    longest = int(task.train.lengths.max())
    return TrainConfig(
        epochs=ENDLESS,
        patience=ENDLESS,
        batch_size=recipe.batch_size,
        # Neither may bind: whole sequences, and as many in a batch as the others have.
        batch_steps=recipe.batch_size * longest,
        window=longest,
        token_dropout=0.0,
        learning_rate=recipe.learning_rate,
        warmup_fraction=0.0,
        weight_decay=0.0,
        clip_norm=recipe.clip_norm,
        seed=recipe.seed,
        device="cpu",
    )


def _store(part: Part) -> LabelledStore:
    return LabelledStore(RaggedStore(part.values, part.offsets), part.targets)
