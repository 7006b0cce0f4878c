"""`seqwise bench`: what it prints; how fast anything is, is not looked at."""

from __future__ import annotations

import math

import pytest
import torch

from seqwise.cli import bench
from seqwise.speed import timing
from seqwise.speed.contenders import Shape
from seqwise.speed.contest import Effort
from tests.cli.conftest import refused, run

RATIOS = [
    "train_one_direction",
    "train_two_directions",
    "infer_one_direction",
    "infer_two_directions",
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZES", {"cpu": (8,)})
    monkeypatch.setattr(bench, "EFFORT", Effort(rounds=1, seconds=60, batch_size=4))
    monkeypatch.setattr(bench, "NUM_SEQUENCES", 8)
    small = {"input_size": 2, "hidden_size": 3}
    shapes = {"one_direction": Shape(**small), "two_directions": Shape(**small, bidirectional=True)}
    monkeypatch.setattr(bench, "DIRECTIONS", shapes)
    monkeypatch.setattr(bench, "LARGE", Shape(**small))


def test_json():
    outcome = run("bench", "--json", "--device", "cpu")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json
    for name in [*RATIOS, "matrix_product_share"]:
        assert 0 < found[name] < math.inf
    assert found["machine"]["torch"] == torch.__version__
    contest = found["contests"]["two_directions"]
    assert (contest["num_sequences"], contest["longest"]) == (8, 600)
    assert found["train_two_directions"] == contest["train_ratios"]["usual recipe"]
    assert found["infer_two_directions"] == contest["infer_ratios"]["usual recipe"]


def test_a_table():
    outcome = run("bench", "--device", "cpu")
    assert outcome.code == 0
    assert "training training inference inference" in outcome.shown
    assert "1 direction 2 directions 1 direction 2 directions" in outcome.shown
    for row in ("usual recipe", "sorted, packed", "seqwise", "times usual", "times sorted"):
        line = next(line for line in outcome.out.splitlines() if line.strip().startswith(row))
        assert len(line.replace(row, "").split()) == 4
    assert "of a float32 matrix product" in outcome.shown
    assert "sequences 8 of log-normal lengths" in outcome.shown
    assert "in part" not in outcome.shown


def test_what_was_measured_in_part_is_said(monkeypatch):
    monkeypatch.setattr(bench, "EFFORT", Effort(rounds=1, seconds=0, batch_size=4))
    assert "the slowest on 1 of " in run("bench", "--device", "cpu").shown


def test_quiet_leaves_the_remarks_out():
    outcome = run("bench", "--device", "cpu", "--quiet")
    assert "times usual" in outcome.shown
    assert "log-normal" not in outcome.shown


def test_the_table_fits_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("bench", "--device", "cpu", "--quiet").out.splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines[:-1])
    assert any(line.split()[:2] == ["times", "usual"] for line in lines)


def test_threads_are_used_and_given_back():
    before = torch.get_num_threads()
    found = run("bench", "--json", "--device", "cpu", "--threads", "1").json
    assert found["machine"]["torch_threads"] == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", ["0", "-1", "100000"])
def test_threads_that_are_not_there(threads):
    line = refused(run("bench", "--threads", threads), "bad-setting")
    assert line.startswith(f"threads is {threads} - 1 to ")


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused(run("bench", "--device", "cuda"), "bad-setting")
