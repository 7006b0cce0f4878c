"""Run a contender in a process of its own; read its lines, its time and its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

BENCHMARKS = Path(__file__).resolve().parent.parent
START_SECONDS = 120  # to import, read and build, on a busy machine; not counted as training
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Setting:
    """What the trials on one data set share.

    Parameters
    ----------
    folder
        With the task.
    threads
        Of each process.
    bidirectional
        Whether the LSTM reads both ways.
    seconds
        What a training may take.
    """

    folder: Path
    threads: int
    bidirectional: bool
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One training of one contender.

    Parameters
    ----------
    contender
        Its name.
    num_weights
        Of its model.
    start_memory_mb, peak_memory_mb
        The most that was resident before training, and at all.
    epochs
        The lines of those that ended: `elapsed`, `train_seconds`, `valid_accuracy`.
    """

    contender: str
    num_weights: int
    start_memory_mb: int
    peak_memory_mb: int
    epochs: list[dict[str, float]]


def run_trial(
    setting: Setting, contender: str, *, seed: int, num_epochs: int, accuracy: float | None
) -> Trial:
    """Train a contender until it has done its epochs, reached the accuracy, or spent its time."""
    command = [sys.executable, "-m", "peers.worker", contender, str(setting.folder)]
    command += ["--epochs", str(num_epochs), "--seed", str(seed)]
    command += ["--threads", str(setting.threads), "--seconds", str(setting.seconds)]
    if accuracy is not None:
        command += ["--accuracy", str(accuracy)]
    if setting.bidirectional:
        command.append("--bidirectional")
    output = setting.folder / "output.jsonl"
    with output.open("wb") as stream:
        peak = _run_and_measure(command, stream, setting)
    # A process that was stopped may leave half a line.
    whole = [line for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")]
    if not whole:
        raise SystemExit(f"not even started in time: {' '.join(command)}")
    first, *epochs = [json.loads(line) for line in whole]
    return Trial(contender, first["num_weights"], first["memory_mb"], peak, epochs)


def run_json(command: list[str], *, threads: int, folder: Path) -> dict[str, Any]:
    """Run a module that prints one line of JSON."""
    command = [sys.executable, "-m", *command]
    environment = _environment(threads, folder)
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _run_and_measure(command: list[str], stream: IO[bytes], setting: Setting) -> int:
    """Run a command, stop it when its time is up; return its peak memory in MB."""
    environment = _environment(setting.threads, setting.folder)
    process = subprocess.Popen(command, stdout=stream, env=environment)
    deadline = time.monotonic() + setting.seconds + START_SECONDS
    stopped = False
    while True:
        # Of this process, not of all there have been.
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        if not stopped and time.monotonic() > deadline:
            process.kill()
            stopped = True
        time.sleep(POLL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 and not stopped:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss // 1024


def _environment(threads: int, folder: Path) -> dict[str, str]:
    paths = [str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": str(threads),
        "KERAS_BACKEND": "torch",
        "KERAS_HOME": str(folder),  # whatever stands in the user's own settings of Keras
    }
