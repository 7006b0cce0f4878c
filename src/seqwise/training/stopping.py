"""Going through a run in such a way that it can be stopped, and go on later."""

from __future__ import annotations

import time
from collections.abc import Iterator

from seqwise.errors import CheckpointError, Problem
from seqwise.interruption import Stopped, StopRequest
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.reports import EpochReport
from seqwise.training.run import TrainingRun


def go_on(run: TrainingRun, checkpoints: Checkpoints) -> tuple[bool, list[Problem]]:
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
    state, problems = checkpoints.read()
    if state is not None:
        try:
            run.restore(state)
        except CheckpointError as error:
            path = str(checkpoints.folder)
            raise CheckpointError(error.problem.at(path=path)) from None
    return state is not None, problems


def keep_checkpoints(
    run: TrainingRun, checkpoints: Checkpoints, stop: StopRequest, *, seconds: float
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
        If a signal came; a checkpoint has been written then.
    CheckpointError
        If a checkpoint cannot be written.
    """
    written = time.monotonic()
    try:
        for report in run.steps():
            stop.grant()
            if time.monotonic() - written >= seconds:
                checkpoints.write(run.state())
                written = time.monotonic()
            if report is not None:
                yield report
    except Stopped:
        checkpoints.write(run.state())
        raise
