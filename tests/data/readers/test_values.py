import numpy as np
import pytest

from seqwise.data.readers.values import check_label, check_text, describe, name_of
from seqwise.errors import Code


@pytest.mark.parametrize("label", [None, "", "  ", float("nan"), np.float32("nan")])
def test_missing_labels(label):
    assert check_label(label).code is Code.MISSING_LABEL


@pytest.mark.parametrize("label", [["a"], ("a", "b"), np.array([1, 2])])
def test_labels_for_each_step(label):
    problem = check_label(label)
    assert problem.code is Code.LABEL_PER_STEP
    assert problem.expected == "one label a sequence, not one a step"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Up ", "Up "),
        (1, "1"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (True, "true"),
        (np.bool_(False), "false"),
        (np.int8(3), "3"),
        (np.str_("a"), "a"),
        (np.float64(2), "2"),
        (float("inf"), "inf"),
    ],
)
def test_labels_become_strings(label, name):
    assert check_label(label) == name
    assert type(check_label(label)) is str
    assert name_of(label) == name


def test_labels_of_other_types():
    assert check_label({"a": 1}).code is Code.WRONG_TYPE
    assert check_label(b"a").code is Code.WRONG_TYPE
    assert check_label("a\x00").code is Code.NUL_BYTE
    assert check_label("\ud800").found == "half of a surrogate pair, U+D800, at character 1"


def test_text():
    assert check_text("plain") is None
    assert check_text("é 😀") is None
    assert check_text("éa\udcffb").found == "byte 0xff at character 3"


def test_descriptions():
    assert describe(np.zeros((2, 3))) == "an array of float64 of shape (2, 3)"
    assert describe((1, 2)) == "a tuple of 2"
    assert describe(3.5) == "the number 3.5"
    assert describe(object()) == "a value of type object"
