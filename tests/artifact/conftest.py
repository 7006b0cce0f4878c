"""One saved model, and copies of it that a test may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seqwise.artifact import save_artifact
from tests.training.examples import make_artifact


@pytest.fixture(scope="package")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_artifact(make_artifact(), folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "model"))
