"""Runs that try encoders, train several networks, and keep to a budget."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.kinds import Kind
from seqwise.data.store import RaggedStore
from seqwise.errors import CheckpointError, Code, ConfigError
from seqwise.nn import Ensemble, SequenceModel
from seqwise.training import answers as answers_room
from seqwise.training import fits as fits_room
from seqwise.training import run as run_room
from seqwise.training import trials as trials_room
from seqwise.training.characters import CHARACTER_RECIPES
from seqwise.training.linear import choose_recipes
from seqwise.training.preparation import LabelledStore
from seqwise.training.ridge import MOST_STEPS
from seqwise.training.run import TrainingRun
from seqwise.training.schedule import LEAST_SHARE
from tests.training.examples import BAD, GOOD, make_run

AUTO = {"encoder": None, "pooling": None, "hidden_size": None, "num_layers": None}


def search(**settings) -> TrainingRun:
    return make_run(GOOD + BAD, Kind.TEXT, **{**AUTO, "num_networks": 2, "refit": True, **settings})


def weights(artifact):
    return {name: each.clone() for name, each in artifact.model.state_dict().items()}


def assert_equal(first, second):
    assert first.shape == second.shape
    found = weights(second)
    for name, weight in weights(first).items():
        assert torch.equal(found[name], weight), name


@pytest.fixture(scope="module")
def searched():
    run = search()
    reports = list(run)
    return run, reports, run.artifact()


def test_each_encoder_is_tried_and_the_best_goes_on(searched):
    run, reports, artifact = searched
    assert [trial.encoder for trial in run.trials] == ["lstm", "convolution"]
    best = max(run.trials, key=lambda each: (each.scores.accuracy, -each.scores.log_loss))
    assert artifact.shape.encoder == best.encoder
    assert artifact.training.tried == {each.encoder: each.scores.accuracy for each in run.trials}
    # A third of three epochs each, three of the best, and two networks more.
    assert len(reports) == 2 + 3 + 2 * run.training.best.epoch
    assert [each.epoch for each in run.reports] == [1, 2, 3]


def test_a_better_trial_wins(monkeypatch):
    run = search()
    original = trials_room.rank
    monkeypatch.setattr(trials_room, "rank", lambda report: tuple(-x for x in original(report)))
    list(itertools.islice(run, 3))
    worst = min(run.trials, key=lambda each: (each.scores.accuracy, -each.scores.log_loss))
    assert run.shape.encoder == worst.encoder


def diverge(run):
    """Let the network that is trained at the moment come to nothing."""
    torch.nn.init.constant_(run.training.model.head.weight, float("nan"))


def test_an_encoder_that_diverges_is_not_taken():
    run = search()
    steps = run.steps()
    while not run.trials:
        next(steps)
    diverge(run)  # the convolution
    while run.is_trying:
        next(steps)
    lost = run.trials[-1]
    assert (lost.encoder, lost.scores, run.shape.encoder) == ("convolution", None, "lstm")
    again = search()
    again.restore(run.state())
    assert [each.best is None for each in again.trials] == [False, True]
    list(again)
    tried = again.artifact().training.tried
    assert tried == {"lstm": again.trials[0].scores.accuracy, "convolution": None}
    assert again.artifact().shape.encoder == "lstm"


def test_balanced_classes_with_which_training_diverges_are_not_taken():
    run = search(encoder="gru", class_weight="auto")
    steps = run.steps()
    while not run.trials:
        next(steps)
    diverge(run)
    list(steps)
    assert run.artifact().training.tried_weights == {
        "none": run.trials[0].macro_f1,
        "balanced": None,
    }
    assert run.config.class_weight == "none"


def test_what_diverges_while_a_budget_is_planned_is_tried_and_not_taken(monkeypatch):
    begin_stage = TrainingRun._begin_stage

    def spoil(run):
        begin_stage(run)
        if run.shape.encoder == "lstm":
            diverge(run)

    monkeypatch.setattr(TrainingRun, "_begin_stage", spoil)
    run = search(budget=1e6)
    list(run)
    assert [each.scores is None for each in run.trials] == [True, False]
    assert run.shape.encoder == "convolution"


@pytest.mark.parametrize("settings", [{}, {"encoder": "gru", "class_weight": "auto"}])
def test_where_all_diverge_that_is_told(settings, monkeypatch):
    run = search(**settings)
    begin_stage = run._begin_stage
    monkeypatch.setattr(run, "_begin_stage", lambda: (begin_stage(), diverge(run)))
    diverge(run)
    with pytest.raises(ConfigError, match="learning-rate") as caught:
        list(run)
    assert caught.value.code is Code.DIVERGED
    assert len(run.trials) == (0 if settings else 1)


def test_networks_differ_and_answer_together(searched):
    _, _, artifact = searched
    model = artifact.model
    assert isinstance(model, Ensemble)
    assert artifact.shape.num_networks == len(model.members) == 2
    assert model.weights.tolist() == [0.5, 0.5]
    first, second = (torch.cat([w.flatten() for w in each.parameters()]) for each in model.members)
    assert not torch.equal(first, second)


def test_the_first_network_is_that_of_a_refit_alone(searched):
    run, _, artifact = searched
    alone = search(encoder=run.shape.encoder, num_networks=1)
    list(alone)
    assert isinstance(alone.artifact().model, SequenceModel)
    expected = alone.artifact().model.state_dict()
    for name, weight in artifact.model.members[0].state_dict().items():
        assert torch.equal(weight, expected[name]), name


def test_without_a_refit_the_best_epoch_is_one_of_the_networks():
    run = search(refit=False, encoder="lstm", num_networks=3, seed=3)
    list(run)
    artifact = run.artifact()
    assert len(artifact.model.members) == 3
    best = run.training.best_model().state_dict()
    assert all(torch.equal(w, best[n]) for n, w in artifact.model.members[0].state_dict().items())
    assert not artifact.training.refitted
    assert artifact.codec is run.prepared.codec


def test_networks_and_a_linear_model_are_saved_together(tmp_path):
    run = search(linear=True)
    list(run)
    artifact = run.artifact()
    assert len(artifact.model.members) == 4
    shares = artifact.model.weights.tolist()
    assert shares[0] == shares[1] == pytest.approx(run.companion.weights["network"] / 2)
    assert shares[2] == pytest.approx(run.companion.weights["linear model"])
    save_artifact(artifact, tmp_path / "model")
    assert_equal(artifact, load_artifact(tmp_path / "model"))


def test_a_search_goes_on_from_every_step_to_the_same_model(searched):
    _, _, expected = searched
    number = sum(1 for _ in search().steps())
    for stop in range(0, number, 3):
        stopped = search()
        list(itertools.islice(stopped.steps(), stop))
        other = search()
        other.restore(stopped.state())
        list(other)
        assert_equal(expected, other.artifact())
        assert other.artifact().training.tried == expected.training.tried


def test_a_run_left_between_two_networks_has_the_first():
    run = search(encoder="lstm", num_networks=3)
    for _ in run.steps():
        if len(run.more) == 2:
            break
    artifact = run.artifact()
    assert artifact.shape.num_networks == 1
    assert artifact.training.refitted


def test_places_are_told():
    run = search()
    places = []
    for _ in run:
        places.append(run.place())
    assert places[0] == "in the trial of lstm, epoch 1 of 1"
    assert places[1] == "in the trial of convolution, epoch 1 of 1"
    assert places[2] == "in epoch 1 of 3"
    assert places[-1].startswith("in the refit, network 2 of 2, epoch ")


def timed(monkeypatch, *, epoch_seconds, **settings):
    """A run for which a pass would take so long."""
    monkeypatch.setattr(run_room, "time_epoch", lambda training: epoch_seconds)
    return search(**settings)


def test_a_budget_chooses_what_is_done(monkeypatch):
    nothing = {"num_networks": None, "refit": None}  # is asked for by name
    plenty = timed(monkeypatch, epoch_seconds=1.0, budget=1e6, **nothing)
    assert (plenty.schedule.encoders, plenty.schedule.networks) == (("lstm", "convolution"), 3)
    assert plenty.schedule.refits
    little = timed(monkeypatch, epoch_seconds=1.0, budget=8.0, **nothing)
    assert (little.schedule.encoders, little.schedule.networks) == (("lstm",), 1)
    least = timed(monkeypatch, epoch_seconds=1.0, budget=1.0, **nothing)
    assert (least.schedule.epochs, least.schedule.refits) == (1, False)
    assert least.schedule.epoch_share < 1
    list(least)
    assert not least.artifact().training.refitted


def test_what_a_budget_may_not_take_away():
    least = search(num_networks=2, refit=True, budget=1.0, begun=time.perf_counter() - 1e6)
    assert (least.schedule.networks, least.schedule.refits, least.schedule.epochs) == (2, True, 1)


def test_time_that_has_run_out_ends_a_run_with_what_there_is(monkeypatch):
    run = timed(monkeypatch, epoch_seconds=1e-6, budget=5.0)
    for _ in run.steps():
        if run.more:
            late = itertools.count(1_000_000_000)
            monkeypatch.setattr(run_room.time, "perf_counter", late.__next__)
    assert len(run.more) == 1
    assert run.artifact().training.best_epoch == run.training.best.epoch


def test_what_a_clock_chose_is_kept_when_a_run_goes_on(monkeypatch):
    first = timed(monkeypatch, epoch_seconds=1.0, budget=8.0)
    next(first.steps())
    again = timed(monkeypatch, epoch_seconds=1e-3, budget=8.0)
    assert again.schedule != first.schedule
    again.restore(first.state())
    assert again.schedule == first.schedule


def test_what_has_passed_before_counts_too():
    run = search(budget=5.0, begun=time.perf_counter() - 1e6)
    assert (run.schedule.epochs, run.schedule.epoch_share) == (1, LEAST_SHARE)
    assert len(list(run)) == 1
    assert run.artifact().training.best_epoch == 1


def test_both_strands_are_twice_the_work(monkeypatch):
    found = []

    def choose(*arguments, num_steps, **settings):
        found.append(num_steps)
        return original(*arguments, num_steps=num_steps, **settings)

    original = run_room.choose_training
    monkeypatch.setattr(run_room, "choose_training", choose)
    pairs = [(base + "ACGTT" * number, base) for base in "AC" for number in range(1, 13)]
    for both_strands in (False, True):
        run = make_run(pairs, Kind.DNA, **AUTO, both_strands=both_strands)
        monkeypatch.setattr("seqwise.training.schedule.MOST_STEPS", found[0] * run.asked.epochs)
        assert len(run.schedule.encoders) == 2 - both_strands
    assert found[1] == 2 * found[0]


def test_an_epoch_that_takes_too_long_is_left(monkeypatch):
    run = timed(monkeypatch, epoch_seconds=1e-6, budget=5.0, encoder="lstm", batch_size=2)
    steps = run.steps()
    while not run.reports:
        next(steps)
    assert next(steps) is None  # an update of the second epoch
    late = itertools.count(1_000_000_000)
    monkeypatch.setattr(run_room.time, "perf_counter", late.__next__)
    assert list(steps) == []
    assert run.training.progress.epoch == 2
    assert not run.more


def test_linear_models_have_a_share_of_the_budget(monkeypatch):
    everything = {
        "linear model": len(choose_recipes(2, mean_length=0)),
        "linear model of characters": len(CHARACTER_RECIPES),
    }
    plenty = timed(monkeypatch, epoch_seconds=1e-6, budget=1e6, linear=True)
    assert plenty.schedule.fits == everything
    assert search(linear=True).schedule.fits is None
    monkeypatch.setattr(run_room, "SHARE_OF_BUDGET", 0.0)
    little = timed(monkeypatch, epoch_seconds=1e-6, budget=1e6, linear=True)
    assert little.schedule.fits == {"linear model": 1}
    for _ in little.steps():
        if little.more:
            break
    assert list(little.companion.own_scores) == ["linear model"]
    plenty.restore(little.state())
    assert plenty.schedule == little.schedule
    list(plenty)
    list(little)
    expected = weights(little.artifact())
    for name, each in weights(plenty.artifact()).items():
        assert torch.equal(each, expected[name]), name


def test_the_shorter_a_budget_the_fewer_ngrams_are_counted(monkeypatch):
    def known(ngrams_a_second):
        monkeypatch.setattr(fits_room, "NGRAMS_A_SECOND", ngrams_a_second)
        run = timed(monkeypatch, epoch_seconds=1e-6, budget=1e6, linear=True)
        list(run)
        return run.artifact().shape.num_ngrams

    assert known(1e-4) < known(1.0)


def test_the_shorter_a_budget_the_fewer_series_are_learned_from(monkeypatch):
    told = []
    monkeypatch.setattr(
        fits_room, "fit_kernels", lambda *_, most_steps, **settings: told.append(most_steps)
    )
    store = RaggedStore.from_arrays([np.ones((4, 1), dtype=np.float32)])
    shape = ModelConfig(num_classes=2, num_channels=1)
    for budget in (None, 1e9, 10.0):
        part = LabelledStore(store, np.zeros(1, dtype=np.int64))
        config = TrainConfig(budget=budget)
        kind, *_ = fits_room.choose_kinds(part, None, shape=shape, config=config, names=["a", "b"])
        list(kind.fit(kind.recipes))
    assert told == [MOST_STEPS, MOST_STEPS, 2 * fits_room.KERNEL_STEPS_A_SECOND]


def test_the_share_of_an_epoch_does_not_change_the_price_of_validation(monkeypatch):
    found = []
    monkeypatch.setattr(
        run_room, "fit_to", lambda seconds, schedule, costs, named: found.append(costs) or schedule
    )
    for share in (1.0, 0.25):
        timed(monkeypatch, epoch_seconds=share, budget=60.0, epoch_share=share)
    assert found[0].validation == pytest.approx(found[1].validation)


# Weights of the classes that are chosen

PLAIN = [(f"plain a{number % 5}", "no") for number in range(96)]
ODD = [(f"odd a{number % 5}", "no" if number % 12 > 4 else "yes") for number in range(48)]
UNEVEN = {"valid": PLAIN[:24] + ODD[:12], "batch_size": 8}


def weighed(class_weight, **settings) -> TrainingRun:
    """A run in which a rare class is the more probable one nowhere."""
    return make_run(PLAIN + ODD, class_weight=class_weight, **UNEVEN, **settings)


def test_balanced_classes_are_taken_where_macro_f1_is_higher():
    run = weighed("auto", linear=True, num_networks=2)
    reports = list(run)
    assert len(reports) == 1 + 1 + 3 + run.training.best.epoch
    artifact = run.artifact()
    tried = {each.class_weight: each.macro_f1 for each in run.trials}
    assert tried["balanced"] > tried["none"] + 0.1
    assert artifact.training.tried_weights == tried
    assert artifact.training.tried == {}  # of one encoder
    expected = weighed("balanced", linear=True, num_networks=2)
    list(expected)
    assert_equal(expected.artifact(), artifact)
    assert artifact.train == expected.artifact().train


def test_weights_are_chosen_by_all_that_answers_together():
    run = weighed("auto", linear=True, learning_rate=1e-9)
    list(run)
    assert all(trial.best.valid.macro_f1 < 0.5 for trial in run.trials)  # the network knows nothing
    none, balanced = run.tried_weights.values()
    assert balanced > max(none, 0.5)
    assert run.config.class_weight == "balanced"


def test_nothing_is_weighed_where_that_brings_nothing():
    """Of two classes with as many records."""
    run = make_run(class_weight="auto")
    list(run)
    assert [each.class_weight for each in run.trials] == ["none", "balanced"]
    assert run.trials[0].macro_f1 == run.trials[1].macro_f1
    expected = make_run()
    list(expected)
    assert_equal(expected.artifact(), run.artifact())
    assert run.artifact().train.class_weight == "none"


def test_the_best_encoder_is_tried_with_balanced_classes():
    run = search(class_weight="auto")
    reports = list(run)
    first, second, last = run.trials
    assert (first.encoder, second.encoder) == ("lstm", "convolution")
    assert last.encoder == run.shape.encoder
    weights = [each.class_weight for each in run.trials]
    assert weights == ["none", "none", "balanced"]
    assert len(reports) == 3 + 3 + 2 * run.training.best.epoch
    account = run.artifact().training
    assert account.tried == {"lstm": first.scores.accuracy, "convolution": second.scores.accuracy}
    assert account.tried_weights.keys() == {"none", "balanced"}
    assert account.tried_weights["balanced"] == last.macro_f1


def test_a_run_that_chooses_weights_goes_on_to_the_same_model():
    expected = weighed("auto", linear=True)
    number = sum(1 for _ in expected.steps())
    trial = len(weighed("auto").training._loader.batches(0)) + 1
    for stop in (0, 1, trial - 1, trial, trial + 1, 2 * trial, 2 * trial + 1, number - 1, number):
        stopped = weighed("auto", linear=True)
        list(itertools.islice(stopped.steps(), stop))
        other = weighed("auto", linear=True)
        other.restore(stopped.state())
        list(other)
        assert_equal(expected.artifact(), other.artifact())
        found = replace(other.artifact().training, seconds=0, epochs=[])
        assert found == replace(expected.artifact().training, seconds=0, epochs=[])


def test_a_run_that_chooses_weights_is_another_one():
    state = weighed("auto").state()
    for other in ("none", "balanced"):
        with pytest.raises(CheckpointError, match=f"class_weight is '{other}', and was 'auto'"):
            weighed(other).restore(state)


def test_a_trial_that_was_not_to_come_is_no_state():
    run = weighed("auto")
    list(run)
    none, balanced = run.state().values["trials"]
    for trials in ([balanced], [none, none], [none, balanced, none], [["gru", *none[1:]]]):
        state = run.state()
        state.values["trials"] = trials
        with pytest.raises(ValueError, match="a trial that was not to come"):
            weighed("auto").restore(state)
    for macro_f1, error in ((float("nan"), ValueError), (2.0, ValueError), (None, TypeError)):
        state = run.state()
        state.values["trials"][0][-1] = macro_f1
        with pytest.raises(error):
            weighed("auto").restore(state)


def test_places_of_trials_are_told():
    run = weighed("auto")
    places = [run.place() for _ in run]
    assert places[:3] == [
        "in the trial of lstm, epoch 1 of 1",
        "in the trial of lstm with balanced classes, epoch 1 of 1",
        "in epoch 1 of 3",
    ]


def test_models_are_fitted_once_for_each_weights_of_the_classes(monkeypatch):
    fitted = []
    fit_kinds = answers_room.fit_kinds
    monkeypatch.setattr(
        answers_room,
        "fit_kinds",
        lambda *arguments, **how: fitted.append(how) or fit_kinds(*arguments, **how),
    )
    run = weighed("auto", linear=True, learning_rate=1e-9)
    list(run)
    run.artifact()
    assert len(fitted) == 2
    assert not run._answers._fits


def test_without_time_for_a_trial_nothing_is_weighed(monkeypatch):
    monkeypatch.setattr(run_room, "time_epoch", lambda training: 1.0)
    plenty = weighed("auto", budget=1e6)
    assert plenty.schedule.num_trials == 2
    little = weighed("auto", budget=5.0)
    assert little.schedule.num_trials == 0
    list(little)
    artifact = little.artifact()
    assert artifact.train.class_weight == "none"
    assert artifact.training.tried_weights == {}
    monkeypatch.setattr(run_room, "time_epoch", lambda training: 1e-3)
    other = weighed("auto", budget=5.0)
    assert other.schedule.num_trials == 2
    other.restore(little.state())
    assert other.schedule == little.schedule
