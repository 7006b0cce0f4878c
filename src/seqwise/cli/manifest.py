"""What is in a folder of parts, and what of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from seqwise.atomic import write_file
from seqwise.bounded import UNREADABLE, parse_json, read_regular
from seqwise.cli.summary import Summary
from seqwise.errors import CheckpointError, Code, Problem, excerpt
from seqwise.identity import Identity

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Part:
    """A file of rows that follow on those of the part before.

    Parameters
    ----------
    sha256
        Of its content.
    summary
        What its rows have to report.
    """

    sha256: str
    summary: Summary


@dataclass(frozen=True)
class Manifest:
    """The parts of a prediction.

    Parameters
    ----------
    identity
        What the rows follow from.
    parts
        In their order.
    is_whole
        Whether these are all, and have been joined.
    """

    identity: Identity
    parts: tuple[Part, ...]
    is_whole: bool = False

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        values: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "identity": self.identity,
            "is_whole": self.is_whole,
            "parts": [
                {"sha256": part.sha256, "summary": part.summary.to_dict()} for part in self.parts
            ],
        }
        write_file(path, json.dumps(values, indent=1).encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        CheckpointError
            `damaged-checkpoint`, `newer-format`.
        """
        try:
            values = parse_json(read_regular(path))
            version = values["format_version"]
            if version == FORMAT_VERSION:
                parts = [
                    Part(str(each["sha256"]), Summary.from_dict(each["summary"]))
                    for each in values["parts"]
                ]
                return cls(dict(values["identity"]), tuple(parts), bool(values["is_whole"]))
        except (OSError, *UNREADABLE) as error:
            found = excerpt(f"{type(error).__name__}: {error}")
            remedy = "remove its folder to begin anew"
            raise _error(
                path, Code.DAMAGED_CHECKPOINT, found, "what seqwise wrote", remedy
            ) from None
        remedy = "go on with the version of seqwise that wrote it"
        found = f"it has format {excerpt(version)}"
        raise _error(path, Code.NEWER_FORMAT, found, f"{FORMAT_VERSION}", remedy)


def _error(path: Path, code: Code, found: str, expected: str, remedy: str) -> CheckpointError:
    return CheckpointError(Problem(code, found, expected, remedy, path=str(path)))
