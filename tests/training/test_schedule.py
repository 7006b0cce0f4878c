from dataclasses import asdict, replace

import pytest

from seqwise.config import TrainConfig
from seqwise.training import schedule
from seqwise.training.objective import Classification
from seqwise.training.schedule import (
    Costs,
    Schedule,
    choose_schedule,
    fit_to,
    time_epoch,
    why_alone,
)
from seqwise.training.settings import Wishes
from tests.training.examples import Task

FULL = Schedule(
    encoders=("lstm", "convolution"), epochs=30, epoch_share=1.0, refits=True, networks=3
)


def choose(kind="text", *, num_steps=1_000, budget=None, class_weight="none", **model):
    config = TrainConfig(epochs=20, refit=True, budget=budget, class_weight=class_weight)
    wishes = Wishes(model=model)
    is_alone = why_alone(kind, config, num_steps=num_steps, wishes=wishes) is not None
    return choose_schedule(kind, config, wishes=wishes, is_alone=is_alone)


def test_a_small_file_is_worth_several_encoders_and_networks():
    assert choose().encoders == ("lstm", "convolution")
    assert choose("series").encoders == ("lstm", "residual")
    assert choose().networks == 3


def test_a_large_file_gets_one_unless_there_is_time():
    assert choose(num_steps=1_000_000).encoders == ("lstm",)
    assert choose(num_steps=1_000_000).networks == 1
    dear = 400_000  # for one of the encoders of series, not for those of text
    assert choose(num_steps=dear).encoders == ("lstm", "convolution")
    assert choose("series", num_steps=dear).encoders == ("lstm",)
    assert choose(num_steps=1_000_000, budget=60.0).encoders == ("lstm", "convolution")


@pytest.mark.parametrize("said", [{"encoder": "gru"}, {"num_layers": 2}, {"bidirectional": False}])
def test_who_says_how_a_network_looks_gets_that_one(said):
    found = choose(**said)
    assert found.encoders == (said.get("encoder", "lstm"),)
    assert found.networks == 1


def test_networks_may_be_asked_for():
    assert choose(encoder="gru", num_networks=2).networks == 2
    assert choose(num_networks=1).networks == 1


@pytest.mark.parametrize("said", [{}, {"encoder": "gru"}, {"num_steps": 1_000_000}])
def test_balanced_classes_are_tried_where_that_is_asked_for(said):
    assert not choose(**said).tries_balanced
    assert not choose(class_weight="balanced", **said).tries_balanced
    assert choose(class_weight="auto", **said).tries_balanced


def test_balanced_classes_are_one_more_trial():
    two = replace(FULL, tries_balanced=True)
    assert (two.tried, two.num_trials) == (("lstm", "convolution"), 3)
    assert two.seconds(Costs(1.0)) == FULL.seconds(Costs(1.0)) + two.trial_epochs
    one = replace(two, encoders=("lstm",))
    assert (one.tried, one.num_trials) == (("lstm",), 2)
    assert (FULL.num_trials, replace(FULL, encoders=("lstm",)).num_trials) == (2, 0)


def test_a_clock_may_only_take_away():
    def values(schedule):
        return {**asdict(schedule), "encoders": [*schedule.encoders]}

    full = replace(FULL, tries_balanced=True)
    assert full.reduced(values(full)) == full
    assert full.reduced(values(FULL)) == FULL
    with pytest.raises(ValueError, match="instead of"):
        FULL.reduced(values(full))
    fewer = replace(full, fits={"linear model": 1})
    assert full.reduced(values(fewer)) == fewer


@pytest.mark.parametrize(
    "fits",
    [
        *([], 0, "", False, [1], {}),
        *({"forest": 1}, {"linear model": 0}, {"linear model": -1}, {"linear model": 1.5}),
        *({"linear model": True}, {"linear model": 1, "forest": "1"}),
    ],
)
def test_numbers_of_fits_that_are_none_are_refused(fits):
    with pytest.raises(ValueError, match="instead of"):
        FULL.reduced(asdict(FULL) | {"fits": fits})


def test_time_enough_changes_nothing():
    for each in (FULL, replace(FULL, tries_balanced=True)):
        assert fit_to(1e6, each, Costs(1.0)) == each


@pytest.mark.parametrize("costs", [Costs(1.0), Costs(1.0, 0.3), Costs(1.0, 0.3, 8.0, 2.0)])
@pytest.mark.parametrize("full", [FULL, replace(FULL, tries_balanced=True)])
@pytest.mark.parametrize("named", [set(), {"refit"}, {"num_networks"}, {"refit", "num_networks"}])
def test_the_less_time_the_less_is_done(full, costs, named):
    most = full.seconds(costs)
    planned = []
    for share in (1.0, 0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 0.001):
        found = fit_to(share * most / schedule.USED, full, costs, named=named)
        # An epoch of a share of the records is priced here as if the records were fewer.
        seconds = found.seconds(costs._replace(epoch=found.epoch_share))
        assert seconds <= share * most + 1e-9 or found.epoch_share == schedule.LEAST_SHARE
        planned.append(seconds)
    assert planned == sorted(planned, reverse=True)
    assert planned[-1] > 0


def test_what_goes_is_not_paid_for():
    costs = Costs(1.0, fits=80.0, refit=40.0)
    asked = replace(FULL, encoders=("lstm",), networks=1, tries_balanced=True)
    without = replace(asked, tries_balanced=False, refits=False)
    assert fit_to(30 / schedule.USED + 1e-9, asked, costs) == without


def test_the_networks_go_first_then_the_trials_then_the_refit_then_the_epochs():
    def at(passes):
        return fit_to(passes / schedule.USED, FULL, Costs(1.0))

    one_network = replace(FULL, networks=1)
    assert at(FULL.seconds(Costs(1.0)) - 1) == one_network
    assert at(one_network.seconds(Costs(1.0)) + 1e-9) == one_network
    alone = replace(one_network, encoders=("lstm",))
    assert at(60) == alone
    assert at(40) == replace(alone, epochs=20)
    assert at(9) == replace(alone, epochs=9, refits=False)
    assert at(1.5) == replace(alone, epochs=1, refits=False)
    assert at(0.25) == replace(alone, epochs=1, refits=False, epoch_share=0.25)
    least = replace(alone, epochs=1, refits=False, epoch_share=schedule.LEAST_SHARE)
    assert at(0.0) == at(-9.0) == least


def test_where_the_trials_are_dearer_than_the_networks_they_go_first():
    series = replace(FULL, encoders=("lstm", "residual"))
    one_network = replace(series, networks=1).seconds(Costs(1.0))
    no_trials = replace(series, encoders=("lstm",))
    assert no_trials.seconds(Costs(1.0)) < one_network
    assert fit_to((one_network - 1) / schedule.USED, series, Costs(1.0)) == no_trials


def test_what_was_asked_for_by_name_stays():
    least = fit_to(0.0, FULL, Costs(1.0), named={"num_networks", "refit"})
    assert (least.encoders, least.networks, least.refits) == (("lstm",), 3, True)
    assert (least.epochs, least.epoch_share) == (1, schedule.LEAST_SHARE)
    never = replace(FULL, refits=False)
    assert not fit_to(0.0, never, Costs(1.0), named={"refit"}).refits


@pytest.mark.parametrize("encoder", ["convolution", "residual"])
def test_an_encoder_is_priced_as_it_was_measured(encoder):
    alone = replace(FULL, encoders=(encoder,), networks=1, refits=False)
    assert alone.seconds(Costs(1.0)) == alone.epochs


def test_further_networks_go_before_the_trial_of_balanced_classes():
    asked = replace(FULL, tries_balanced=True)
    alone = replace(asked, encoders=("lstm",), networks=1)
    least = alone.seconds(Costs(1.0)) / schedule.USED
    assert fit_to(least + 1e-9, asked, Costs(1.0)) == alone
    assert fit_to(least - 1, asked, Costs(1.0)) == replace(alone, tries_balanced=False)


def test_an_epoch_is_timed_by_a_part_of_it():
    training = Task(valid=None).start(batch_size=1, epochs=1)
    assert time_epoch(training) > 0
    assert training.progress.batch == schedule.WARM_UP + schedule.MEASURED


def test_an_epoch_of_one_update_is_timed_too():
    assert time_epoch(Task(valid=None).start(batch_size=99, epochs=1)) > 0


def test_validation_is_no_part_of_the_updates(monkeypatch):
    now = [0.0]

    def tick():
        now[0] += 1e-3
        return now[0]

    monkeypatch.setattr(schedule.time, "perf_counter", tick)
    validate = Classification.validate

    def take_long(objective, *arguments, **how):
        now[0] += 1_000.0
        return validate(objective, *arguments, **how)

    monkeypatch.setattr(Classification, "validate", take_long)
    assert 0 < time_epoch(Task().start(batch_size=99, epochs=20)) < 1
    assert now[0] > 1_000
