"""Real processes, real SIGKILL: the scripts in `benchmarks/` in their short form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def kill(script, kills):
    options = ("--kills", str(kills), "--seed", "1", "--result", "kills.json")
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(Path("kills.json").read_text())
    assert found["kills"] >= kills
    assert found["differing"] == 0
    return found


def test_kills_change_no_training(work):
    found = kill("kills.py", 30)
    assert set(found["moments"]) == {
        *("getting ready", "after a checkpoint", "at a file operation", "the model being there")
    }
    assert found["phases"]["the model is there"] >= 3
    assert found["left_over"] == 0
    assert set(found["workers"]) == {"0", "2"}
    assert found["inside_a_writing"] >= 3
    assert len(found["trainings_finished"]) >= 3


def test_kills_change_no_prediction(work):
    found = kill("prediction_kills.py", 20)
    assert set(found["moments"]) == {"at any time", "at a file operation", "inside a part"}
    assert found["inside_a_part"] >= 3
    assert sum(found["predictions_finished"].values()) >= 3
    assert found["left_over"] == 0
