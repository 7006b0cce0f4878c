"""The commands of docs/distributed.md, held against the options of torchrun and of seqwise."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from seqwise.cli import train
from tests.cli.conftest import run

PAGE = (Path(__file__).parents[2] / "docs" / "distributed.md").read_text("utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL).group(1)


def from_torchrun(words):
    """Leave out what stands before the name of the program, and give its arguments."""
    return words[words.index("torchrun") + 1 :]


def pod():
    yaml = pytest.importorskip("yaml")
    _, job = yaml.safe_load_all(block("yaml"))
    return job["spec"]["template"]["spec"]["containers"][0]["command"]


LINES = [line.strip() for line in PAGE.splitlines() if re.match(r"    .*torchrun ", line)]
COMMANDS = [pytest.param(lambda line=line: shlex.split(line), id=line[:40]) for line in LINES]


def slurm():
    script = block("bash").replace("\\\n", " ")
    return shlex.split(next(line for line in script.splitlines() if "torchrun" in line))


@pytest.mark.parametrize(
    "words", [*COMMANDS, pytest.param(slurm, id="slurm"), pytest.param(pod, id="kubernetes")]
)
def test_commands_parse(words, monkeypatch):
    arguments = [each.replace("$SLURM_NNODES", "2") for each in from_torchrun(words())]
    parsed = get_args_parser().parse_args(arguments)
    assert (parsed.module, parsed.training_script) == (True, "seqwise")
    called = []
    monkeypatch.setattr(train, "run", called.append)
    assert run(*parsed.training_script_args).code == 0
    [options] = called
    assert options.resume == ("--resume" in arguments)


def test_there_are_commands():
    assert len(LINES) == 4


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_slurm_script_is_one():
    done = subprocess.run(
        ["bash", "-n"], input=block("bash"), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
