"""Damaged files of each format, found by hypothesis; `benchmarks/fuzz.py` is the long form."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import make_damaged, write_files
from tests.fuzz.trial import no_hang, read_all
from tests.fuzz.valid import FORMATS

NUM_FILES = 300


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_file_ends_in_a_result_or_an_error_of_ours(form):
    outcomes = Counter()

    @settings(max_examples=NUM_FILES, derandomize=True)
    @given(st.randoms() | st.randoms(use_true_random=True))  # to make small, and to be unlike
    def try_one(random: Random) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = write_files(make_damaged(form, random), Path(folder), random)
            with no_hang():
                outcomes[read_all(path, random)] += 1
            assert os.listdir(folder) == ["root"]  # nothing was written beside it

    try_one()
    # The damage is neither so small that all files are read nor so large that none are.
    num_files = outcomes.total()
    assert outcomes["result"] + outcomes["bad records"] > num_files / 20
    assert num_files - outcomes["result"] > num_files / 5
    assert len(outcomes) > 3
