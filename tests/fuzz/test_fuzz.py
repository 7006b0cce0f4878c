"""Damaged files of each format; `benchmarks/fuzz.py` is the long form."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.fuzz.damage import make_damaged, write_files
from tests.fuzz.trial import no_hang, read_all
from tests.fuzz.valid import FORMATS

NUM_FILES = 300


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_file_ends_in_a_result_or_an_error_of_ours(form, tmp_path):
    outcomes = Counter()
    for seed in range(NUM_FILES):
        folder = tmp_path / str(seed)
        path = write_files(make_damaged(form, seed), folder, seed)
        with no_hang():
            outcomes[read_all(path, seed)] += 1
        assert os.listdir(folder) == ["root"]  # nothing was written beside it
    # The damage is neither so small that all files are read nor so large that none are.
    assert outcomes["result"] + outcomes["bad records"] > NUM_FILES / 20
    assert sum(outcomes.values()) - outcomes["result"] > NUM_FILES / 5
    assert len(outcomes) > 4
