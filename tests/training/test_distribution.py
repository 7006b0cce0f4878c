"""Two and four processes, which have met over gloo, against one."""

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqwise.errors import Code, ConfigError, ProcessError
from seqwise.training import distribution
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.distribution import ALONE, World, join_world, noticing_losses, take_device
from seqwise.training.stopping import go_on
from tests.training import processes
from tests.training.examples import make_refit_run

ROOT = Path(__file__).parents[2]
CLOSE = 1e-5


@pytest.fixture(scope="module", params=[2, 4])
def seen(request, tmp_path_factory):
    """What each of the processes has seen."""
    folder = tmp_path_factory.mktemp("processes")
    command = [sys.executable, "-m", "tests.training.processes", str(request.param), str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    files = [folder / f"{rank}.json" for rank in range(request.param)]
    return [json.loads(file.read_text()) | {"folder": folder} for file in files]


def of_all(seen, name):
    return [each[name] for each in seen]


def same(values):
    """Give what all of them are."""
    assert all(value == values[0] for value in values)
    return values[0]


def test_training_is_that_of_one_process(seen):
    weights, reports = same(of_all(seen, "trained"))
    expected, expected_reports = processes.trained(ALONE)
    assert np.abs(np.subtract(weights, expected)).max() < CLOSE
    assert len(reports) == len(expected_reports) == 3
    for report, other in zip(reports, expected_reports, strict=True):
        assert report["train_loss"] == pytest.approx(other["train_loss"], abs=CLOSE)
        assert report["valid"]["confusion"] == other["valid"]["confusion"]
        assert report["valid"]["num_records"] == 11
        assert report["valid"]["log_loss"] == pytest.approx(other["valid"]["log_loss"], abs=CLOSE)


def test_a_refit_is_that_of_one_process(seen):
    weights = same(of_all(seen, "refitted"))
    assert np.abs(np.subtract(weights, processes.refitted(ALONE))).max() < CLOSE


def test_weights_of_the_classes_are_chosen_as_by_one_process(seen):
    weights, *chosen = same(of_all(seen, "balanced"))
    expected, *expected_chosen = processes.balanced(ALONE)
    assert chosen == expected_chosen
    assert np.abs(np.subtract(weights, expected)).max() < CLOSE


def test_a_pretraining_is_that_of_one_process(seen):
    weights, losses = same(of_all(seen, "pretrained"))
    expected, expected_losses = processes.pretrained(ALONE)
    assert np.abs(np.subtract(weights, expected)).max() < CLOSE
    assert np.abs(np.subtract(losses, expected_losses)).max() < CLOSE


def test_workers_change_nothing(seen):
    for each in seen:
        assert each["trained with workers"] == each["trained"]


def test_each_record_is_read_once_and_every_process_takes_as_many_steps(seen):
    read, expected = of_all(seen, "read"), processes.read(ALONE)
    assert {len(each) for each in read} == {len(expected)}
    assert any(num_records < len(seen) for _, num_records, _ in expected), "too even an example"
    for shares, (rows, num_records, num_steps) in zip(
        zip(*read, strict=True), expected, strict=True
    ):
        assert sorted(row for share in shares for row in share[0]) == sorted(map(list, rows))
        assert {(share[1], share[2]) for share in shares} == {(num_records, num_steps)}
        sizes = [len(share[0]) for share in shares]
        assert max(sizes) - min(sizes) <= 1


def test_dropout_is_a_function_of_the_seed_and_the_number_of_processes(seen):
    first, second = same(of_all(seen, "dropped"))
    assert first == second != same(of_all(seen, "trained"))
    assert first != json.loads(json.dumps(processes.trained(ALONE, dropout=0.5)))


def test_no_two_processes_drop_by_the_same_chance(seen):
    seeds = of_all(seen, "seeds")
    assert seeds[0] == processes.seeds(ALONE)
    assert len(set(itertools.chain(*seeds))) == len(seen) * len(seeds[0])


def test_a_signal_to_one_stops_all_and_they_go_on_together(seen):
    said, found, went_on, weights = zip(*of_all(seen, "stopped"), strict=True)
    assert same(said) == [signal.SIGTERM, "in epoch 3 of 3"]
    assert found == (1, *[0] * (len(seen) - 1))
    assert same(went_on)
    # After a restart DistributedDataParallel sums in another order once; of two, no order matters.
    difference = np.abs(np.subtract(same(weights), same(of_all(seen, "refitted")))).max()
    assert difference == 0 if len(seen) == 2 else difference < CLOSE


def test_what_is_told_arrives(seen):
    size = len(seen)
    contents, mean, largest, value = same(of_all(seen, "told"))
    assert contents == [[rank] * rank for rank in range(size)]
    assert mean == sum(2.0**rank for rank in range(size)) / size
    assert largest == [size - 1, 0]
    assert value == {"rank": 0}


def test_an_error_of_one_is_that_of_all(seen):
    name, text = same(of_all(seen, "failed in one"))
    assert name == "ConfigError"
    line = "ü.csv:3: in 1 - nothing - none [bad-format]"
    assert text.splitlines() == [line, line, line, "and 4 more"]


def test_divergence_in_one_is_that_of_all(seen):
    name, text = same(of_all(seen, "diverged in one"))
    assert (name, "[diverged]" in text) == ("ConfigError", True)


def test_other_settings_in_one_are_an_error_in_all(seen):
    name, text = same(of_all(seen, "differing"))
    assert name == "ProcessError"
    assert text.startswith("process 1 has other records, settings or versions than the first - ")


def test_who_is_left_says_so_behind_a_checkpoint(seen):
    left = of_all(seen[:-1], "lost")
    assert all(error[0] == "ProcessError" for error, _ in left)
    assert all("[process-lost]" in error[1] for error, _ in left)
    assert [found for _, found in left] == [1, *[0] * (len(seen) - 2)]


def test_one_process_goes_on_where_several_have_lost_one(seen):
    run = make_refit_run(**processes.REFITTED)
    with Checkpoints(seen[0]["folder"] / "lost-0") as checkpoints:
        assert go_on(run, checkpoints) == (True, [])
    assert run.place() == "in epoch 2 of 3"
    list(run)
    weights = processes.weights(run.artifact().model)
    assert np.abs(np.subtract(weights, seen[0]["refitted"])).max() < CLOSE


def test_no_thread_of_gloo_lives_to_see_the_end_of_python(tmp_path):
    """It could be ended in the middle of letting a tensor go, and the process be aborted for it."""
    command = [sys.executable, "-m", "tests.training.parting", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    for rank in (0, 1):
        together, apart, at_exit = json.loads((tmp_path / f"parted-{rank}.json").read_text())
        assert together > 0 == apart == at_exit
        together, at_exit = json.loads((tmp_path / f"failed-{rank}.json").read_text())
        assert together > 0 == at_exit


# One process


def test_without_torchrun_a_process_is_alone(monkeypatch):
    for name in distribution.ADDRESS:
        monkeypatch.delenv(name, raising=False)
    with join_world() as world:
        assert world is ALONE


def test_one_process_that_torchrun_has_started_is_alone(monkeypatch):
    for name in distribution.ADDRESS:
        monkeypatch.setenv(name, "1")
    with join_world() as world:
        assert world is ALONE


def test_one_process_is_told_what_it_says():
    assert ALONE.gather(b"x") == [b"x"]
    assert ALONE.largest(3, -1) == [3, -1]
    assert ALONE.mean(0.1) == 0.1
    model = torch.nn.Linear(1, 1)
    assert ALONE.wrap(model) is model
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert np.array_equal(ALONE.collect(rows), rows)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("num_items", [1, 2, 3, 8])
def test_shares_are_parts_of_the_whole(size, num_items):
    items = np.arange(num_items)
    shares = [World(rank, size).share(items).tolist() for rank in range(size)]
    assert sorted(itertools.chain(*shares)) == items.tolist()
    assert all(share == sorted(share) for share in shares)


def test_an_error_of_ones_own_is_not_hidden():
    with pytest.raises(RuntimeError, match="a mistake"), noticing_losses():
        raise RuntimeError("a mistake")


def test_a_connection_that_ends_is_a_process_that_has_gone():
    with pytest.raises(ProcessError) as caught, noticing_losses():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer")
    assert caught.value.code is Code.PROCESS_LOST


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    take_device("auto")
    take_device("cpu")
    assert taken == [1]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="more processes than GPUs on this host, which has 2"):
        take_device("cuda")
