"""Runs that try encoders, train several networks, and keep to a budget."""

import itertools

import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.data.kinds import Kind
from seqwise.nn import Ensemble, SequenceModel
from seqwise.training import run as run_room
from seqwise.training.run import TrainingRun
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
    best = max(run.trials, key=lambda each: (each.accuracy, -each.best.valid.log_loss))
    assert artifact.shape.encoder == best.encoder
    assert artifact.training.tried == {each.encoder: each.accuracy for each in run.trials}
    # A third of three epochs each, three of the best, and two networks more.
    assert len(reports) == 2 + 3 + 2 * run.training.best.epoch
    assert [each.epoch for each in run.reports] == [1, 2, 3]


def test_a_better_trial_wins(monkeypatch):
    run = search()
    original = run_room.rank
    monkeypatch.setattr(run_room, "rank", lambda report: tuple(-x for x in original(report)))
    list(itertools.islice(run, 3))
    worst = min(run.trials, key=lambda each: (each.accuracy, -each.best.valid.log_loss))
    assert run.shape.encoder == worst.encoder


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
    assert len(artifact.model.members) == 3
    shares = artifact.model.weights.tolist()
    assert shares[0] == shares[1] == pytest.approx(run.companion.weights[0] / 2)
    assert shares[2] == pytest.approx(run.companion.weights[1])
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
    plenty = timed(monkeypatch, epoch_seconds=1.0, budget=1e6)
    assert (plenty.schedule.encoders, plenty.schedule.networks) == (("lstm", "convolution"), 2)
    little = timed(monkeypatch, epoch_seconds=1.0, budget=8.0)
    assert (little.schedule.encoders, little.schedule.networks) == (("lstm",), 1)
    least = timed(monkeypatch, epoch_seconds=1.0, budget=1.0)
    assert (least.schedule.epochs, least.schedule.refits) == (1, False)
    assert least.schedule.epoch_share < 1
    list(least)
    assert not least.artifact().training.refitted


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
