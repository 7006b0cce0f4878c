"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path


def write_file(target: Path, content: bytes) -> None:
    """Write a file beside its place and rename it; what a failure leaves is removed.

    Raises
    ------
    OSError
        If it cannot be written; what stood at `target` stands there still.
    """
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        _write_synced(staging, content)
        staging.replace(target)
        _sync_folder(target.parent)
    finally:
        staging.unlink(missing_ok=True)


def write_folder(target: Path, files: dict[str, bytes]) -> None:
    """Write a folder beside its place and rename it; what a failure leaves is removed.

    Parameters
    ----------
    target
        Where the folder goes; one that is there is replaced.
    files
        The bytes of each file by its name.

    Raises
    ------
    OSError
        If something cannot be written; what stood at `target` stands there still.
    """
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    staging.mkdir()
    try:
        for name, content in files.items():
            _write_synced(staging / name, content)
        _sync_folder(staging)
        if target.exists():
            _replace_folder(staging, target)
        else:
            staging.rename(target)
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_folder(staging: Path, target: Path) -> None:
    """Put a folder in another's place; the old one steps aside, and back if that fails."""
    retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        target.rename(retired / target.name)
        try:
            staging.rename(target)
        except BaseException:
            (retired / target.name).rename(target)
            raise
    finally:
        if target.exists():
            shutil.rmtree(retired, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
