"""What every run is, for those who go through it, stop it, go on with it and draw it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch

from seqwise.artifact import current_versions
from seqwise.config import ModelConfig, TrainConfig
from seqwise.identity import Identity
from seqwise.training.distribution import World
from seqwise.training.loop import Training
from seqwise.training.preparation import PreparedData
from seqwise.training.reports import EpochReport
from seqwise.training.schedule import Schedule
from seqwise.training.start import SETTINGS_OF_STARTS
from seqwise.training.state import State


class Run(Protocol):
    """A `TrainingRun` or a `PretrainingRun`, as what goes through it sees it."""

    world: World
    schedule: Schedule
    reports: list[EpochReport]

    @property
    def shape(self) -> ModelConfig:
        """The shape of the network that is trained at the moment."""

    @property
    def config(self) -> TrainConfig:
        """How it is trained."""

    @property
    def training(self) -> Training[Any]:
        """The trial that goes on; afterwards the training that finds the best epoch."""

    @property
    def trials(self) -> Sequence[object]:
        """The trials that have ended."""

    @property
    def is_trying(self) -> bool:
        """Whether something is tried still."""

    @property
    def more(self) -> Sequence[Training[Any]]:
        """The trainings that follow."""

    @property
    def current(self) -> Training[Any]:
        """The training that goes on at the moment."""

    @property
    def largest_state(self) -> int:
        """Bytes that the tensors of a state have at the most."""

    def __iter__(self) -> Iterator[EpochReport]: ...

    def steps(self) -> Iterator[EpochReport | None]:
        """Train batch by batch: None after each update, a report after each epoch."""

    def place(self) -> str:
        """Say in words how far the run has come."""

    def state(self) -> State:
        """Give what another run, made of the same records and settings, needs to go on."""

    def restore(self, state: State) -> None:
        """Go to where the run was that `state` was called on."""


class Steps:
    """The steps of a run, and the time that they take.

    Parameters
    ----------
    world
        The processes that train together.

    Attributes
    ----------
    seconds : float
        That have been trained, before a run was stopped, too.
    """

    _identity: Identity
    _started: float

    def __init__(self, world: World) -> None:
        self.world = world
        self.seconds = 0.0

    def __iter__(self) -> Iterator[EpochReport]:
        return (report for report in self.steps() if report is not None)

    def steps(self) -> Iterator[EpochReport | None]:
        """Train batch by batch: None after each update, a report after each epoch.

        At each of them `state` may be called, and while `current` validates.

        Raises
        ------
        ProcessError
            If the processes have not the same to train on.
        """
        self.world.check_same(json.dumps(self._identity).encode())
        return self._timed()

    def _timed(self) -> Iterator[EpochReport | None]:
        self._started = time.perf_counter() - self.seconds
        for report in self._steps():
            self.seconds = self._elapsed()
            yield report

    def _elapsed(self) -> float:
        """Give the seconds of training up to now, while a run goes on."""
        return time.perf_counter() - self._started

    def _steps(self) -> Iterator[EpochReport | None]:
        raise NotImplementedError


def identify(
    prepared: PreparedData, shape: ModelConfig, config: TrainConfig, device: torch.device
) -> Identity:
    """Name what the result of a run follows from."""
    plan = prepared.plan
    return {
        "records": {"digest": plan.records},
        # A store of the same records may hold out others of them.
        "split": {"split_seed": plan.seed, "records_of_parts": plan.counts},
        "data": prepared.data.to_dict(),
        "model": shape.to_dict(),
        # What is started from counts by its content, and may have moved.
        "train": config.to_dict() | dict.fromkeys(SETTINGS_OF_STARTS),
        "start": {name: plan.start.get(name) for name in SETTINGS_OF_STARTS},
        "machine": {"computed on": device.type},
        "versions": {name: current_versions()[name] for name in ("seqwise", "torch")},
    }
