import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.fingerprint import fingerprint, number_equal

ids = st.lists(st.text(min_size=1, max_size=3), max_size=4)
rows = st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5]), min_size=1, max_size=6)


def same(first, second, kind):
    return fingerprint(first, kind) == fingerprint(second, kind)


@given(st.text("abAB ", max_size=3), st.text("abAB ", max_size=3))
def test_text_is_equal_only_to_itself(first, second):
    assert same(first, second, "text") == (first == second)


@given(st.text("ACGTUacgtu-.", max_size=3), st.text("ACGTUacgtu-.", max_size=3))
def test_dna_knows_no_case_and_reads_u_as_t(first, second):
    def canonical(sequence):
        return [{"U": "T", ".": "-"}.get(letter, letter) for letter in sequence.upper()]

    assert same(first, second, "dna") == (canonical(first) == canonical(second))


@given(st.text("TUtu", max_size=3), st.text("TUtu", max_size=3))
def test_protein_keeps_selenocysteine_apart(first, second):
    assert same(first, second, "protein") == (first.upper() == second.upper())


@given(ids, ids)
def test_events_are_equal_as_lists(first, second):
    assert same(first, second, "events") == (first == second)


@given(st.lists(st.integers(0, 20), min_size=1))
def test_events_are_equal_as_list_and_as_cell(events):
    names = [str(event) for event in events]
    assert same(events, names, "events")
    assert same("  ".join(names) + "\n", names, "events")
    assert not same([*events, 0], names, "events")


@given(rows, rows)
def test_series_are_equal_by_value(first, second):
    assert same(np.array(first), np.array(second), "series") == (first == second)  # -0.0 == 0.0


def test_series_are_equal_by_shape():
    values = np.arange(6.0)
    assert same(values, values[:, np.newaxis], "series")
    assert same(values.reshape(3, 2), np.asfortranarray(values.reshape(3, 2)), "series")
    assert same(values, values.astype(np.int16), "series")
    assert not same(values.reshape(3, 2), values.reshape(2, 3), "series")
    assert not same(values.reshape(3, 2), values, "series")


def test_ids_do_not_run_together():
    assert not same(["ab", "c"], ["a", "bc"], "events")
    assert not same(["a b"], ["a", "b"], "events")
    assert not same(['a", "b'], ["a", "b"], "events")


def test_fingerprint_is_16_bytes_and_survives_broken_text():
    assert len(fingerprint("a", "text")) == 16
    assert not same("\udcff", "\udcfe", "text")


def test_unknown_kind():
    with pytest.raises(ValueError, match="music"):
        fingerprint("a", "music")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_equal_marks_are_numbered_by_the_first_of_them(pairs):
    marks = np.array(pairs, dtype=np.uint64).reshape(-1, 2)
    assert number_equal(marks).tolist() == [pairs.index(pair) for pair in pairs]
