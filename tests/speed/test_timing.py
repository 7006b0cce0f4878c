"""What is timed and how often; no test looks at how long it took."""

import math

import numpy as np
import pytest
import torch

from seqwise.speed import timing
from seqwise.speed.contenders import Shape, build_contenders
from seqwise.speed.timing import MODES, Pass, matrix_rate, measure_in_turns, plan_pass

CPU = torch.device("cpu")
LENGTHS = np.arange(1, 41)


def build():
    shape = Shape(input_size=2, hidden_size=3)
    return build_contenders(shape, LENGTHS, batch_size=4, device=CPU)


def test_measures_take_turns():
    calls = []

    def measure(name, values):
        remaining = iter(values)

        def call():
            calls.append(name)
            return next(remaining)

        return call

    found = measure_in_turns({"a": measure("a", [5, 1, 2]), "b": measure("b", [7, 9, 8])}, rounds=3)
    assert found == {"a": 2, "b": 8}
    assert calls == ["a", "b"] * 3


@pytest.mark.parametrize("mode", MODES)
def test_a_pass_counts_real_steps_only(mode, monkeypatch):
    monkeypatch.setattr(timing, "_timed", lambda do, device: (do(), 2.0)[1])
    for contender in build():
        assert Pass(mode, contender.model, contender.batches)() == LENGTHS.sum() / 2


def test_training_leaves_gradients_and_inference_none():
    contender = build()[-1]
    Pass("infer", contender.model, contender.batches).seconds()
    assert not contender.model.training
    assert all(weight.grad is None for weight in contender.model.parameters())
    Pass("train", contender.model, contender.batches).seconds()
    assert contender.model.training
    assert all(weight.grad is not None for weight in contender.model.parameters())


@pytest.mark.parametrize(("seconds_a_step", "expected"), [(0.1, 10), (1, 10), (2, 5), (1000, 1)])
def test_as_many_batches_as_there_is_time_for(seconds_a_step, expected, monkeypatch):
    contender = build()[0]
    monkeypatch.setattr(
        Pass,
        "seconds",
        lambda self: seconds_a_step * sum(int(b.lengths.sum()) for b in self.batches),
    )
    planned = plan_pass(contender, "train", seconds=int(LENGTHS.sum()))
    assert len(planned.batches) == expected
    chosen = {id(batch) for batch in planned.batches}
    assert len(chosen) == expected
    assert chosen <= {id(batch) for batch in contender.batches}


def test_chosen_batches_lie_evenly(monkeypatch):
    contender = build()[1]
    monkeypatch.setattr(
        Pass, "seconds", lambda self: sum(int(b.lengths.sum()) for b in self.batches)
    )
    planned = plan_pass(contender, "train", seconds=int(LENGTHS.sum()) / 5)
    longest = [int(batch.lengths.max()) for batch in planned.batches]
    assert longest == [12, 32]  # of 4, 8, 12 up to 40: from the middle of each half


def test_the_matrix_rate_is_that_of_the_best_size(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZES", {"cpu": (2, 4)})
    monkeypatch.setattr(timing, "_timed", lambda do, device: (do(), 1.0)[1])
    assert matrix_rate(CPU) == 2 * 4**3


def test_rates_of_the_machine_are_numbers(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZES", {"cpu": (8,)})
    monkeypatch.setattr(timing, "COPIED_VALUES", 64)
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0)
    for rate in (matrix_rate(CPU), timing.copy_rate(CPU)):
        assert rate > 0
        assert math.isfinite(rate)
