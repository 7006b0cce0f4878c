"""What every run is: something to go through, to stop, to go on with and to draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from seqwise.config import TrainConfig
from seqwise.training.distribution import World
from seqwise.training.loop import Training
from seqwise.training.reports import EpochReport
from seqwise.training.state import State


class Run(Protocol):
    """A `TrainingRun` or a `PretrainingRun`, as what goes through it sees it.

    `refit` is None where no second training has begun, or none ever does.
    """

    world: World
    config: TrainConfig
    reports: list[EpochReport]

    @property
    def training(self) -> Training[Any]:
        """The training that finds the best epoch."""

    @property
    def refit(self) -> Training[Any] | None:
        """The training on all records."""

    @property
    def current(self) -> Training[Any]:
        """The training that goes on at the moment."""

    def __iter__(self) -> Iterator[EpochReport]: ...

    def steps(self) -> Iterator[EpochReport | None]:
        """Train batch by batch: None after each update, a report after each epoch."""

    def place(self) -> str:
        """Say in words how far the run has come."""

    def state(self) -> State:
        """Give what another run, made of the same records and settings, needs to go on."""

    def restore(self, state: State) -> None:
        """Go to where the run was that `state` was called on."""
