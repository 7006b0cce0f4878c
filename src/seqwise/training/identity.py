"""Whether two runs are one: whether the second would have had the result of the first."""

from __future__ import annotations

from typing import Any

from seqwise.errors import CheckpointError, Code, Problem, excerpt

Identity = dict[str, dict[str, Any]]  # JSON values by the name of a part and their own


def check_identity(ours: Identity, theirs: Identity) -> None:
    """Make sure that a run may go on where another was stopped.

    Parameters
    ----------
    ours, theirs
        The digest of the records, the settings and the versions of both runs.

    Raises
    ------
    CheckpointError
        If they differ; it says in what.
    """
    if ours["records"] != theirs["records"]:
        raise CheckpointError(
            _mismatch("other records than those of the training that was stopped")
        )
    differing = [
        f"{name} is {excerpt(value)}, and was {excerpt(theirs[part].get(name))}"
        for part, values in ours.items()
        for name, value in values.items()
        if value != theirs[part].get(name)
    ]
    if differing:
        raise CheckpointError(_mismatch("; ".join(differing)))


def _mismatch(found: str) -> Problem:
    expected = "the file and the settings of the training that was stopped"
    remedy = "give the same, or remove the checkpoints to begin anew"
    return Problem(Code.CHECKPOINT_MISMATCH, found, expected, remedy)
