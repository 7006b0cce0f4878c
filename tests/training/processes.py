"""Processes that have met, and what each of them does and sees: a program that tests start.

    python -m tests.training.processes SIZE FOLDER

Each process writes what it has seen as FOLDER/RANK.json. They are forks of this program, which has
imported torch and computed nothing: torchrun would import it once for each. The last of them goes
in the end without a word.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import torch._dynamo  # isort: skip - here once, and not in each fork; the optimizer imports it

from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.errors import Code, ConfigError, Problem, SeqwiseError
from seqwise.interruption import Stopped, StopRequest
from seqwise.training import loop
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.distribution import World, join_world
from seqwise.training.gathering import gather
from seqwise.training.pretraining import PretrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.stopping import go_on, keep_checkpoints
from seqwise.training.unlabelled import prepare_unlabelled, unlabelled
from tests.training.examples import SMALL, Task, make_refit_run, make_store

NEVER = 1e9
CHANCE = {"token_dropout": 0.2, "window": 5, "seed": 1}
UNEVEN = {**CHANCE, "batch_size": 4, "class_weight": "balanced"}
PRETRAINED = {"device": "cpu", "epochs": 2, "batch_size": 13, "learning_rate": 1e-3}
REFITTED = {
    **CHANCE,
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.02,
    "average_decay": 0.8,
}


def uneven_task(**shape: Any) -> Task:
    """A task whose last batch in order of length has one record: fewer than processes."""
    return Task(make_store(41, seed=1, length=12), make_store(11, seed=2), shape)


def weights(model: torch.nn.Module) -> list[float]:
    return torch.cat([each.flatten() for each in model.state_dict().values()]).tolist()


def trained(world: World, workers: int = 0, **shape: Any) -> Any:
    training = uneven_task(**shape).start(world=world, workers=workers, **UNEVEN)
    reports = [report.to_dict() | {"seconds": 0, "steps_per_second": 0} for report in training]
    return weights(training.model), reports


def read(world: World) -> Any:
    """What each process reads in an epoch: the records of each batch, and how large it is."""
    loader = uneven_task().start(world=world, **{**UNEVEN, "token_dropout": 0.0})._loader
    shares = list(loader.load(0, loader.batches(0), 0))
    return [
        (
            [] if share.is_idle else rows(share.batch),
            share.num_records,
            share.num_steps,
        )
        for share in shares
    ]


def rows(batch: Any) -> list[Any]:
    return [
        (inputs[:length].tolist(), target)
        for inputs, length, target in zip(
            batch.inputs, batch.lengths.tolist(), batch.targets.tolist(), strict=True
        )
    ]


def seeds(world: World) -> list[int]:
    """What the chance inside the model is drawn from, in an epoch."""
    used: list[int] = []
    with patch.object(loop, "seed_device", lambda device, seed: used.append(seed)):
        list(uneven_task().start(world=world, **{**UNEVEN, "epochs": 1}))
    return used


def refitted(world: World) -> Any:
    run = make_refit_run(world=world, **REFITTED)
    list(run)
    return weights(run.artifact().model)


def balanced(world: World) -> Any:
    run = make_refit_run(world=world, **REFITTED, class_weight="auto")
    list(run)
    tried = [[trial.class_weight, trial.macro_f1] for trial in run.trials]
    return weights(run.artifact().model), tried, run.config.class_weight


def pretrained(world: World) -> Any:
    """A vocabulary of which most batches have a few tokens only; the last one has one record."""
    sequences = [[f"e{number}" for number in range(80 * n, 80 * n + 80)] for n in range(30)]
    wishes = Wishes.sorted({**SMALL, **PRETRAINED})
    records = [Record(sequence, None, n) for n, sequence in enumerate(sequences, start=1)]
    gathered = gather(unlabelled(lambda: records), Kind.EVENTS, skip_bad=False)
    run = PretrainingRun(prepare_unlabelled(gathered, Kind.EVENTS, wishes), wishes, world=world)
    losses = [[report.train_loss, report.valid.loss] for report in run]
    return weights(run.training.best_model()), losses


def stopped_and_gone_on(world: World) -> Any:
    """Only the last process is told to stop; only the first has a folder."""
    run = make_refit_run(world=world, **REFITTED)
    said: list[Any] = []
    with (
        StopRequest(lambda: run.current.progress.validating) as stop,
        Checkpoints(f"of-{world.rank}") as checkpoints,
    ):
        try:
            for report in keep_checkpoints(run, checkpoints, stop, seconds=NEVER):
                if report.epoch == 2 and world.rank == world.size - 1:
                    os.kill(os.getpid(), signal.SIGTERM)
        except Stopped as stopped:
            said = [stopped.signal, run.place()]
        found = len(checkpoints._numbers())
        again = make_refit_run(world=world, **REFITTED)
        went_on, _ = go_on(again, checkpoints)
        list(again)
        checkpoints.remove()
    return said, found, went_on, weights(again.artifact().model)


def told(world: World) -> Any:
    content = bytes([world.rank] * world.rank)
    return (
        [list(each) for each in world.gather(content)],
        world.mean(2.0**world.rank),
        world.largest(world.rank, -world.rank),
        world.as_in_first({"rank": world.rank}),
    )


def caught(act: Callable[[], Any]) -> Any:
    try:
        act()
    except SeqwiseError as error:
        return type(error).__name__, str(error)
    return None


def failed_in_one(world: World) -> Any:
    problem = Problem(Code.BAD_FORMAT, f"in {world.rank}", "nothing", "none", path="ü.csv", line=3)

    def act() -> None:
        with world.together():
            if world.rank == 1:
                raise ConfigError(problem, others=[problem] * 2, count=7)

    return caught(act)


def differing(world: World) -> Any:
    run = make_refit_run(world=world, **{**REFITTED, "seed": int(world.rank == 1)})
    return caught(run.steps)


def diverged_in_one(world: World) -> Any:
    training = uneven_task().start(world=world, **UNEVEN)
    if world.rank == 1:
        training.objective._weights = torch.full((2,), torch.nan)
    return caught(lambda: list(training))


def lost(world: World) -> Any:
    """The last process goes in the second epoch; the first one writes where that was."""
    run = make_refit_run(world=world, **REFITTED)
    with (
        StopRequest(lambda: run.current.progress.validating) as stop,
        Checkpoints(f"lost-{world.rank}") as checkpoints,
    ):
        reports = keep_checkpoints(run, checkpoints, stop, seconds=NEVER)
        next(reports)
        if world.rank == world.size - 1:
            os._exit(0)
        error = caught(lambda: list(reports))
        return error, len(checkpoints._numbers())


def act(world: World) -> dict[str, Any]:
    return {
        "trained": trained(world),
        "trained with workers": trained(world, workers=2),
        "read": read(world),
        "dropped": [trained(world, dropout=0.5) for _ in range(2)],
        "seeds": seeds(world),
        "refitted": refitted(world),
        "balanced": balanced(world),
        "pretrained": pretrained(world),
        "stopped": stopped_and_gone_on(world),
        "told": told(world),
        "failed in one": failed_in_one(world),
        "differing": differing(world),
        "diverged in one": diverged_in_one(world),
    }


def main(size: int, folder: Path) -> None:
    os.chdir(folder)
    torch.set_num_threads(1)
    store = torch.distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    os.environ |= {
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    forks = []
    for rank in range(size):
        forks.append(os.fork())
        if forks[-1] == 0:
            os.environ["RANK"] = str(rank)
            with join_world() as world:
                seen = act(world)
                Path(f"{rank}.json").write_text(json.dumps(seen))
                seen["lost"] = lost(world)
                Path(f"{rank}.json").write_text(json.dumps(seen))
                os._exit(0)
    codes = [os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) for fork in forks]
    sys.exit(max(map(abs, codes)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
