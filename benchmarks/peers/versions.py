"""Which version of a peer is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def find_version(package: str) -> str | None:
    """Give the version of an installed package, or None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
