"""`torchrun -m seqwise train`: real torchruns, two hosts on one, real SIGTERM and SIGKILL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from seqwise.training.distribution import ADDRESS
from tests.cli.conftest import texts, train, write_csv

pytestmark = pytest.mark.slow

SETTINGS = (
    *("--epochs", "3", "--patience", "9", "--batch-size", "5", "--dropout", "0", "--seed", "1"),
    *("--hidden-size", "4", "--embedding-dim", "4", "--device", "cpu"),
)
ONE_HOST = ("--nproc-per-node", "2")
DEADLINE = 240


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("table") / "table.csv", texts(27))


@pytest.fixture(scope="module")
def two_hosts(file):
    """What two torchruns of one process each have trained, and what both have said."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        endpoint = f"localhost:{free.getsockname()[1]}"
    out = str(Path(file).with_name("model"))
    meet = ("--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint)
    hosts = [torchrun(meet, file, "--out", out, *SETTINGS) for _ in range(2)]
    return out, [end(host) for host in hosts]


def torchrun(how, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", *how, "-m", "seqwise", "train"]
    environment = {name: each for name, each in os.environ.items() if name not in ADDRESS}
    return subprocess.Popen(
        [*command, *arguments],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    _, told = process.communicate(timeout=DEADLINE)
    return process.returncode, told


def weights(folder):
    return Path(folder, "model.safetensors").read_bytes()


def ranks(process):
    """The processes that a torchrun has started, by their ranks."""
    found = {}
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        for each in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if each.startswith(b"RANK="):
                found[int(each[5:])] = int(child)
    return found


def wait_for_a_checkpoint(process, more_than=()):
    while not set(Path("model.checkpoints").glob("[0-9]*")) - set(more_than):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def test_two_hosts_train_the_model_of_one(two_hosts, file):
    out, ends = two_hosts
    assert [code for code, _ in ends] == [0, 0]
    assert sorted(told.count("best epoch") for _, told in ends) == [0, 1], "one of them speaks"
    assert sum("2, among which each batch is shared out" in told for _, told in ends) == 1
    assert train(file, *SETTINGS, out="expected").code == 0
    found, expected = (load_file(f"{each}/model.safetensors") for each in (out, "expected"))
    assert max(abs(found[name] - each).max() for name, each in expected.items()) < 1e-5


def test_stopped_gone_on_and_killed_it_is_the_same_model(two_hosts, file):
    options = (*SETTINGS, "--out", "model", "--resume", "--checkpoint-seconds", "0")
    process = torchrun(ONE_HOST, file, *options)
    wait_for_a_checkpoint(process)
    process.send_signal(signal.SIGTERM)
    code, told = end(process)
    assert code != 0
    assert told.count("seqwise: stopped in ") == 1
    assert "the same command with --resume goes on from there" in told
    before = set(Path("model.checkpoints").glob("[0-9]*"))
    assert before
    process = torchrun((*ONE_HOST, "--max-restarts", "1"), file, *options)
    wait_for_a_checkpoint(process, before)
    os.kill(ranks(process)[1], signal.SIGKILL)
    code, told = end(process)
    assert code == 0, told
    assert told.count("going on") == 2, "killed, and begun anew"
    assert weights("model") == weights(two_hosts[0])
    assert not Path("model.checkpoints").exists()


def test_a_bad_file_is_one_line_and_no_wait(file):
    bad = write_csv("bad.csv", [*texts(), ("", "ham")])
    code, told = end(torchrun(ONE_HOST, bad, "--out", "model", *SETTINGS))
    assert code == 1, "torchrun's own"
    assert told.count("[empty-sequence]") == 1
    assert told.count("seqwise: bad.csv:26 (record 25), column text: an empty sequence") == 1
    # Not the code of each: a process whose mate has gone may be aborted by gloo before it ends.
    assert sorted(path.name for path in Path().iterdir()) == ["bad.csv"]
