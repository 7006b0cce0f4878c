import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.store import ChainedStore, RaggedStore

IDS = [np.array([4, 5, 6], dtype=np.int32), np.array([7], dtype=np.int32)]


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=6))
def test_sequences_come_back_as_they_were(sequences):
    store = RaggedStore.from_arrays([np.array(each) for each in sequences])
    assert len(store) == len(sequences)
    assert [store[index].tolist() for index in range(len(store))] == sequences
    assert store.lengths.tolist() == [len(each) for each in sequences]


def test_no_padding_is_kept():
    store = RaggedStore.from_arrays(IDS)
    assert store.values.tolist() == [4, 5, 6, 7]
    assert store.values.dtype == np.int32
    assert store.offsets.dtype == np.int64


def test_channels_stay_together():
    store = RaggedStore.from_arrays([np.ones((2, 3)), np.zeros((1, 3))])
    assert store.values.shape == (3, 3)
    assert store[1].shape == (1, 3)


def test_a_sequence_is_a_view():
    store = RaggedStore.from_arrays(IDS)
    assert np.shares_memory(store[0], store.values)


def test_beyond_the_end_there_is_nothing():
    store = RaggedStore.from_arrays(IDS)
    with pytest.raises(IndexError):
        store[2]
    assert [each.tolist() for each in store] == [[4, 5, 6], [7]]


def test_counting_from_the_end_gives_no_wrong_sequence():
    try:
        assert RaggedStore.from_arrays(IDS)[-1].tolist() == [7]
    except IndexError:
        return


# Several stores


@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_chained_stores_are_one(groups):
    parts = [RaggedStore.from_arrays([np.array(each) for each in group]) for group in groups]
    expected = [each for group in groups for each in group]
    for store in (ChainedStore(parts), RaggedStore.joined(parts)):
        assert len(store) == len(expected)
        assert [each.tolist() for each in store] == expected
        assert store.lengths.tolist() == list(map(len, expected))
        assert store.lengths.dtype == np.int64


def test_chained_stores_stay_where_they_are():
    part = RaggedStore.from_arrays(IDS)
    chained = ChainedStore([part, part])
    assert np.shares_memory(chained[3], part.values)
    for index in (-1, 4):
        with pytest.raises(IndexError):
            chained[index]
