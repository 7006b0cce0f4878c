import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.evaluation.distribution import ChannelMoments, describe_lengths


def bars(spread):
    return [(each.low, each.high, each.count) for each in spread.histogram]


def test_numbers_by_hand():
    spread = describe_lengths([1, 2, 3, 4, 10])
    assert (spread.minimum, spread.median, spread.mean, spread.maximum) == (1, 3, 4, 10)
    assert spread.percentile95 == pytest.approx(4 + 0.8 * (10 - 4))


def test_one_length():
    spread = describe_lengths([60, 60])
    assert (spread.minimum, spread.median, spread.percentile95, spread.maximum) == (60,) * 4
    assert bars(spread) == [(60, 60, 2)]


def test_linear_bars_are_round():
    found = bars(describe_lengths([7, 12, 13, 40]))
    assert found[:3] == [(5, 9, 1), (10, 14, 2), (15, 19, 0)]
    assert (len(found), found[-1]) == (8, (40, 44, 1))


@pytest.mark.parametrize(("maximum", "width"), [(11, 1), (12, 2)])
def test_at_most_twelve_linear_bars(maximum, width):
    first = describe_lengths(range(maximum + 1)).histogram[0]
    assert (first.low, first.high) == (0, width - 1)


def test_skewed_lengths_get_bars_that_grow():
    assert bars(describe_lengths([0, 3, 4, 5, 90])) == [
        (0, 0, 1),
        (1, 1, 0),
        (2, 4, 2),
        (5, 9, 1),
        (10, 19, 0),
        (20, 49, 0),
        (50, 99, 1),
    ]


def test_a_long_tail_up_to_a_round_number_is_inside():
    assert bars(describe_lengths([10] * 9 + [100]))[-1] == (100, 199, 1)


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=50))
def test_bars_cover_every_length_once(lengths):
    spread = describe_lengths(lengths)
    assert sum(each.count for each in spread.histogram) == len(lengths)
    for each in spread.histogram:
        assert each.count == sum(each.low <= length <= each.high for length in lengths)
    lows = [each.low for each in spread.histogram[1:]]
    assert lows == [each.high + 1 for each in spread.histogram[:-1]]
    assert spread.histogram[0].low <= min(lengths)
    assert len(spread.histogram) <= 22


def test_to_dict_is_json():
    found = json.loads(json.dumps(describe_lengths([2, 2, 3]).to_dict()))
    assert found["median"] == 2
    assert found["p95"] == pytest.approx(2.9)
    assert (found["min"], found["max"], found["mean"]) == (2, 3, pytest.approx(7 / 3))
    assert found["histogram"] == [
        {"low": 2, "high": 2, "count": 2},
        {"low": 3, "high": 3, "count": 1},
    ]


def test_no_lengths():
    with pytest.raises(ValueError, match="no lengths"):
        describe_lengths([])


def test_moments_equal_those_of_all_steps_together():
    random = np.random.default_rng(0)
    # A mean of 1e8 with a deviation of 1: a sum of squares would have no digit left.
    parts = [random.normal(loc=[0, 1e8], size=(steps, 2)) for steps in (1, 5, 200, 3)]
    moments = ChannelMoments(2)
    for part in parts:
        moments.add(part)
    together = np.concatenate(parts)
    for channel, found in enumerate(moments.summary()):
        values = together[:, channel]
        assert (found.minimum, found.maximum) == (values.min(), values.max())
        assert found.mean == pytest.approx(values.mean(), rel=1e-14, abs=1e-12)
        assert found.std == pytest.approx(values.std(), rel=1e-6)
