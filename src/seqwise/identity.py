"""Whether two runs are one: whether the second would have had the result of the first."""

from __future__ import annotations

from typing import Any

from seqwise.errors import CheckpointError, Code, Problem, excerpt

Identity = dict[str, dict[str, Any]]  # JSON values by the name of a part and their own


def check_identity(ours: Identity, theirs: Identity, *, work: str = "training") -> None:
    """Make sure that a run may go on where another was stopped.

    Parameters
    ----------
    ours, theirs
        The digest of the records, the settings and the versions of both runs.
    work
        What the runs do, in a word for messages.

    Raises
    ------
    CheckpointError
        If they differ; it says in what.
    """
    if ours["records"] != theirs["records"]:
        raise CheckpointError(
            _mismatch(f"other records than those of the {work} that was stopped", work)
        )
    differing = [
        f"{name} is {excerpt(value)}, and was {excerpt(was)}"
        for part, values in ours.items()
        for name, value in values.items()
        if value != (was := theirs.get(part, {}).get(name))
    ]
    if differing:
        raise CheckpointError(_mismatch("; ".join(differing), work))


def _mismatch(found: str, work: str) -> Problem:
    expected = f"the file and the settings of the {work} that was stopped"
    remedy = "give the same, or remove this folder to begin anew"
    return Problem(Code.CHECKPOINT_MISMATCH, found, expected, remedy)
