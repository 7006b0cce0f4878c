import json
import math

import numpy as np
import pytest
import torch

from seqwise.speed import timing
from seqwise.speed.contenders import ALL, SEQWISE, SORTED, USUAL, Shape
from seqwise.speed.contest import ContestResult, Effort, Speed, run_contest, use_threads

CPU = torch.device("cpu")
LENGTHS = np.array([1, 30, 4, 9, 2, 17])
SMALL = Shape(input_size=2, hidden_size=3)


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZES", {"cpu": (8,)})
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0)


def result(**changes):
    values = {
        "shape": SMALL,
        "num_sequences": 6,
        "num_steps": 63,
        "longest": 30,
        "padding": 0.1,
        "train": {USUAL: Speed(5, 1, 2), SORTED: Speed(10, 2, 2), SEQWISE: Speed(40, 2, 2)},
        "infer": {USUAL: Speed(100, 2, 2), SORTED: Speed(50, 2, 2), SEQWISE: Speed(200, 2, 2)},
        "matrix_flops": 40 * 3 * SMALL.step_flops * 2.0,
        "copied_bytes": None,
    }
    return ContestResult(**{**values, **changes})


def test_a_contest():
    found = run_contest(SMALL, LENGTHS, Effort(rounds=1, seconds=60, batch_size=4), device=CPU)
    assert (found.num_sequences, found.num_steps, found.longest) == (6, 63, 30)
    assert 0 <= found.padding < 1
    for mode in timing.MODES:
        assert list(found.speeds(mode)) == list(ALL)
        for speed in found.speeds(mode).values():
            assert 0 < speed.steps_per_second < math.inf
            assert 1 <= speed.num_batches <= speed.num_all_batches
    assert found.copied_bytes is None


def test_seqwise_alone():
    effort = Effort(rounds=1, seconds=60)
    found = run_contest(SMALL, LENGTHS, effort, device=CPU, names=(SEQWISE,))
    assert list(found.train) == [SEQWISE]
    assert found.to_dict()["train_ratios"] == {}


def test_ratios_and_shares():
    found = result()
    assert found.ratio("train") == 8
    assert found.ratio("train", SORTED) == 4
    assert found.ratio("infer") == 2
    assert found.matrix_share("train") == pytest.approx(0.5)
    assert found.matrix_share("infer") == pytest.approx(0.5 / 3 * 200 / 40)
    assert found.bandwidth_share("train") is None
    copied = 3 * 40 * SMALL.step_bytes * 4.0
    assert result(copied_bytes=copied).bandwidth_share("train") == pytest.approx(0.25)


def test_json():
    found = json.loads(json.dumps(result().to_dict()))
    assert found["shape"] == {
        "cell": "lstm",
        "input_size": 2,
        "hidden_size": 3,
        "bidirectional": False,
    }
    assert found["train_ratios"] == {USUAL: 8, SORTED: 4}
    assert found["infer_ratios"] == {USUAL: 2, SORTED: 4}
    assert found["train"][USUAL] == {
        "steps_per_second": 5,
        "num_batches": 1,
        "num_all_batches": 2,
    }


def test_threads_for_a_while():
    before = torch.get_num_threads()
    with use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with use_threads(None):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before
