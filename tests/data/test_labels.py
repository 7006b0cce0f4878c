import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.labels import Labels


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (["b", "a", "b"], ("a", "b")),
        (["10", "9", "-1", "2.5"], ("-1", "2.5", "9", "10")),
        ([10, 9, 2], (2, 9, 10)),
        (["x", "10", "9"], ("9", "10", "x")),
        ([True, False], (False, True)),
        (["B", "a"], ("B", "a")),
    ],
)
def test_numbers_stand_in_their_order_and_words_in_theirs(labels, values):
    assert Labels.fit(labels).values == values
    assert Labels.fit(labels[::-1]).values == values


def test_encoding_gives_the_place_of_a_label_and_minus_one_for_others():
    indices = Labels(("a", "b")).encode(["b", "a", "c", ""])
    assert indices.dtype == np.int64
    assert indices.tolist() == [1, 0, -1, -1]


def test_a_label_matches_by_its_spelling():
    assert Labels((1, 2)).encode(["2", 1]).tolist() == [1, 0]
    assert Labels(("1", "2")).encode([2, "1"]).tolist() == [1, 0]


@given(st.lists(st.one_of(st.text(max_size=3).filter(str.isalpha), st.integers()), min_size=1))
def test_decoding_undoes_encoding(values):
    labels = Labels.fit({str(value): value for value in values}.values())
    assert tuple(labels.decode(labels.encode(labels.values))) == labels.values


def test_names_are_what_a_file_holds():
    labels = Labels((1, "x"))
    assert labels.names == ["1", "x"]
    assert len(labels) == 2


def test_no_labels_to_encode():
    assert Labels(("a", "b")).encode([]).tolist() == []


def test_labels_of_one_spelling_are_one_class():
    assert len(Labels.fit([1, "1"])) == 1


def test_a_class_called_nan_does_not_disturb_the_order():
    for size in range(100, 2_000, 100):  # a set of strings has another order in each process
        numbers = [str(number) for number in range(size)]
        values = Labels.fit([*numbers, "nan"]).values
        assert [value for value in values if value != "nan"] == numbers


def test_a_huge_number_is_a_label():
    assert len(Labels.fit([10**400, 1])) == 2


@pytest.mark.parametrize(("label", "spelling"), [(1.0, "1"), (True, "true")])
def test_labels_are_spelled_as_readers_spell_them(label, spelling):
    assert Labels((label,)).encode([spelling]).tolist() == [0]


# Any number of labels a record


def test_sets_of_labels_are_encoded_by_their_spelling():
    labels = Labels.fit([("b", "a"), (), ("10",), ("9", "a")])
    assert (labels.values, labels.multilabel) == (("9", "10", "a", "b"), True)
    table = labels.encode([("a", 9), ("b",), (), ("none", "10")])
    assert table.dtype == bool
    assert table.toarray().astype(int).tolist() == [
        *([1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]),
    ]


def test_labels_that_are_none_of_the_classes():
    assert Labels(("a", "b")).unknown("c") == "c"
    assert Labels(("a", "b")).unknown("a") is None
    labels = Labels(("a", "b"), multilabel=True)
    assert labels.unknown(("a", "c", "d")) == "c"
    assert labels.unknown(("b", "a")) is None
    assert labels.unknown(()) is None


@pytest.mark.parametrize("labels", [Labels(("a", 1)), Labels(("a", 1), multilabel=True)])
def test_labels_come_back_from_json(labels):
    assert Labels.from_json(json.loads(json.dumps(labels.to_json()))) == labels


@pytest.mark.parametrize(
    "values", [None, "ab", {}, {"multilabel": "ab"}, {"multilabel": [], "more": 1}, [["a"]], [None]]
)
def test_other_json_is_refused(values):
    with pytest.raises((TypeError, ValueError)):
        Labels.from_json(values)
