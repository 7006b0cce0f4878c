from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.sampler import BucketSampler, cut_batches

all_lengths = st.lists(st.integers(1, 60), max_size=40)
budgets = st.tuples(st.integers(1, 9), st.integers(1, 200))


def sampler(lengths, batch_size=4, batch_steps=100, seed=0):
    return BucketSampler(
        np.array(lengths, dtype=np.int64),
        batch_size=batch_size,
        batch_steps=batch_steps,
        seed=seed,
    )


def as_lists(batches):
    return [batch.tolist() for batch in batches]


def assert_within_budget(batches, lengths, batch_size, batch_steps):
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        padded_steps = len(batch) * max(lengths[index] for index in batch)
        assert padded_steps <= batch_steps or len(batch) == 1


@given(all_lengths, budgets, st.integers(0, 5))
def test_each_sequence_once_within_the_budget(lengths, budget, epoch):
    batches = as_lists(sampler(lengths, *budget).batches(epoch))
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    assert_within_budget(batches, lengths, *budget)


@given(all_lengths.map(sorted), budgets)
def test_cutting_keeps_the_order_and_the_budget(lengths, budget):
    batch_size, batch_steps = budget
    cut = cut_batches(np.array(lengths), batch_size=batch_size, batch_steps=batch_steps)
    batches = as_lists(cut)
    assert list(chain.from_iterable(batches)) == list(range(len(lengths)))
    assert_within_budget(batches, lengths, *budget)
    # No batch could have taken in the next sequence.
    for batch, following in pairwise(batches):
        is_full = len(batch) == batch_size
        assert is_full or (len(batch) + 1) * lengths[following[0]] > batch_steps


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([5], [[0]]),
        ([2, 2, 2, 2], [[0, 1, 2], [3]]),
        ([5, 5, 5], [[0, 1], [2]]),
        ([1, 9, 9], [[0], [1], [2]]),
        ([3, 50, 60], [[0], [1], [2]]),
        ([9, 1, 1], [[0], [1, 2]]),
    ],
)
def test_batches_by_hand(lengths, expected):
    cut = cut_batches(np.array(lengths, dtype=np.int64), batch_size=3, batch_steps=10)
    assert as_lists(cut) == expected


def test_a_sequence_beyond_the_budget_stands_alone():
    batches = as_lists(sampler([1, 2, 500, 3], batch_steps=100).batches(0))
    assert [2] in batches


def test_batches_are_a_function_of_seed_and_epoch():
    lengths = np.random.default_rng(0).integers(1, 50, 100)
    first = sampler(lengths)
    for _ in range(3):
        first.batches(7)
    assert as_lists(first.batches(2)) == as_lists(sampler(lengths).batches(2))


def test_epochs_and_seeds_have_other_batches():
    lengths = np.random.default_rng(0).integers(1, 50, 100)
    orders = [
        sampler(lengths, seed=seed).batches(epoch) for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    mates = [{frozenset(batch.tolist()) for batch in batches} for batches in orders]
    assert as_lists(orders[0]) != as_lists(orders[1]) != as_lists(orders[2])
    assert mates[0] != mates[1] != mates[2]


def test_batches_of_all_lengths_are_mixed():
    lengths = np.arange(1, 401)
    longest = [lengths[batch].max() for batch in sampler(lengths, batch_steps=10_000).batches(0)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.4


def test_the_callers_random_numbers_are_left_alone():
    np.random.seed(3)  # noqa: NPY002 - the global state is the point
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    sampler([3, 1, 2]).batches(0)
    assert np.random.random() == expected  # noqa: NPY002


def test_little_padding_where_lengths_differ_much():
    random = np.random.default_rng(0)
    lengths = np.maximum(1, np.exp(random.normal(4, 1, 25_000))).astype(np.int64)
    batches = sampler(lengths, batch_size=32, batch_steps=16_384).batches(0)
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert 1 - lengths.sum() / padded <= 0.05
