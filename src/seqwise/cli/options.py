"""What the user says of a file, on its way from the options to the readers."""

from __future__ import annotations

from dataclasses import dataclass


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
