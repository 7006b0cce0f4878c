"""What every run is, for those who go through it, stop it, go on with it and draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from seqwise.config import ModelConfig, TrainConfig
from seqwise.training.distribution import World
from seqwise.training.loop import Training
from seqwise.training.reports import EpochReport
from seqwise.training.schedule import Schedule
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
        """Whether encoders are tried still."""

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
