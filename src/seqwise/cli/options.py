"""What the commands share: what the user says of a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileOptions:
    """How a file is to be read; None where the user leaves it open.

    Parameters
    ----------
    kind, format, sequence, label, labels_from, label_separator
        As the options of the same names.
    """

    kind: str | None = None
    format: str | None = None
    sequence: str | None = None
    label: str | None = None
    labels_from: str | None = None
    label_separator: str | None = None
