import pytest

from seqwise.data.fingerprint import fingerprint
from seqwise.evaluation.duplicates import Duplicates, Repeats


def repeats_of(*pairs):
    repeats = Repeats()
    for sequence, label in pairs:
        repeats.add(fingerprint(sequence, "text"), label)
    return repeats


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], (0, 0, 0)),
        ([("x", "a"), ("y", "a")], (0, 0, 0)),
        ([("x", "a"), ("x", "a"), ("x", "a")], (2, 1, 0)),
        ([("x", "a"), ("x", "b"), ("y", "a"), ("y", "a")], (2, 2, 1)),
        ([("x", "a"), ("x", "b"), ("x", "a"), ("x", "c")], (3, 1, 1)),
        ([("x", "a"), ("x", None)], (1, 1, 0)),
        ([("x", None), ("x", "a"), ("x", "b")], (2, 1, 1)),
        ([("x", None), ("x", "b"), ("x", "b")], (2, 1, 0)),
    ],
)
def test_duplicates_and_contradictions(pairs, expected):
    assert repeats_of(*pairs).summary() == Duplicates(*expected)


def test_fingerprints_of_what_was_added():
    assert repeats_of(("x", "a"), ("x", "b"), ("y", "a")).fingerprints == {
        fingerprint("x", "text"),
        fingerprint("y", "text"),
    }
