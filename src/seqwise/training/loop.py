"""The training loop: a generator of epoch reports, which the caller leaves when it has enough."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqwise.config import TrainConfig, setting_error
from seqwise.data.codecs import UNKNOWN_ID
from seqwise.data.collate import collate
from seqwise.data.sampler import BucketSampler
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.metrics import Scores, score
from seqwise.nn import Batch, SequenceModel
from seqwise.predictor import choose_device, infer_logits, softmax
from seqwise.training.preparation import LabelledStore


@dataclass(frozen=True)
class EpochReport:
    """What an epoch brought.

    Parameters
    ----------
    epoch
        From 1.
    train_loss
        Mean loss of the epoch's batches, each measured before its own update.
    valid
        Scores of the validation part after the epoch; None where there is none.
    seconds
        Time of the epoch, validation included.
    steps_per_second
        Real steps of sequences that training read in a second, validation not counted.
    epochs_since_best
        0 where this epoch is the best so far.
    """

    epoch: int
    train_loss: float
    valid: Scores | None
    seconds: float
    steps_per_second: float
    epochs_since_best: int


@dataclass
class Progress:
    """Where training stands at this moment, for whoever wants to draw it."""

    epoch: int = 0
    batch: int = 0
    num_batches: int = 0
    loss: float = math.nan
    steps: int = 0
    seconds: float = 0.0
    validating: bool = False


class Training:
    """A model in training.

    Parameters
    ----------
    model
        Trained in place.
    train, valid
        The part to learn from, and the part that chooses the epoch; where this is None, the last
        epoch is the best.
    class_names
        Of the targets, in order.
    config
        How to train.

    Attributes
    ----------
    progress : Progress
        Kept up to date while an epoch runs.

    Examples
    --------
    ::

        training = Training(model, train, valid, class_names=names, config=config)
        for report in training:
            print(report.epoch, report.train_loss, report.valid.accuracy)
            if report.valid.accuracy > 0.99:  # enough for you? Training stops by itself, too
                break
        training.restore_best()
    """

    def __init__(
        self,
        model: SequenceModel,
        train: LabelledStore,
        valid: LabelledStore | None,
        *,
        class_names: list[str],
        config: TrainConfig,
    ) -> None:
        self.device = choose_device(config.device)
        self.model = model.to(self.device)
        self.train = train
        self.valid = valid
        self.class_names = class_names
        self.config = config
        self.progress = Progress()
        self._lengths = np.minimum(train.sequences.lengths, config.window)
        self._sampler = BucketSampler(
            self._lengths,
            batch_size=config.batch_size,
            batch_steps=config.batch_steps,
            seed=config.seed,
        )
        self._class_weight = self._class_weights()
        self._optimizer = _build_optimizer(model, config)
        self._best: dict[str, Tensor] = {}
        self._best_report: EpochReport | None = None

    @property
    def best(self) -> EpochReport:
        """The report of the best epoch so far: highest validation accuracy, then lowest loss."""
        if self._best_report is None:
            raise RuntimeError("no epoch has ended yet")
        return self._best_report

    def __iter__(self) -> Iterator[EpochReport]:
        """Train epoch by epoch, until nothing has improved for `patience` epochs."""
        for epoch in range(self.config.epochs):
            started = time.perf_counter()
            loss = self._train_epoch(epoch)
            trained = time.perf_counter() - started
            self.progress.validating = True
            valid = self._validate()
            self.progress.validating = False
            report = EpochReport(
                epoch=epoch + 1,
                train_loss=loss,
                valid=valid,
                seconds=time.perf_counter() - started,
                steps_per_second=int(self._lengths.sum()) / trained,
                epochs_since_best=0,
            )
            report = self._judge(report)
            yield report
            if report.epochs_since_best >= self.config.patience:
                return

    def restore_best(self) -> None:
        """Put the weights of the best epoch back into the model."""
        self.model.load_state_dict(self._best)

    def best_model(self) -> SequenceModel:
        """Copy the model with the weights of the best epoch so far, onto the CPU."""
        model = copy.deepcopy(self.model).cpu()
        model.load_state_dict(self._best)
        return model.eval()

    def _judge(self, report: EpochReport) -> EpochReport:
        best = self._best_report
        if best is None or _rank(report) > _rank(best):
            self._best_report = report
            self._best = copy.deepcopy(self.model.state_dict())
            return report
        return replace(report, epochs_since_best=report.epoch - best.epoch)

    def _train_epoch(self, epoch: int) -> float:
        """Go once over the training part; all chance is a function of (seed, epoch)."""
        self.model.train()
        batches = self._sampler.batches(epoch)
        random = np.random.default_rng(mix_seed(self.config.seed, epoch, 1))
        progress = self.progress
        progress.epoch, progress.num_batches = epoch + 1, len(batches)
        progress.steps, progress.seconds = 0, 0.0
        started = time.perf_counter()
        total = 0.0
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(
                int(np.random.default_rng([self.config.seed, epoch, 2]).integers(2**63))
            )
            for number, indices in enumerate(batches):
                batch = self._collate(indices, random)
                loss = self._update(batch, (epoch + number / len(batches)) / self.config.epochs)
                total += loss * len(batch)
                progress.batch, progress.loss = number + 1, loss
                progress.steps += int(batch.lengths.sum())
                progress.seconds = time.perf_counter() - started
        return total / len(self.train.targets)

    def _update(self, batch: Batch, position: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _rate(position, self.config.warmup_fraction)
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._diverged(f"the loss is {value}")
        if not bool(norm.isfinite()):
            raise self._diverged(f"the gradient's norm is {float(norm)}")
        self._optimizer.step()
        return value

    def _loss(self, batch: Batch) -> Tensor:
        """Take the mean cross-entropy, weighted by class where weights were asked for."""
        logits = self.model(batch)
        targets = batch.targets
        assert targets is not None
        total = nn.functional.cross_entropy(
            logits,
            targets,
            weight=self._class_weight,
            label_smoothing=self.config.label_smoothing,
            reduction="sum",
        )
        # Not by the sum of the batch's own weights, as torch does: a class would weigh less the
        # more of a batch it fills, and nothing in a batch of one.
        return total / len(batch)

    def _diverged(self, found: str) -> ConfigError:
        found = f"{found} in epoch {self.progress.epoch}"
        return ConfigError(Problem(Code.DIVERGED, found, "a number", "lower --learning-rate"))

    def _collate(self, indices: NDArray[np.int64], random: np.random.Generator) -> Batch:
        sequences = [self._draw(self.train.sequences[index], random) for index in indices.tolist()]
        return collate(sequences, self.train.targets[indices]).to(self.device)

    def _draw(self, sequence: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Take what this epoch reads of a sequence: a window of a long one, some tokens dropped."""
        window, share = self.config.window, self.config.token_dropout
        if len(sequence) > window:
            start = int(random.integers(len(sequence) - window + 1))
            sequence = sequence[start : start + window]
        if share and sequence.ndim == 1:
            dropped = random.random(len(sequence)) < share
            sequence = np.where(dropped, UNKNOWN_ID, sequence)
        return sequence

    def _validate(self) -> Scores | None:
        if self.valid is None:
            return None
        store = self.valid.sequences
        sequences = [store[index] for index in range(len(store))]
        logits = infer_logits(self.model, sequences, device=self.device)
        return score(softmax(logits), self.valid.targets, self.class_names)

    def _class_weights(self) -> Tensor | None:
        chosen = self.config.class_weight
        if chosen == "none":
            return None
        if isinstance(chosen, dict):
            unknown = sorted(chosen.keys() - set(self.class_names))
            if unknown:
                raise setting_error("class_weight", unknown[0], "a label of the training file")
            weights = [chosen.get(name, 1.0) for name in self.class_names]
        else:
            counts = np.bincount(self.train.targets, minlength=len(self.class_names))
            weights = (1 / np.maximum(counts, 1)).tolist()
        # Their mean over the training part is 1, so that the learning rate keeps its meaning.
        mean = float(np.mean([weights[target] for target in self.train.targets.tolist()]))
        if mean == 0:
            raise setting_error("class_weight", 0, "a weight above 0 for some class")
        weights = [weight / mean for weight in weights]
        return torch.tensor(weights, dtype=torch.float32, device=self.device)


def mix_seed(*parts: int) -> int:
    """Make one seed of several numbers, such as (seed, epoch, purpose)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _rank(report: EpochReport) -> tuple[float, float]:
    if report.valid is None:
        return (report.epoch, 0.0)
    return (report.valid.accuracy, -report.valid.log_loss)


def _rate(position: float, warmup_fraction: float) -> float:
    """Give the share of the learning rate at a position from 0 to 1 of training."""
    if position < warmup_fraction:
        return max(position / warmup_fraction, 0.01)
    rest = (position - warmup_fraction) / max(1 - warmup_fraction, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * rest))


def _build_optimizer(model: SequenceModel, config: TrainConfig) -> torch.optim.AdamW:
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        fused=True,  # one pass over a large table of embeddings instead of ten
    )
