"""What a run tries, how long it trains, and how many networks answer together in the end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Any

from seqwise.config import TrainConfig
from seqwise.training.loop import Training
from seqwise.training.settings import Wishes

# The first is taken where nothing is tried.
ENCODERS: tuple[str, ...] = ("lstm", "convolution")
ENCODERS_OF_KIND: dict[str, tuple[str, ...]] = {"series": ("lstm", "residual")}
# Who says how a network is to look has chosen one.
SHAPE = {
    "encoder",
    "pooling",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "kernel_size",
    "stride",
}
# Seconds of a step in units of the LSTM's (benchmarks/encoders.py).
PRICES = {"lstm": 1.0, "convolution": 0.8, "residual": 2.0}
SHORT = 3  # a trial takes a third of the epochs
NETWORKS = 3  # but beside a linear model of n-grams they bring no more than one (docs/design/0017)
MOST_STEPS = 12_000_000  # of one training, in units of the LSTM's: of a longer one nothing is tried
# Shares of a budget: after which no further linear model is fitted, and, of what is left then, what
# is planned for; validation and a busy machine take the rest.
LINEAR_SHARE, USED = 0.2, 0.8
LEAST_SHARE = 0.01  # of a pass: a network that has learned from less is none
FEWEST_EPOCHS = 6  # with fewer, a second training is a waste
MEASURED, WARM_UP = 12, 2  # updates


@dataclass(frozen=True)
class Schedule:
    """What a run tries and trains.

    Parameters
    ----------
    encoders
        That are tried; one alone is not tried for its own sake, but trained at once.
    epochs
        The most passes of a training.
    epoch_share
        Share of a pass that an epoch takes.
    refits
        Whether networks are trained anew on all records.
    networks
        That answer together in the end.
    tries_balanced
        Whether the best encoder is tried once more, with balanced weights of the classes.
    fits
        How many models of each kind are fitted that may stand beside the networks, where a clock
        has said so; None for all that are worth trying.
    """

    encoders: tuple[str, ...]
    epochs: int
    epoch_share: float
    refits: bool
    networks: int
    tries_balanced: bool = False
    fits: dict[str, int] | None = None

    def reduced(self, values: dict[str, Any]) -> Schedule:
        """Build a schedule that does no more than this one, from JSON values.

        Raises
        ------
        LookupError, TypeError, ValueError
            If the values are something else.
        """
        found = Schedule(**values | {"encoders": tuple(values["encoders"])})
        is_less = (
            found.encoders in (self.encoders, self.encoders[:1])
            and 1 <= found.epochs <= self.epochs
            and 0 < found.epoch_share <= self.epoch_share
            and found.refits in {False, self.refits}
            and 1 <= found.networks <= self.networks
            and found.tries_balanced in {False, self.tries_balanced}
            and all(number >= 0 for number in (found.fits or {}).values())
        )
        if not is_less:
            raise ValueError(f"{found} instead of {self}")
        return found

    @property
    def tried(self) -> tuple[str, ...]:
        """Encoders that get a trial: none where there is nothing to choose."""
        return self.encoders if len(self.encoders) > 1 or self.tries_balanced else ()

    @property
    def num_trials(self) -> int:
        """Trials of all encoders, and the one with balanced weights."""
        return len(self.tried) + self.tries_balanced

    @property
    def trial_epochs(self) -> int:
        """Passes of a trial."""
        return math.ceil(self.epochs / SHORT)

    @property
    def num_more(self) -> int:
        """Trainings that follow the one that finds the best epoch."""
        return self.networks if self.refits else self.networks - 1

    def price(self, validation: float = 0.0) -> float:
        """Give the passes of all trainings, at the most, in units of the LSTM's.

        Parameters
        ----------
        validation
            What holding an epoch against the validation part takes, as a share of a pass.
        """
        prices = {encoder: PRICES.get(encoder, 1.0) for encoder in self.encoders}
        dearest = max(prices.values())
        tried = sum(prices[encoder] for encoder in self.tried) + dearest * self.tries_balanced
        passes = self.epochs * dearest * (1 + validation + self.num_more)
        return self.trial_epochs * tried * (1 + validation) + passes


def choose_schedule(
    kind: str,
    config: TrainConfig,
    *,
    num_steps: int,
    wishes: Wishes,
    encoder: str | None = None,
) -> Schedule:
    """Choose what to try by the size of the data, or as if there were time for all.

    Parameters
    ----------
    kind
        Of the sequences.
    config
        As `choose_training` has chosen it; with a budget, `fit_to` has the last word.
    num_steps
        Of an epoch, at their price.
    wishes
        What the user has said.
    encoder
        The only one that has the weights that are started from.
    """
    is_open = encoder is None and not SHAPE & wishes.model.keys()
    encoders = ENCODERS_OF_KIND.get(kind, ENCODERS)
    work = config.epochs * num_steps * max(PRICES[encoder] for encoder in encoders)
    has_time = config.budget is not None or work <= MOST_STEPS
    if not (is_open and has_time):
        encoders = (encoder or wishes.model.get("encoder", encoders[0]),)
    gains = kind == "series" or not config.linear
    networks = NETWORKS if is_open and has_time and gains else 1
    return Schedule(
        encoders=encoders,
        epochs=config.epochs,
        epoch_share=config.epoch_share,
        refits=config.refit,
        networks=wishes.model.get("num_networks", networks),
        # Who asks for it gets it, whatever the size of the data.
        tries_balanced=config.class_weight == "auto",
    )


def fit_to(
    seconds: float, schedule: Schedule, epoch_seconds: float, validation: float = 0.0
) -> Schedule:
    """Choose the most that fits into some seconds.

    Parameters
    ----------
    seconds
        That are left of a budget for all networks; there may be none.
    schedule
        What would be done with time enough.
    epoch_seconds
        What a pass of the first encoder takes.
    validation
        As `Schedule.price` takes it.
    """
    room = max(USED * seconds / max(epoch_seconds, 1e-9), LEAST_SHARE)  # in passes
    an_epoch = 1 + validation
    one_encoder = replace(schedule, encoders=schedule.encoders[:1])
    # Weights of the classes are tried only where that was asked for: further networks go first.
    for each in (schedule, one_encoder, replace(one_encoder, networks=1)):
        if each.price(validation) <= room:
            return each
    one_network = replace(one_encoder, networks=1, tries_balanced=False)
    for each in (one_network, replace(one_network, refits=False)):
        epochs = min(int(room / (an_epoch + each.num_more)), each.epochs)
        if epochs >= min(FEWEST_EPOCHS, each.epochs):
            return replace(each, epochs=epochs)
    hasty = replace(one_network, refits=False, epochs=max(int(room / an_epoch), 1))
    share = min(max(room - validation, LEAST_SHARE), 1.0)
    return replace(hasty, epoch_share=share * schedule.epoch_share)


def time_epoch(training: Training[Any]) -> float:
    """Measure the seconds that a pass will take, by some updates of a model to be thrown away."""
    seconds = []
    before = time.perf_counter()
    for _ in islice(training.steps(), WARM_UP + MEASURED):
        now = time.perf_counter()
        seconds.append(now - before)
        before = now
    return fmean(seconds[WARM_UP:] or seconds) * training.progress.num_batches
