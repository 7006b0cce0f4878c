"""The training loop: a generator of epoch reports, which the caller leaves when it has enough."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqwise.config import TrainConfig
from seqwise.data.codecs import UNKNOWN_ID
from seqwise.data.collate import collate
from seqwise.data.sampler import Batches, BucketSampler
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.metrics import Scores, score
from seqwise.nn import Batch, SequenceModel
from seqwise.predictor import choose_device, infer_logits, softmax
from seqwise.training.optimizer import (
    MOMENTS,
    build_optimizer,
    moments_by_name,
    put_moments,
    rate,
)
from seqwise.training.preparation import LabelledStore
from seqwise.training.reports import EpochReport
from seqwise.training.state import State, join_names, select_names
from seqwise.training.weighting import class_weights


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


@dataclass
class Position:
    """How far a training has come. Order and chance follow from it: they have no other state.

    Parameters
    ----------
    epoch
        Epochs that are done.
    batch
        Batches that are done of the next one.
    loss
        Sum over the records of these batches.
    seconds
        Time that these batches took.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seconds: float = 0.0


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
        self._position = Position()
        self._lengths = np.minimum(train.sequences.lengths, config.window)
        self._sampler = BucketSampler(
            self._lengths,
            batch_size=config.batch_size,
            batch_steps=config.batch_steps,
            seed=config.seed,
        )
        self._class_weight = self._weigh_classes()
        self._optimizer = build_optimizer(model, config)
        self._best: dict[str, Tensor] = {}
        self._best_report: EpochReport | None = None

    @property
    def best(self) -> EpochReport:
        """The report of the best epoch so far: highest validation accuracy, then lowest loss."""
        if self._best_report is None:
            raise RuntimeError("no epoch has ended yet")
        return self._best_report

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or nothing has improved for `patience` of them."""
        done, best = self._position.epoch, self._best_report
        is_stuck = best is not None and done - best.epoch >= self.config.patience
        return is_stuck or done >= self.config.epochs

    def __iter__(self) -> Iterator[EpochReport]:
        """Train epoch by epoch, until nothing has improved for `patience` epochs."""
        return (report for report in self.steps() if report is not None)

    def steps(self) -> Iterator[EpochReport | None]:
        """Train batch by batch: None after each update, a report after each epoch.

        At each of them `state` may be called.
        """
        while not self.is_over:
            batches = self._begin_epoch()
            while self._position.batch < len(batches):
                self._train_batch(batches)
                yield None
            yield self._end_epoch()

    def state(self) -> State:
        """Give what another training, made of the same data and settings, needs to go on."""
        best = self._best_report
        values = {"position": asdict(self._position), "best": best and best.to_dict()}
        parts = {"best": self._best}
        if not self.is_over:
            parts["model"] = self.model.state_dict()
            parts |= moments_by_name(self._optimizer, self.model)
        tensors = {name: tensor.cpu() for name, tensor in join_names(parts).items()}
        return State(values, tensors)

    def restore(self, state: State) -> None:
        """Go to where the training was that `state` was called on."""
        self._position = Position(**state.values["position"])
        self.progress.epoch = self._position.epoch + 1
        best = state.values["best"]
        self._best_report = best and EpochReport.from_dict(best)
        # Copied: the memory of tensors that were read from a file is aligned to nothing.
        tensors = {name: each.clone().to(self.device) for name, each in state.tensors.items()}
        self._best = select_names(tensors, "best")
        if self.is_over:
            return
        self.model.load_state_dict(select_names(tensors, "model"))
        moments = {key: select_names(tensors, key) for key in MOMENTS}
        put_moments(self._optimizer, self.model, moments)

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

    def _begin_epoch(self) -> Batches:
        """Cut the batches of an epoch, in some of which it may have been before."""
        self.model.train()
        now = self._position
        batches = self._sampler.batches(now.epoch)
        done = [int(self._lengths[indices].sum()) for indices in islice(batches, now.batch)]
        progress = self.progress
        progress.epoch, progress.batch, progress.num_batches = now.epoch + 1, 0, len(batches)
        progress.steps, progress.seconds = sum(done), now.seconds
        return batches

    def _train_batch(self, batches: Batches) -> None:
        """Take one step; all chance is a function of (seed, epoch, number of the batch)."""
        started = time.perf_counter()
        now, progress = self._position, self.progress
        chance = (self.config.seed, now.epoch, now.batch)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            _seed(self.device, mix_seed(*chance, 2))
            random = np.random.default_rng(mix_seed(*chance, 1))
            batch = self._collate(batches[now.batch], random)
            done = now.epoch + now.batch / len(batches)
            loss = self._update(batch, done / self.config.epochs)
        now.batch += 1
        now.loss += loss * len(batch)
        now.seconds += time.perf_counter() - started
        progress.batch, progress.loss, progress.seconds = now.batch, loss, now.seconds
        progress.steps += int(batch.lengths.sum())

    def _end_epoch(self) -> EpochReport:
        started = time.perf_counter()
        self.progress.validating = True
        valid = self._validate()
        self.progress.validating = False
        now = self._position
        report = EpochReport(
            epoch=now.epoch + 1,
            train_loss=now.loss / len(self.train.targets),
            valid=valid,
            seconds=now.seconds + time.perf_counter() - started,
            steps_per_second=int(self._lengths.sum()) / now.seconds,
            epochs_since_best=0,
        )
        self._position = Position(epoch=report.epoch)
        return self._judge(report)

    def _update(self, batch: Batch, position: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * rate(position, self.config.warmup_fraction)
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
        logits = infer_logits(self.model, self.valid.sequences, device=self.device)
        return score(softmax(logits), self.valid.targets, self.class_names)

    def _weigh_classes(self) -> Tensor | None:
        weights = class_weights(self.config.class_weight, self.train.targets, self.class_names)
        if weights is None:
            return None
        return torch.tensor(weights, dtype=torch.float32, device=self.device)


def _seed(device: torch.device, seed: int) -> None:
    """Seed the generator of a device; `torch.manual_seed`, for all there are, takes 0.4 ms."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def mix_seed(*parts: int) -> int:
    """Make one seed of several numbers, such as (seed, epoch, purpose)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _rank(report: EpochReport) -> tuple[float, float]:
    if report.valid is None:
        return (report.epoch, 0.0)
    return (report.valid.accuracy, -report.valid.log_loss)
