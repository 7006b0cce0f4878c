"""What a training makes small, and what it is held against after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from seqwise.config import TrainConfig
from seqwise.data.labels import Labels
from seqwise.data.targets import is_multilabel
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.evaluation.metrics import Scores
from seqwise.evaluation.multilabel import MultilabelScores
from seqwise.nn import Batch, Network, in_precision
from seqwise.predictor import infer_logits, to_probabilities
from seqwise.training.distribution import World
from seqwise.training.preparation import LabelledStore
from seqwise.training.reports import StepScores
from seqwise.training.weighting import class_weights

Model = TypeVar("Model", bound=nn.Module)
Model_contra = TypeVar("Model_contra", bound=nn.Module, contravariant=True)


class Objective(Protocol[Model_contra]):
    """What a `Training` of a kind of model needs to know of its purpose.

    Attributes
    ----------
    scores : type
        What `validate` gives.
    """

    scores: type

    def total(self, network: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        """Add up the loss of a batch over all that counts."""

    def count(self, num_records: int, num_steps: int) -> int:
        """Say how much counts of so many records with so many steps in all; at least 1."""

    def validate(
        self, model: Model_contra, *, device: torch.device, world: World
    ) -> AnyScores | StepScores | None:
        """Hold a model against the validation part; None where there is none."""


class Classification:
    """The cross-entropy of classes, weighted by class where weights were asked for.

    Where a record may bear any number of labels, it is the mean over the labels of the
    cross-entropy of yes and no.

    Parameters
    ----------
    train, valid
        The part to learn from, and the part that chooses the epoch; where this is None, the last
        epoch is the best.
    class_names
        Of the targets, in order.
    config
        How to train.
    """

    def __init__(
        self,
        train: LabelledStore,
        valid: LabelledStore | None,
        *,
        class_names: list[str],
        config: TrainConfig,
    ) -> None:
        self.valid = valid
        self.multilabel = is_multilabel(train.targets)
        kind = MultilabelScores if self.multilabel else Scores
        self.scores: type = type(None) if valid is None else kind
        self.class_names = class_names
        self.decision = Decision.of(Labels(tuple(class_names), self.multilabel))
        self.precision = config.precision
        self.label_smoothing = config.label_smoothing
        weights = class_weights(config.class_weight, train.targets, class_names)
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def total(self, network: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        """Add up the loss of the records; as `Objective`.

        What it is divided by is the number of records, and not the sum of their weights, as in
        torch: a class would weigh less the more of a batch it fills, and nothing in a batch of one.
        """
        with in_precision(self.precision, batch.inputs.device):
            logits = network(batch)
        assert batch.targets is not None
        if self.multilabel:
            return self._total_of_labels(logits, batch.targets)
        return nn.functional.cross_entropy(
            logits,
            batch.targets,
            weight=None if self._weights is None else self._weights.to(logits.device),
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )

    def _total_of_labels(self, logits: Tensor, targets: Tensor) -> Tensor:
        smoothed = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        weight = None
        if self._weights is not None:
            without, with_label = self._weights.to(logits.device).unbind(dim=1)
            weight = torch.where(targets > 0, with_label, without)
        total = nn.functional.binary_cross_entropy_with_logits(
            logits, smoothed, weight=weight, reduction="sum"
        )
        return total / logits.size(1)

    def count(self, num_records: int, num_steps: int) -> int:
        """Count records; as `Objective`."""
        return num_records

    def validate(self, model: Network, *, device: torch.device, world: World) -> AnyScores | None:
        """Score the answers on the validation part; as `Objective`."""
        if self.valid is None:
            return None
        store = self.valid.sequences
        own = world.share(np.arange(len(store)))
        sequences = [store[index] for index in own.tolist()]
        logits = world.collect(infer_logits(model, sequences, device=device))
        probabilities = to_probabilities(logits, multilabel=self.multilabel)
        return self.decision.score(probabilities, self.valid.targets, self.class_names)
