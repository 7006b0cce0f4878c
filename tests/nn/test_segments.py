from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.nn import segments
from seqwise.nn.segments import CALL_STEPS, Segment, cut_segments, whole_segments


def cost(cut):
    return sum(CALL_STEPS + (each.stop - each.start) * each.rows for each in cut)


def cheapest(lengths):
    """Try each way of cutting at lengths."""
    stops = sorted(set(lengths))
    best = None
    for chosen in range(2 ** (len(stops) - 1)):
        cuts = [stop for bit, stop in enumerate(stops[:-1]) if chosen >> bit & 1] + stops[-1:]
        starts = [0, *cuts[:-1]]
        rows = [sum(length > start for length in lengths) for start in starts]
        price = cost(map(Segment, starts, cuts, rows))
        best = price if best is None else min(best, price)
    return best


@given(st.lists(st.integers(1, 400), min_size=1, max_size=7))
def test_the_cut_is_the_cheapest_and_misses_no_step(lengths):
    lengths = sorted(lengths, reverse=True)
    cut = cut_segments(np.array(lengths), max_steps=1000)
    assert cost(cut) == cheapest(lengths)
    assert cut[0].start == 0
    assert cut[-1].stop == lengths[0]
    assert all(before.stop == after.start for before, after in pairwise(cut))
    assert all(each.rows == sum(length > each.start for length in lengths) for each in cut)


def test_equal_lengths_are_one_segment():
    assert cut_segments(np.array([9, 9, 9]), max_steps=1000) == [Segment(0, 9, 3)]


def test_no_segment_is_longer_than_asked():
    cut = cut_segments(np.array([1000, 10]), max_steps=300)
    assert cut == [
        Segment(0, 10, 2),
        Segment(10, 310, 1),
        Segment(310, 610, 1),
        Segment(610, 910, 1),
        Segment(910, 1000, 1),
    ]


def test_whole_segments_keep_all_rows():
    assert whole_segments(7, 4, max_steps=5) == [Segment(0, 5, 4), Segment(5, 7, 4)]


def test_little_padding_is_left_of_realistic_lengths():
    random = np.random.default_rng(0)
    drawn = np.exp(random.normal(np.log(64), 0.8, 512)).astype(np.int64).clip(1, 600)
    ordered = np.sort(drawn)[::-1]
    computed = sum(
        (each.stop - each.start) * each.rows
        for start in range(0, 512, 32)
        for each in cut_segments(ordered[start : start + 32], max_steps=1000)
    )
    assert computed <= 1.05 * drawn.sum()


@pytest.mark.parametrize("call_steps", [0, 10**9])
def test_the_price_of_a_call_decides(call_steps, monkeypatch):
    monkeypatch.setattr(segments, "CALL_STEPS", call_steps)
    cut = cut_segments(np.array([5, 4, 1]), max_steps=1000)
    assert len(cut) == (3 if call_steps == 0 else 1)
