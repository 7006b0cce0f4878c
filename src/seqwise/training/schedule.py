"""What a run tries, how long it trains, and how many networks answer together in the end."""

from __future__ import annotations

import math
import time
from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Any, NamedTuple

from seqwise.config import TrainConfig
from seqwise.errors import Code, ConfigError
from seqwise.strict import option
from seqwise.training.fits import LINEAR
from seqwise.training.loop import Training
from seqwise.training.settings import Wishes

# The first is taken where nothing is tried.
ENCODERS: tuple[str, ...] = ("lstm", "convolution")
ENCODERS_OF_KIND: dict[str, tuple[str, ...]] = {"series": ("lstm", "residual")}
# Who says how a network is to look has chosen one.
SHAPE = (
    "encoder",
    "pooling",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "kernel_size",
    "stride",
)
# Seconds of a step in units of the LSTM's (benchmarks/encoders.py).
PRICES = {"lstm": 1.0, "convolution": 0.8, "residual": 2.0}
SHORT = 3  # a trial takes a third of the epochs
NETWORKS = 3
MOST_STEPS = 12_000_000  # of one training, in units of the LSTM's: of a longer one nothing is tried
USED = 0.8  # of what is left of a budget; a busy machine takes the rest
LEAST_SHARE = 0.01  # of an epoch: a network that has learned from less is none
FEWEST_EPOCHS = 6  # with fewer, a second training is a waste
MEASURED, WARM_UP = 12, 2  # updates


class Costs(NamedTuple):
    """Seconds, as they were measured here and now.

    Parameters
    ----------
    epoch
        Of an epoch of the first encoder, its updates alone.
    validation
        Of holding a network against the validation part.
    fits, refit
        Of fitting all that may stand beside the networks, and of fitting one of each kind.
    """

    epoch: float
    validation: float = 0.0
    fits: float = 0.0
    refit: float = 0.0


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
            and (found.fits is None or _are_fits(found.fits))
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

    def seconds(self, costs: Costs) -> float:
        """Give the time of all trainings, and of what is fitted beside them, at the most."""
        of_first = PRICES.get(self.encoders[0], 1.0)  # which `costs` are those of
        prices = {each: PRICES.get(each, 1.0) / of_first for each in self.encoders}
        dearest = max(prices.values())
        tried = [prices[encoder] for encoder in self.tried] + [dearest] * self.tries_balanced
        trials = sum(price * costs.epoch + costs.validation for price in tried)
        of_best = dearest * costs.epoch * (1 + self.num_more) + costs.validation
        # All that answer together are weighed by a validation of their own, in such trials, too.
        weighed = costs.validation * (1 + self.num_trials * self.tries_balanced)
        beside = costs.fits * self.tries_balanced + costs.refit * self.refits
        return self.trial_epochs * trials + self.epochs * of_best + weighed + beside


def why_alone(
    kind: str,
    config: TrainConfig,
    *,
    num_steps: int,
    wishes: Wishes,
    encoder: str | None = None,
) -> str | None:
    """Say why no other encoder is tried; None where several are.

    Parameters
    ----------
    kind
        Of the sequences.
    config
        As `choose_training` has chosen it.
    num_steps
        Of an epoch, at their price.
    wishes
        What the user has said.
    encoder
        The only one that has the weights that are started from.
    """
    if encoder is not None:
        return "it was pretrained"
    said = [name for name in SHAPE if name in wishes.model]
    if said:
        is_one_direction = said[0] == "bidirectional" and not wishes.model["bidirectional"]
        name = "one_direction" if is_one_direction else said[0]
        return f"{option(name)} says how the network is to look"
    encoders = ENCODERS_OF_KIND.get(kind, ENCODERS)
    work = config.epochs * num_steps * max(PRICES[encoder] for encoder in encoders)
    if config.budget is None and work > MOST_STEPS:
        return "so much takes long (--budget says how long others may take, too)"
    return None


def choose_schedule(
    kind: str,
    config: TrainConfig,
    *,
    wishes: Wishes,
    encoder: str | None = None,
    is_alone: bool = False,
) -> Schedule:
    """Choose what to try by the size of the data, or as if there were time for all.

    Parameters
    ----------
    kind
        Of the sequences.
    config
        As `choose_training` has chosen it; with a budget, `fit_to` has the last word.
    wishes
        What the user has said.
    encoder
        The only one that has the weights that are started from.
    is_alone
        Whether one network is trained, as `why_alone` says.
    """
    encoders = ENCODERS_OF_KIND.get(kind, ENCODERS)
    if is_alone:
        encoders = (encoder or wishes.model.get("encoder", encoders[0]),)
    networks = 1 if is_alone else NETWORKS
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
    seconds: float, schedule: Schedule, costs: Costs, *, named: Set[str] = frozenset()
) -> Schedule:
    """Choose the most that fits into some seconds.

    Parameters
    ----------
    seconds
        That are left of a budget; there may be none.
    schedule
        What would be done with time enough.
    costs
        Of all that it may do.
    named
        Settings that the user has spoken of: that many networks, or a refit, are not taken away.
    """
    room = USED * seconds
    few = schedule.networks if "num_networks" in named else 1
    one_encoder = replace(schedule, encoders=schedule.encoders[:1])
    # Another encoder may be far better, further networks are a little better. Weights of the
    # classes are tried only where that was asked for: all else goes first.
    least = replace(one_encoder, networks=few)
    for each in (schedule, replace(schedule, networks=few), one_encoder, least):
        if each.seconds(costs) <= room:
            return each
    plain = replace(least, tries_balanced=False)
    for each in (plain, replace(plain, refits="refit" in named and schedule.refits)):
        fixed = replace(each, epochs=0).seconds(costs)
        an_epoch = replace(each, epochs=1).seconds(costs) - fixed
        epochs = min(int(max(room - fixed, 0.0) / max(an_epoch, 1e-9)), each.epochs)
        if epochs >= min(FEWEST_EPOCHS, each.epochs):
            return replace(each, epochs=epochs)
    if epochs:
        return replace(each, epochs=epochs)
    trainings = max(costs.epoch * (1 + each.num_more), 1e-9)
    share = max((room - fixed - costs.validation) / trainings, LEAST_SHARE)
    return replace(each, epochs=1, epoch_share=min(share, 1.0) * schedule.epoch_share)


def time_epoch(training: Training[Any]) -> float:
    """Measure what the updates of an epoch take, by some of a model to be thrown away."""
    seconds = []
    before = time.perf_counter()
    try:
        for report in islice(training.steps(), WARM_UP + MEASURED):
            now = time.perf_counter()
            if report is None:  # an update; validation has a price of its own
                seconds.append(now - before)
            before = now
    except ConfigError as error:
        if error.code is not Code.DIVERGED:  # so will its trial, and others may go on
            raise
    return fmean(seconds[WARM_UP:] or seconds or [0.0]) * training.progress.num_batches


def _are_fits(values: Any) -> bool:
    """Tell whether these are numbers of models of each kind, the linear model among them."""
    if not isinstance(values, dict) or LINEAR not in values:
        return False
    return all(type(each) is int and each >= 1 for each in values.values())
