"""What the commands share: what the user says of a file, and the exit code of an error."""

from __future__ import annotations

from dataclasses import dataclass

USAGE_ERROR = 2  # the exit code where the user can do something about it


@dataclass(frozen=True)
class FileOptions:
    """How a file is to be read; None where the user leaves it open.

    Parameters
    ----------
    kind, format, sequence, label, labels_from
        As the options of the same names.
    """

    kind: str | None = None
    format: str | None = None
    sequence: str | None = None
    label: str | None = None
    labels_from: str | None = None
