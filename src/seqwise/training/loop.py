"""The training loop: a generator of epoch reports, which the caller leaves when it has enough."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Generic, cast

import torch
from torch import Tensor, nn

from seqwise.config import TrainConfig
from seqwise.data.codecs import Codec
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.multilabel import MultilabelScores
from seqwise.predictor import choose_device
from seqwise.training.average import build_average
from seqwise.training.chance import mix_seed, seed_device
from seqwise.training.distribution import ALONE, World, noticing_losses
from seqwise.training.loading import Loader, Share
from seqwise.training.objective import Model, Objective
from seqwise.training.optimizer import (
    MOMENTS,
    build_optimizer,
    check_moments,
    moments_by_name,
    put_moments,
    rate,
)
from seqwise.training.preparation import LabelledStore
from seqwise.training.reports import EpochReport, StepScores, read_reports
from seqwise.training.state import State, check_tensors, join_names, select_names

# Times those of a model: its weights, their average, those of the best epoch, what AdamW remembers.
SIZE_OF_STATE = 5


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

    @contextmanager
    def as_validating(self) -> Iterator[None]:
        """While entered, training stands still: nothing is lost by leaving it at once."""
        self.validating = True
        try:
            yield
        finally:
            self.validating = False


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
        Sum over all that counts in these batches.
    seconds
        Time that these batches took.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seconds: float = 0.0


class Training(Generic[Model]):
    """A model in training.

    Parameters
    ----------
    model
        Trained in place.
    train
        The part to learn from.
    objective
        What is made small, and what chooses the epoch; where this is nothing, the last epoch is the
        best.
    config
        How to train.
    codec
        Of DNA whose letters or strands are changed in training (`TrainConfig`).
    world
        The processes that train the same model, each on its share of every batch.
    workers
        Threads that prepare batches ahead; their number changes no result.

    Attributes
    ----------
    progress : Progress
        Kept up to date while an epoch runs.

    Examples
    --------
    ::

        objective = Classification(train, valid, class_names=names, config=config)
        training = Training(model, train, objective, config=config)
        for report in training:
            print(report.epoch, report.train_loss, report.valid.accuracy)
            if report.valid.accuracy > 0.99:  # enough for you? Training stops by itself, too
                break
        training.restore_best()
    """

    def __init__(
        self,
        model: Model,
        train: LabelledStore,
        objective: Objective[Model],
        *,
        config: TrainConfig,
        codec: Codec | None = None,
        world: World = ALONE,
        workers: int = 0,
    ) -> None:
        self.model = model.to(choose_device(config.device))
        # With its number: a thread of the loader has a current GPU of its own.
        self.device = next(model.parameters()).device
        self.train = train
        self.objective = objective
        self.config = config
        self.progress = Progress()
        self._position = Position()
        self._num_records = 0  # that an epoch reads
        self.world = world
        self._loader = Loader(
            train, config, world=world, device=self.device, codec=codec, workers=workers
        )
        self._network: nn.Module = model  # what is called in training
        self._optimizer = build_optimizer(model, config)
        decay = config.average_decay
        self._average = build_average(model, decay) if decay else None
        # What is validated and kept.
        self._judged = cast("Model", self._average.module) if self._average else model
        self._best: dict[str, Tensor] = {}
        self._best_report: EpochReport | None = None

    @property
    def best(self) -> EpochReport:
        """The report of the best epoch so far, as `rank` has it."""
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
        self._network = self.world.wrap(self.model)
        try:
            while not self.is_over:
                shares = self._begin_epoch()
                while self._position.batch < self.progress.num_batches:
                    self._train_batch(shares)
                    yield None
                yield self._end_epoch()
        finally:
            self._network = self.model  # what wraps it holds the connection of the processes
        # Several networks of a run are kept to the end, and what an update needs is as large again.
        self._optimizer.zero_grad(set_to_none=True)
        self._optimizer.state.clear()

    def state(self) -> State:
        """Give what another training, made of the same data and settings, needs to go on."""
        best = self._best_report
        values = {"position": asdict(self._position), "best": best and best.to_dict()}
        parts = {"best": self._best}
        if not self.is_over:
            parts["model"] = self.model.state_dict()
            parts |= moments_by_name(self._optimizer, self.model)
            parts["average"] = self._average.state_dict() if self._average else {}
        tensors = {name: tensor.cpu() for name, tensor in join_names(parts).items()}
        return State(values, tensors)

    def restore(self, state: State) -> None:
        """Go to where the training was that `state` was called on.

        Raises
        ------
        LookupError, TypeError, ValueError
            If there is no such place in this training.
        """
        self._position = self._check_position(Position(**state.values["position"]))
        self.progress.epoch = self._position.epoch + 1
        best = state.values["best"]
        self._best_report = read_reports([best], self.objective.scores)[0] if best else None
        if self._best_report and not 1 <= self._best_report.epoch <= self._position.epoch:
            raise ValueError(f"the best epoch is {self._best_report.epoch}")
        # Copied: the memory of tensors that were read from a file is aligned to nothing.
        tensors = {name: each.clone().to(self.device) for name, each in state.tensors.items()}
        self._best = select_names(tensors, "best")
        weights = self.model.state_dict()
        check_tensors(self._best, weights if self._best_report else {})
        if self.is_over:
            return
        check_tensors(select_names(tensors, "model"), weights)
        self.model.load_state_dict(select_names(tensors, "model"))
        moments = {key: select_names(tensors, key) for key in MOMENTS}
        check_moments(self.model, moments)
        put_moments(self._optimizer, self.model, moments)
        if self._average:
            average = select_names(tensors, "average")
            check_tensors(average, self._average.state_dict())
            self._average.load_state_dict(average)

    def _check_position(self, position: Position) -> Position:
        epoch, batch = position.epoch, position.batch
        if not (isinstance(epoch, int) and 0 <= epoch <= self.config.epochs):
            raise ValueError(f"epoch {epoch} of {self.config.epochs}")
        num_batches = len(self._loader.batches(epoch))
        if not (isinstance(batch, int) and 0 <= batch <= num_batches):
            raise ValueError(f"batch {batch} of {num_batches}")
        if not (math.isfinite(position.loss) and math.isfinite(position.seconds)):
            raise ValueError("a loss or a time that is not finite")
        return position

    def restore_best(self) -> None:
        """Put the weights of the best epoch back into the model."""
        self.model.load_state_dict(self._best)

    def best_model(self) -> Model:
        """Copy the model with the weights of the best epoch so far, onto the CPU."""
        model = copy.deepcopy(self.model).cpu()
        model.load_state_dict(self._best)
        return model.eval()

    def _judge(self, report: EpochReport) -> EpochReport:
        best = self._best_report
        if best is None or rank(report) > rank(best):
            self._best_report = report
            self._best = copy.deepcopy(self._judged.state_dict())
            return report
        return replace(report, epochs_since_best=report.epoch - best.epoch)

    def _begin_epoch(self) -> Iterator[Share]:
        """Cut the batches of an epoch, in some of which it may have been before."""
        self.model.train()
        now = self._position
        batches = self._loader.batches(now.epoch)
        self._num_records = batches.num_records
        done = [int(self._loader.lengths[batches[n]].sum()) for n in range(now.batch)]
        progress = self.progress
        progress.epoch, progress.batch, progress.num_batches = now.epoch + 1, 0, len(batches)
        progress.steps, progress.seconds = sum(done), now.seconds
        return self._loader.load(now.epoch, batches, now.batch)

    def _train_batch(self, shares: Iterator[Share]) -> None:
        """Take one step; all chance is a function of (seed, epoch, number of the batch)."""
        started = time.perf_counter()
        now, progress = self._position, self.progress
        share = next(shares)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # What is dropped in the model is drawn by each process for its own records.
            purpose = 2 + self.world.rank
            seed_device(self.device, mix_seed(self.config.seed, now.epoch, now.batch, purpose))
            done = now.epoch + now.batch / progress.num_batches
            loss = self._update(share, done / self.config.epochs)
        now.batch += 1
        now.loss += loss * self.objective.count(share.num_records, share.num_steps)
        now.seconds += time.perf_counter() - started
        progress.batch, progress.loss, progress.seconds = now.batch, loss, now.seconds
        progress.steps += share.num_steps

    def _end_epoch(self) -> EpochReport:
        started = time.perf_counter()
        with self.progress.as_validating():
            valid = self.objective.validate(self._judged, device=self.device, world=self.world)
        now = self._position
        report = EpochReport(
            epoch=now.epoch + 1,
            train_loss=now.loss / self.objective.count(self._num_records, self.progress.steps),
            valid=valid,
            seconds=now.seconds + time.perf_counter() - started,
            steps_per_second=self.progress.steps / now.seconds,
            epochs_since_best=0,
        )
        # What is decided by it is decided alike everywhere, whatever a processor rounds.
        report = EpochReport.from_dict(self.world.as_in_first(report.to_dict()))
        self._position = Position(epoch=report.epoch)
        return self._judge(report)

    def _update(self, share: Share, position: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * rate(position, self.config.warmup_fraction)
        self._optimizer.zero_grad(set_to_none=True)
        with noticing_losses():
            loss = self._loss(share)
            loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        value = self.world.mean(float(loss.detach()))
        if not math.isfinite(value):
            raise self._diverged(f"the loss is {value}")
        if not bool(norm.isfinite()):
            raise self._diverged(f"the gradient's norm is {float(norm)}")
        self._optimizer.step()
        if self._average:
            self._average.update_parameters(self.model)
        return value

    def _loss(self, share: Share) -> Tensor:
        """Take the mean loss; that over the processes is that over all that counts in the batch."""
        total = self.objective.total(self._network, share.batch)
        if share.is_idle:
            total = total * 0
        return total / (self.objective.count(share.num_records, share.num_steps) / self.world.size)

    def _diverged(self, found: str) -> ConfigError:
        found = f"{found} in epoch {self.progress.epoch}"
        return ConfigError(Problem(Code.DIVERGED, found, "a number", "lower --learning-rate"))


def rank(report: EpochReport) -> tuple[float, float]:
    """Order reports of epochs, the best is the largest: by accuracy, then by log loss.

    Of steps that are foretold, and of labels of any number, the loss alone counts.
    """
    if report.valid is None:
        return (report.epoch, 0.0)
    if isinstance(report.valid, StepScores):
        return (-report.valid.loss, 0.0)
    if isinstance(report.valid, MultilabelScores):
        return (-report.valid.log_loss, 0.0)  # whatever the thresholds will be
    return (report.valid.accuracy, -report.valid.log_loss)
