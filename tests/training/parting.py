"""Two processes that train together and part, as they should or by an error: a program for tests.

    python -m tests.training.parting FOLDER

Each counts its threads of gloo: while the processes are together, when they have parted, and at the
end of Python. It writes them as FOLDER/parted-RANK.json and FOLDER/failed-RANK.json.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
from pathlib import Path

import torch

from seqwise.training.distribution import join_world
from tests.training.examples import Task, make_store

SIZE = 2


def part(place: Path, *, fails: bool) -> None:
    threads = []
    atexit.register(lambda: place.write_text(json.dumps([*threads, num_threads()])))
    with join_world() as world:
        task = Task(make_store(20, seed=1), make_store(10, seed=2), {})
        training = task.start(world=world, epochs=1)
        list(training)
        threads.append(num_threads())
        if fails:
            sys.exit(0)  # as the command line ends once it has said what is wrong
    # The training is there still, as on the command line.
    threads.append(num_threads())
    assert training.is_over


def num_threads() -> int:
    names = [each.read_text() for each in Path("/proc/self/task").glob("*/comm")]
    return sum("gloo" in name for name in names)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    forks = []
    for name in ("parted", "failed"):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        meet = {"WORLD_SIZE": SIZE, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        os.environ |= {key: str(each) for key, each in meet.items()}
        for rank in range(SIZE):
            forks.append(os.fork())
            if forks[-1] == 0:
                os.environ["RANK"] = str(rank)
                part(folder / f"{name}-{rank}.json", fails=name == "failed")
                sys.exit(0)
    codes = [os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) for fork in forks]
    sys.exit(max(map(abs, codes)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
