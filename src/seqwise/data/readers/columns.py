"""Which column holds the sequences and which the labels."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqwise.errors import Code, DataError, Problem, excerpt

if TYPE_CHECKING:
    from seqwise.data.readers.interface import Wanted

SEQUENCE_NAMES = frozenset(
    {
        *("text", "message", "sentence", "question", "review", "document", "content"),
        *("sequence", "seq", "smiles"),
        *("series", "signal", "waveform"),
        *("tokens", "events"),
    }
)
LABEL_NAMES = frozenset(
    ["label", "labels", "class", "category", "target", "y", "intent", "sentiment"]
)


def choose_columns(
    columns: Sequence[str],
    wanted: Wanted,
    path: str,
    line: int | None = None,
    sequence_names: frozenset[str] = SEQUENCE_NAMES,
) -> tuple[str, str | None]:
    """Find the columns that the user named, or those that names give away.

    Parameters
    ----------
    columns
        All columns of the file.
    wanted
        The user's wishes.
    path, line
        Where the names stand, for messages.
    sequence_names
        Names that tell the column of the sequences.

    Returns
    -------
    tuple
        The column of the sequences, and that of the labels: None where there is none and none is
        required.

    Raises
    ------
    DataError
        `duplicate-header`, `column-missing` or `column-unclear`.
    """
    refuse_duplicates(columns, path, line)
    sequence, label = wanted.sequence, wanted.label
    for name in (sequence, label):
        if name is not None and name not in columns:
            raise DataError(missing_column(name, columns, path, line))
    if sequence is None:
        sequence = _by_name(columns, sequence_names, label, "sequence", path, line)
    if label is None:
        required = wanted.label_required
        label = _by_name(columns, LABEL_NAMES, sequence, "label", path, line, required=required)
    if sequence is None:
        sequence = _the_other(columns, label)
    if label is None and wanted.label_required and sequence is not None:
        label = _the_other(columns, sequence)
    if sequence is None:
        raise DataError(_unclear("sequence", "no known name", columns, path, line))
    if label is None and wanted.label_required:
        raise DataError(_unclear("label", "no known name", columns, path, line))
    if sequence == label:
        found = f"{excerpt(sequence)} as both sequence and label"
        raise DataError(_unclear("label", found, columns, path, line))
    return sequence, label


def refuse_duplicates(columns: Sequence[str], path: str, line: int | None = None) -> None:
    """Raise where two columns have one name; columns without a name are let be.

    Raises
    ------
    DataError
        `duplicate-header`.
    """
    named = [name for name in columns if name]
    if len(named) == len(set(named)):
        return
    twice, count = Counter(named).most_common(1)[0]
    raise DataError(
        Problem(
            Code.DUPLICATE_HEADER,
            f"{count} columns named {excerpt(twice)}",
            "each name once",
            "rename or drop one of them",
            path=path,
            line=line,
        )
    )


def missing_column(
    name: str, columns: Sequence[str], path: str, line: int | None = None
) -> Problem:
    """Say that a column is not there, and which one may have been meant."""
    folded = {column.casefold(): column for column in columns}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {excerpt(folded[near[0]])}? " if near else ""
    return Problem(
        Code.COLUMN_MISSING,
        f"no column {excerpt(name)}",
        f"one of {listed(columns)}",
        f"{hint}Name it with --sequence or --label" if near else "name it (--sequence, --label)",
        path=path,
        line=line,
    )


def listed(columns: Sequence[str], most: int = 10) -> str:
    """List the first column names.

    Examples
    --------
    >>> listed(["text", "label"])
    "'text', 'label'"
    """
    names = ", ".join(map(excerpt, columns[:most]))
    return f"{names} and {len(columns) - most} more" if len(columns) > most else names


def _by_name(
    columns: Sequence[str],
    known: frozenset[str],
    taken: str | None,
    role: str,
    path: str,
    line: int | None,
    *,
    required: bool = True,
) -> str | None:
    matches = [name for name in columns if name.strip().casefold() in known and name != taken]
    if len(matches) > 1 and not required:
        return None
    if len(matches) > 1:
        found = f"{len(matches)} columns that may hold the {role} ({listed(matches)})"
        raise DataError(_unclear(role, found, columns, path, line))
    return matches[0] if matches else None


def _the_other(columns: Sequence[str], known: str | None) -> str | None:
    """Give the only column that is left once one is known."""
    others = [name for name in columns if name != known]
    return others[0] if len(others) == 1 else None


def _unclear(role: str, found: str, columns: Sequence[str], path: str, line: int | None) -> Problem:
    return Problem(
        Code.COLUMN_UNCLEAR,
        found,
        f"a header that tells which of {listed(columns)} holds the {role}",
        f"name it (--{role} COLUMN)",
        path=path,
        line=line,
    )
