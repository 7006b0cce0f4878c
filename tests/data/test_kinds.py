import numpy as np
import pandas
import pytest

from seqwise.data.kinds import Kind, check_sequence, guess_kind
from seqwise.errors import Code, DataError, Problem

DNA = ["ACGTTGCATNACGT", "acgtuacgugg", "ACGRTACGTTACGT"]
PROTEIN = ["MKVLAAGIVGLLLAQWERTY", "MSTNPKPQRKTKRNTNRRPQ*"]


@pytest.mark.parametrize(
    ("samples", "column", "kind"),
    [
        (DNA, None, Kind.DNA),
        (["  ACGTACGTAC "], None, Kind.DNA),
        (PROTEIN, None, Kind.PROTEIN),
        ([*DNA * 20, "ACGX!"], None, Kind.DNA),
        (["Adsit", "Ajdrna", "Cap", "Bacon"], "text", Kind.TEXT),
        (["ACT", "TAG", "CAT"], "text", Kind.TEXT),
        (["ACGTACGTAC------GTACGTAC", "acgt....acgtac"], None, Kind.DNA),
        (["----------------", "...------......."], "text", Kind.PROTEIN),
        (["BRYSWKMBDHVRYSWKM"], None, Kind.PROTEIN),
        (["win cash now", "hello"], "text", Kind.TEXT),
        (["42 is the answer", "7", "no"], "text", Kind.TEXT),
        (["4 17 4", "292 291"], None, Kind.EVENTS),
        (["4 17 4", "292 291"], "signal", Kind.SERIES),
        (["0.5 1 2", "3 4 5"], None, Kind.SERIES),
        (["-1 3 5"], None, Kind.SERIES),
        (["[0.5, 1]", "[2.5]"], None, Kind.SERIES),
        (["[[1.5, 2], [3, 4]]"], None, Kind.SERIES),
        (["[1, 2]"], "api_calls", Kind.EVENTS),
        (["4 " * 5000 + "17"], None, Kind.EVENTS),
        ([[0.5, 1.5]], None, Kind.SERIES),
        ([np.zeros(3)], None, Kind.SERIES),
        ([np.zeros((3, 2), dtype=int)], None, Kind.SERIES),
        ([[[1, 2], [3, 4]]], None, Kind.SERIES),
        ([np.array([1, -2], dtype=np.int16)], None, Kind.SERIES),
        ([[1, 2]], "Waveform", Kind.SERIES),
        ([[1, 2], [3]], "event_ids", Kind.EVENTS),
        ([["open", "read"], ["close"]], None, Kind.EVENTS),
        (["", "  ", "word"], None, Kind.TEXT),
        ([*[["open", "read"]] * 19, [1, 2]], None, Kind.EVENTS),
        ([*[[0.5, 1.5], [1, 2]] * 10, ["a"]], None, Kind.SERIES),
        ([*[[[1.5, 2], [3, 4]]] * 19, [1.5, 2]], None, Kind.SERIES),
        ([*[[1, 2]] * 19, ["a", 1]], "events", Kind.EVENTS),
        ([*["a word"] * 19, ["a"]], None, Kind.TEXT),
        ([*[[0.5]] * 19, "a word"], None, Kind.SERIES),
        ([*[[0.5]] * 19, 5], None, Kind.SERIES),
        ([[None, 0.5], [None]] + [[1.5]] * 18, None, Kind.SERIES),
    ],
)
def test_guesses(samples, column, kind):
    guessed, reason = guess_kind(samples, column)
    assert guessed is kind
    assert reason


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        (["acg", "ACGTT"], Kind.DNA),
        (["mkvlwa", "GLFDIV"], Kind.PROTEIN),
        (["mkvlwaalltflagcqakveqa"], Kind.PROTEIN),
    ],
)
def test_molecules_may_be_short_and_in_small_letters(samples, kind):
    assert guess_kind(samples, None, of_molecules=True)[0] is kind
    assert guess_kind(samples, None)[0] is Kind.TEXT


def test_molecules_are_no_text():
    with pytest.raises(DataError, match="neither DNA, RNA nor proteins"):
        guess_kind(["a word", "and another"], None, of_molecules=True)


def test_the_reason_tells_plain_letters_from_codes():
    assert guess_kind(DNA[:2], None)[1] == "letters are A C G T U N only"
    assert "IUPAC" in guess_kind(DNA, None)[1]


@pytest.mark.parametrize(
    ("samples", "column"),
    [
        ([], None),
        (["", " "], None),
        ([[]], None),
        (["a", [1.5]], None),
        ([[1, 2], [3]], None),
        ([[1, 2], [3]], "numbers"),
        (["[1, 2]"], None),
        ([["a", 1]], None),
        ([[{"a": 1}]], None),
        ([{"a": 1}, 5], None),
        ([*[["open", "read"]] * 9, [1, 2]], None),
        ([*[[0.5]] * 9, [[0.5, 1]]], None),
        ([*["a word"] * 9, ["a"]], None),
        (["1", "2"], None),
        ([*DNA * 2, "some words", "more words"], None),
        (["1 2", "3 4", "words"], None),
    ],
)
def test_no_guess_where_it_is_not_safe(samples, column):
    with pytest.raises(DataError, match="--kind") as caught:
        guess_kind(samples, column)
    assert caught.value.code is Code.KIND_UNCLEAR
    assert caught.value.problem.column == column


def test_the_share_is_told_where_many_are_something_else():
    with pytest.raises(DataError, match="90% of the sequences look like lists of strings - one of"):
        guess_kind([*[["open", "read"]] * 9, [1, 2]], None)


@pytest.mark.parametrize("kind", list(Kind))
def test_missing_and_empty(kind):
    assert check_sequence(None, kind).code is Code.MISSING_SEQUENCE
    assert check_sequence(float("nan"), kind).code is Code.MISSING_SEQUENCE
    assert check_sequence("", kind).code is Code.EMPTY_SEQUENCE
    assert check_sequence(" \t\n", kind).code is Code.EMPTY_SEQUENCE
    assert check_sequence(5, kind).code is Code.WRONG_TYPE
    assert check_sequence({"a": 1}, kind).code is Code.WRONG_TYPE


@pytest.mark.parametrize("kind", [Kind.SERIES, Kind.EVENTS])
@pytest.mark.parametrize("raw", [[], (), np.zeros(0)])
def test_empty_lists(kind, raw):
    assert check_sequence(raw, kind).code is Code.EMPTY_SEQUENCE


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.DNA, Kind.PROTEIN])
def test_lists_where_a_string_is_meant(kind):
    problem = check_sequence(["a", "b"], kind)
    assert (problem.code, problem.found) == (Code.WRONG_TYPE, "a list of 2")


def test_text():
    text = " Hé llo "
    assert check_sequence(text, Kind.TEXT) is text
    assert check_sequence("a\udce9", Kind.TEXT).code is Code.NOT_UTF8
    assert check_sequence("a\x00", Kind.TEXT).code is Code.NUL_BYTE
    series = pandas.Series(["a", None], dtype="str")
    assert check_sequence(series[0], Kind.TEXT) == "a"
    assert check_sequence(series[1], Kind.TEXT).code is Code.MISSING_SEQUENCE


@pytest.mark.parametrize(
    ("raw", "kind", "clean"),
    [
        (" ACGTUryswkmbdhvN-. \n", Kind.DNA, "ACGTUryswkmbdhvN-."),
        ("acdefGHIKLMNPQRSTVWYBZXUOJ*-", Kind.PROTEIN, "acdefGHIKLMNPQRSTVWYBZXUOJ*-"),
    ],
)
def test_letters(raw, kind, clean):
    assert check_sequence(raw, kind) == clean


@pytest.mark.parametrize(
    ("raw", "kind", "found"),
    [
        ("ACGX", Kind.DNA, "letter 'X' at position 4"),
        ("  ACG ACG ", Kind.DNA, "letter ' ' at position 6"),
        ("MKV1", Kind.PROTEIN, "letter '1' at position 4"),
        ("é", Kind.PROTEIN, "letter 'é' at position 1"),
    ],
)
def test_unknown_letters(raw, kind, found):
    problem = check_sequence(raw, kind)
    assert (problem.code, problem.found) == (Code.UNKNOWN_LETTER, found)


def test_letters_that_are_no_text():
    assert check_sequence("ACG\udcff", Kind.DNA).code is Code.NOT_UTF8


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([1, 2.5], [[1], [2.5]]),
        ((1, 2), [[1], [2]]),
        ([True, False], [[1], [0]]),
        ([[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6]]),
        ([np.array([1, 2]), np.array([3, 4])], [[1, 2], [3, 4]]),
        (np.array([[1, 2], [3, 4]], dtype=np.int16).T, [[1, 3], [2, 4]]),
        (np.float32([1, 2]), [[1], [2]]),
        ([2**70, 1], [[2.0**70], [1]]),
        (pandas.Series([1.5, 2.5], index=[7, 8]), [[1.5], [2.5]]),
        ("0.1 -2e3\t3", [[0.1], [-2000], [3]]),
        ("1,2, 3", [[1], [2], [3]]),
        ("[0.1, 0.2]", [[0.1], [0.2]]),
        ("[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        ("[0.1 0.2\n 0.3]", [[0.1], [0.2], [0.3]]),
    ],
)
def test_series(raw, expected):
    series = check_sequence(raw, Kind.SERIES)
    assert series.dtype == np.float64
    assert series.flags.c_contiguous
    np.testing.assert_array_equal(series, np.array(expected, dtype=float))


@pytest.mark.parametrize(
    ("raw", "code", "found"),
    [
        ([1, "x"], Code.NOT_A_NUMBER, "'x' at step 2"),
        (["1", "2"], Code.NOT_A_NUMBER, "'1' at step 1"),
        ([[1, 2], [3, "x"]], Code.NOT_A_NUMBER, "'x' at step 2 of channel 2"),
        (np.array(["a", "b"]), Code.NOT_A_NUMBER, "'a' at step 1"),
        ("1 2 x", Code.NOT_A_NUMBER, "'x' at step 3"),
        ("1 1_0", Code.NOT_A_NUMBER, "'1_0' at step 2"),
        ("[1, 2", Code.NOT_A_NUMBER, "'[1' at step 1"),
        ("[0.1 ... 0.3]", Code.NOT_A_NUMBER, "'...' at step 2"),
        ("1,,3", Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ("[1,2,]", Code.NAN_VALUE, "a missing value (NaN) at step 3 of channel 1"),
        ("1,5 2,7", Code.NOT_A_NUMBER, "'5 2' at step 2"),
        ('["a"]', Code.NOT_A_NUMBER, "'a' at step 1"),
        ([1, float("nan")], Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ([1, None], Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ("1 nan", Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ([[1, 2], [np.inf, 0]], Code.INFINITE_VALUE, "an infinite value at step 2 of channel 1"),
        ("[1, 1e999]", Code.INFINITE_VALUE, "an infinite value at step 2 of channel 1"),
        ([10**400, 1.5], Code.INFINITE_VALUE, "an infinite value at step 1 of channel 1"),
        ([[1, 2], [3]], Code.CHANNEL_COUNT, "1 channel at step 2"),
        ([[1, 2], 3], Code.CHANNEL_COUNT, "1 channel at step 2"),
        (np.zeros((2, 2, 2)), Code.WRONG_TYPE, "an array of float64 of shape (2, 2, 2)"),
        (np.float64(3), Code.WRONG_TYPE, "the number 3.0"),
        (np.array([1j]), Code.WRONG_TYPE, "an array of complex128 of shape (1,)"),
        ([1j, 2], Code.NOT_A_NUMBER, "1j at step 1"),
        (np.array([1, "x"], dtype=object), Code.WRONG_TYPE, "an array of object of shape (2,)"),
        (np.ma.masked_array([1, 2], [0, 1]), Code.NAN_VALUE, None),
        ([[], []], Code.EMPTY_SEQUENCE, "an empty sequence"),
        ("[]", Code.EMPTY_SEQUENCE, "an empty sequence"),
    ],
)
def test_bad_series(raw, code, found):
    problem = check_sequence(raw, Kind.SERIES)
    assert problem.code is code
    assert found is None or problem.found == found


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([4, "4", 4.0, np.int64(4)], ["4"] * 4),
        (("open", ("a", 1), True), ["open", "('a', 1)", "true"]),
        (np.array([1, 2], dtype=np.uint8), ["1", "2"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", 3], dtype=object), ["a", "3"]),
        (pandas.Series([7, 8]), ["7", "8"]),
        ("4 17  4", "4 17  4"),
    ],
)
def test_events(raw, expected):
    events = check_sequence(raw, Kind.EVENTS)
    assert events == expected
    assert all(type(event) is str for event in events)


@pytest.mark.parametrize(
    ("raw", "code", "found"),
    [
        ([1, None], Code.NAN_VALUE, "a missing id at step 2"),
        (np.array([1, np.nan]), Code.NAN_VALUE, "a missing id at step 2"),
        (np.ma.masked_array([1, 2], [0, 1]), Code.NAN_VALUE, "a missing id at step 2"),
        (["a", pandas.NA], Code.NAN_VALUE, "a missing id at step 2"),
        ([[1, 2], [3, 4]], Code.WRONG_TYPE, "a list of 2 at step 1"),
        (np.zeros((2, 2)), Code.WRONG_TYPE, "an array of float64 of shape (2, 2)"),
        (["a", "\udcff"], Code.NOT_UTF8, None),
        ("1 \x00", Code.NUL_BYTE, None),
    ],
)
def test_bad_events(raw, code, found):
    problem = check_sequence(raw, Kind.EVENTS)
    assert problem.code is code
    assert found is None or problem.found == found


def test_an_event_string_of_any_size_is_not_copied():
    tokens = "17 " * 500_000
    assert check_sequence(tokens, Kind.EVENTS) is tokens


def test_problems_have_no_place_of_their_own():
    problem = check_sequence("X!", Kind.DNA)
    assert isinstance(problem, Problem)
    assert problem.path is problem.line is problem.record is problem.column is None
