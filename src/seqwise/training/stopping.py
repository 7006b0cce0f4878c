"""Going through a run in such a way that it can be stopped, and go on later."""

from __future__ import annotations

import time
from collections.abc import Iterator

from seqwise.bounded import UNREADABLE
from seqwise.errors import CheckpointError, Problem, ProcessError, excerpt
from seqwise.interruption import Stopped, StopRequest
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.distribution import World
from seqwise.training.interface import Run
from seqwise.training.reports import EpochReport
from seqwise.training.state import State


def go_on(run: Run, checkpoints: Checkpoints) -> tuple[bool, list[Problem]]:
    """Bring a run to where the last checkpoint that is whole was written.

    Returns
    -------
    tuple
        Whether there was one; and what is wrong with later ones.

    Raises
    ------
    CheckpointError
        If all are damaged, or if they are those of a training of something else.
    """
    world = run.world
    state: State | None = None
    problems: list[Problem] = []
    with world.together():
        if world.is_first:
            state, problems = checkpoints.read(run.largest_state)
    state = _as_in_first(world, state)
    with world.together():
        if state is not None:
            _restore(run, state, checkpoints)
    return state is not None, problems


def _as_in_first(world: World, state: State | None) -> State | None:
    """Give the state that the first process has, which alone needs a folder of checkpoints."""
    if world.size == 1:
        return state
    values, tensors = state.to_bytes() if state else (b"", b"")
    values, tensors = world.broadcast(values), world.broadcast(tensors)
    return State.from_bytes(values, tensors) if values else None


def _restore(run: Run, state: State, checkpoints: Checkpoints) -> None:
    try:
        run.restore(state)
    except CheckpointError as error:
        raise CheckpointError(error.problem.at(path=str(checkpoints.folder))) from None
    except UNREADABLE as error:
        checkpoints.fail_damaged(excerpt(f"{type(error).__name__}: {error}"))


def keep_checkpoints(
    run: Run, checkpoints: Checkpoints, stop: StopRequest, *, seconds: float
) -> Iterator[EpochReport]:
    """Go through a run and write a checkpoint every now and then.

    Parameters
    ----------
    run
        What to iterate over.
    checkpoints
        Where to write.
    stop
        Entered; looked at after each step.
    seconds
        Time between two checkpoints; 0 writes one after each step.

    Raises
    ------
    Stopped
        If a signal came to one of the processes; a checkpoint has been written then.
    ProcessError
        If another process has gone; a checkpoint has been written then, too.
    CheckpointError
        If a checkpoint cannot be written.
    """
    world, written = run.world, time.monotonic()
    steps = run.steps()
    try:
        for report in steps:
            is_due = world.is_first and time.monotonic() - written >= seconds
            number, write = world.largest(stop.signal or 0, int(is_due))
            stop.grant(number)
            if write:
                with world.together():
                    _write(run, checkpoints)
                written = time.monotonic()
            if report is not None:
                yield report
        stop.grant(*world.largest(stop.signal or 0))  # before the result is put together
    except (Stopped, ProcessError):
        # Not together: who knows who is there still, and at which step.
        _write(run, checkpoints)
        raise


def _write(run: Run, checkpoints: Checkpoints) -> None:
    if run.world.is_first:
        checkpoints.write(run.state())
