"""Real processes, real SIGKILL: `benchmarks/kills.py` in its short form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


def test_kills_change_nothing(work):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--kills", "30", "--seed", "1", "--result", "kills.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(Path("kills.json").read_text())
    assert found["kills"] >= 30
    assert set(found["moments"]) == {"getting ready", "after a checkpoint", "at a file operation"}
    assert set(found["workers"]) == {"0", "2"}
    assert found["inside_a_writing"] >= 3
    assert found["trainings_finished"] >= 1
    assert found["differing"] == 0
