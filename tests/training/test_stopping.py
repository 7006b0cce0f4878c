import itertools
import os
import signal

import pytest
import torch

from seqwise.errors import CheckpointError, Code
from seqwise.interruption import Stopped, StopRequest
from seqwise.training import answers
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.companion import Companion
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.stopping import go_on, keep_checkpoints
from tests.training.examples import REFIT_PAIRS, make_refit_run, make_run

ALL_CHANCE = {
    "epochs": 3,
    "dropout": 0.3,
    "token_dropout": 0.2,
    "window": 1,
    "average_decay": 0.7,
    "seed": 2,
}
NEVER = 1e9


def start(**settings):
    return make_refit_run(**{**ALL_CHANCE, "batch_size": 16, **settings})


def result(run):
    """Everything that a run leaves, but for times."""
    artifact = run.artifact()
    account = {**artifact.training.to_dict(), "seconds": 0}
    weights = {name: each.numpy().tobytes() for name, each in artifact.model.state_dict().items()}
    reports = [(each.epoch, each.train_loss, each.valid.to_dict()) for each in run.reports]
    return account, weights, reports, artifact.codec.to_dict()


@pytest.fixture(scope="module")
def undisturbed():
    run = start()
    steps = list(run.steps())
    ends = [number for number, step in enumerate(steps, start=1) if step is not None]
    assert len(run.reports) == 3
    assert run.training.best.epoch >= 2, "the example needs two epochs of refit"
    return run, ends


def stopped_after(number, folder, **settings):
    """Leave a run after some steps, with a checkpoint of the last one."""
    run = start(**settings)
    for _ in itertools.islice(run.steps(), number):
        pass
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(run.state())
    return run


def gone_on(folder, **settings):
    run = start(**settings)
    with Checkpoints(folder) as checkpoints:
        assert go_on(run, checkpoints) == (True, [])
    return run


PLACES = {
    "before the first update": lambda ends: 0,
    "after the first update": lambda ends: 1,
    "within the second epoch": lambda ends: ends[0] + 2,
    "before a validation": lambda ends: ends[1] - 1,
    "after a validation": lambda ends: ends[1],
    "before the refit": lambda ends: ends[2],
    "after the first update of the refit": lambda ends: ends[2] + 1,
    "between two epochs of the refit": lambda ends: ends[3],
    "within the second epoch of the refit": lambda ends: ends[3] + 2,
    "at the very end": lambda ends: ends[-1],
}


@pytest.mark.parametrize("place", PLACES)
def test_stopping_changes_nothing(undisturbed, place, tmp_path):
    whole, ends = undisturbed
    number = PLACES[place](ends)
    stopped_after(number, tmp_path / "c")
    run = gone_on(tmp_path / "c")
    assert len(list(run.steps())) == ends[-1] - number
    assert run.is_refitted
    assert result(run) == result(whole)


def test_stopping_at_every_step_changes_nothing(undisturbed, tmp_path):
    whole, ends = undisturbed
    stopped_after(0, tmp_path / "c")
    for _ in range(ends[-1]):
        run = gone_on(tmp_path / "c")
        next(run.steps())
        with Checkpoints(tmp_path / "c") as checkpoints:
            checkpoints.write(run.state())
    assert run.is_refitted
    assert result(run) == result(whole)


def test_the_optimizer_goes_on_to_the_bit(undisturbed, tmp_path):
    """At its end a training drops what the optimizer remembers: compared just before."""
    _, ends = undisturbed
    stop, last = ends[0] + 2, ends[1] - 1
    stopped_after(stop, tmp_path / "c")
    run = gone_on(tmp_path / "c")
    for _ in itertools.islice(run.steps(), last - stop):
        pass
    found = tensors(run)
    assert sum(".exp_avg" in name for name in found) == 2 * len(
        list(run.training.model.parameters())
    )
    assert found == tensors(stopped_after(last, tmp_path / "whole"))


def tensors(run):
    return {name: each.numpy().tobytes() for name, each in run.state().tensors.items()}


def test_a_run_that_stops_for_want_of_gain_stays_over(tmp_path):
    settings = {"refit": False, "patience": 1, "epochs": 50}
    run = stopped_after(10_000, tmp_path / "c", **settings)
    assert len(run.reports) < 50, "the example has to end early"
    again = gone_on(tmp_path / "c", **settings)
    assert list(again.steps()) == []
    assert result(again) == result(run)


def test_the_best_epoch_before_the_stop_is_not_forgotten(tmp_path):
    settings = {"refit": False, "epochs": 6, "seed": 4}
    whole = start(**settings)
    list(whole)
    best = whole.training.best.epoch
    assert best < 6, "the example needs an early best epoch"
    ends = [n for n, step in enumerate(start(**settings).steps(), start=1) if step is not None]
    stopped_after(ends[best] + 1, tmp_path / "c", **settings)
    run = gone_on(tmp_path / "c", **settings)
    list(run.steps())
    assert run.training.best.epoch == best
    assert result(run) == result(whole)


def test_a_refit_that_was_stopped_still_has_the_best_epoch(undisturbed, tmp_path):
    whole, ends = undisturbed
    stopped_after(ends[2] + 1, tmp_path / "c")
    run = gone_on(tmp_path / "c")
    assert not run.is_refitted
    expected = whole.training.best_model().state_dict()
    found = run.artifact().model.state_dict()
    assert all(torch.equal(found[name], each) for name, each in expected.items())


def test_times_add_up(tmp_path):
    stopped_after(7, tmp_path / "c").seconds = 0
    run = gone_on(tmp_path / "c")
    before = run.seconds
    assert before > 0
    next(run.steps())
    assert run.seconds > before
    assert run.training.progress.steps > 0


# What a checkpoint does not fit


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 3}, "seed is 3, and was 2"),
        ({"learning_rate": 0.5}, "learning_rate is 0.5, and was 0.1"),
        ({"epochs": 9, "dropout": 0.4}, "dropout is 0.4, and was 0.3; epochs is 9, and was 3"),
        ({"refit": False}, "refit is False, and was True"),
        ({"case": "keep"}, "case is 'keep', and was 'mark'"),
    ],
)
def test_other_settings_are_refused(tmp_path, change, told):
    stopped_after(3, tmp_path / "c")
    run = start(**change)
    before = result_of_model(run)
    with Checkpoints(tmp_path / "c") as checkpoints, pytest.raises(CheckpointError) as caught:
        go_on(run, checkpoints)
    assert caught.value.code is Code.CHECKPOINT_MISMATCH
    assert told in str(caught.value)
    assert caught.value.problem.path == str(tmp_path / "c")
    assert result_of_model(run) == before


def result_of_model(run):
    return {name: each.tolist() for name, each in run.training.model.state_dict().items()}


def other_text(pairs):
    return [(f"{pairs[0][0]} x", pairs[0][1]), *pairs[1:]]


def other_label(pairs):
    return [(pairs[0][0], {"a": "b", "b": "a"}[pairs[0][1]]), *pairs[1:]]


def other_order(pairs):
    return [*pairs[1:], pairs[0]]


@pytest.mark.parametrize("change", [other_text, other_label, other_order, lambda pairs: pairs[:-1]])
def test_other_records_are_refused(tmp_path, change):
    settings = {"epochs": 3, "refit": True, "seed": 1}
    run = make_run(REFIT_PAIRS, **settings)
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.write(run.state())
        go_on(make_run(REFIT_PAIRS, **settings), checkpoints)
        with pytest.raises(CheckpointError, match="other records"):
            go_on(make_run(change(REFIT_PAIRS), **settings), checkpoints)


def test_other_validation_records_are_refused(tmp_path):
    run = make_run(REFIT_PAIRS[:40], valid=REFIT_PAIRS[40:])
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.write(run.state())
        with pytest.raises(CheckpointError, match="other records"):
            go_on(make_run(REFIT_PAIRS[:40], valid=REFIT_PAIRS[41:]), checkpoints)


def test_another_version_is_refused(tmp_path, monkeypatch):
    stopped_after(3, tmp_path / "c")
    monkeypatch.setattr("seqwise.training.interface.current_versions", lambda: NEXT_VERSIONS)
    with pytest.raises(CheckpointError, match=r"torch is '99\.0', and was"):
        gone_on(tmp_path / "c")


NEXT_VERSIONS = {"seqwise": "99.0", "torch": "99.0"}


def test_nothing_to_go_on_from(tmp_path):
    with Checkpoints(tmp_path / "c") as checkpoints:
        assert go_on(start(), checkpoints) == (False, [])


# When checkpoints are written


def written(tmp_path, monkeypatch, seconds, clock):
    """Count the checkpoints of a run whose steps take a second each."""
    ticks = itertools.count(step=clock)
    monkeypatch.setattr("seqwise.training.stopping.time.monotonic", lambda: next(ticks))
    run = start(refit=False)
    count = []
    monkeypatch.setattr(Checkpoints, "write", lambda self, state: count.append(state))
    with (
        Checkpoints(tmp_path / "c") as checkpoints,
        StopRequest(lambda: run.current.progress.validating) as stop,
    ):
        reports = list(keep_checkpoints(run, checkpoints, stop, seconds=seconds))
    assert [report.epoch for report in reports] == [1, 2, 3]
    return len(count)


def test_a_checkpoint_after_each_step(tmp_path, monkeypatch, undisturbed):
    assert written(tmp_path, monkeypatch, 0, clock=1) == undisturbed[1][2]


def test_no_checkpoint_where_training_is_short(tmp_path, monkeypatch):
    assert written(tmp_path, monkeypatch, 60, clock=1) == 0


def test_a_checkpoint_every_now_and_then(tmp_path, monkeypatch, undisturbed):
    # The clock is read at each step, and once more behind each checkpoint.
    assert written(tmp_path, monkeypatch, 5, clock=1) == undisturbed[1][2] // 5


def stop_by_signal(run, checkpoints):
    """Go through a run until a signal comes, and give what has noticed it."""
    with (
        StopRequest(lambda: run.current.progress.validating) as stop,
        pytest.raises(Stopped),
    ):
        list(keep_checkpoints(run, checkpoints, stop, seconds=NEVER))
    return stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("owner", "method"), [(Training, "_train_batch"), (Classification, "validate")]
)
def test_a_signal_leaves_a_checkpoint(undisturbed, tmp_path, monkeypatch, number, owner, method):
    original, calls = getattr(owner, method), []
    after = []

    def send(training, *arguments, **named):
        calls.append(method)
        if len(calls) == 2:
            os.kill(os.getpid(), number)
            after.append("went on")
        return original(training, *arguments, **named)

    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run = start()
    with Checkpoints(tmp_path / "c") as checkpoints:
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, send)
            stop = stop_by_signal(run, checkpoints)
        assert stop.signal == number
        assert len(calls) == 2
        assert (after == ["went on"]) == (method == "_train_batch")
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    again = gone_on(tmp_path / "c")
    assert again.training.progress.epoch == (1 if method == "_train_batch" else 2)
    list(again.steps())
    assert result(again) == result(undisturbed[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_fits_of_a_refit(tmp_path, monkeypatch, number):
    expected = start(linear=True)
    list(expected.steps())

    def send(*arguments, **settings):
        os.kill(os.getpid(), number)
        raise AssertionError("went on")

    def stop_in(run, place, name):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, send)
            stop_by_signal(run, checkpoints)

    with Checkpoints(tmp_path / "c") as checkpoints:
        stop_in(start(linear=True), Companion, "refit")
        again = start(linear=True)  # it fits anew what stood beside the best epoch, too
        assert go_on(again, checkpoints) == (True, [])
        stop_in(again, answers, "fit_kinds")
    last = gone_on(tmp_path / "c", linear=True)
    assert last.is_refitted
    list(last.steps())
    assert result(last) == result(expected)


def test_a_signal_behind_the_last_step_is_not_lost(tmp_path, monkeypatch):
    run = start(linear=True)
    refit = Companion.refit

    def send(*arguments):
        found = refit(*arguments)
        monkeypatch.setattr(run.current.progress, "validating", False)
        os.kill(os.getpid(), signal.SIGTERM)
        return found

    monkeypatch.setattr(Companion, "refit", send)
    with Checkpoints(tmp_path / "c") as checkpoints:
        stop_by_signal(run, checkpoints)
    assert run.is_refitted
