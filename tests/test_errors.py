import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.errors import (
    ArtifactError,
    CheckpointError,
    Code,
    ConfigError,
    DataError,
    Problem,
    SeqwiseError,
    ShapeError,
    excerpt,
)

PLACES = {
    (): "",
    ("path",): "a.csv: ",
    ("line",): "line 3: ",
    ("record",): "record 2: ",
    ("column",): "column text: ",
    ("path", "line"): "a.csv:3: ",
    ("path", "record"): "a.csv (record 2): ",
    ("path", "column"): "a.csv, column text: ",
    ("line", "record"): "line 3 (record 2): ",
    ("line", "column"): "line 3, column text: ",
    ("record", "column"): "record 2, column text: ",
    ("path", "line", "record"): "a.csv:3 (record 2): ",
    ("path", "line", "column"): "a.csv:3, column text: ",
    ("path", "record", "column"): "a.csv (record 2), column text: ",
    ("line", "record", "column"): "line 3 (record 2), column text: ",
    ("path", "line", "record", "column"): "a.csv:3 (record 2), column text: ",
}
PLACE = {"path": "a.csv", "line": 3, "record": 2, "column": "text"}
ERRORS = [DataError, ConfigError, ShapeError, ArtifactError, CheckpointError]


def problem(found="found", **place):
    return Problem(Code.BAD_JSON, found, "expected", "remedy", **place)


@pytest.mark.parametrize(("known", "place"), PLACES.items())
def test_one_form_for_every_place(known, place):
    where = {name: PLACE[name] for name in known}
    assert str(problem(**where)) == f"{place}found - expected - remedy [bad-json]"


def test_all_places_are_listed_above():
    assert len(PLACES) == sum(len(list(itertools.combinations(PLACE, n))) for n in range(5))


@pytest.mark.parametrize("name", PLACE)
def test_at_fills_in_what_is_not_known(name):
    filled = problem().at(**{name: PLACE[name]})
    assert filled == problem(**{name: PLACE[name]})


@pytest.mark.parametrize("name", PLACE)
def test_at_keeps_what_is_known(name):
    other = {"path": "b.csv", "line": 9, "record": 9, "column": "label"}
    assert problem(**PLACE).at(**{name: other[name]}) == problem(**PLACE)
    assert problem(line=0).at(line=4).line == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "''"),
        ("plain", "'plain'"),
        ("a\tb\nc\r", "'a\\tb\\nc\\r'"),
        ("\x00\x1b[31m\x7f", "'\\x00\\x1b[31m\\x7f'"),
        ("\u202egnp.exe", "'\\u202egnp.exe'"),  # right to left
        ("\udcff", "'\\xff'"),  # a byte that was not UTF-8
        ("\ud800", "'\\ud800'"),
        (b"caf\xe9", "'caf\\xe9'"),
        ("日本語", "'日本語'"),
        (1.5, "1.5"),
        (None, "None"),
        ([1, 2], "[1, 2]"),
        ("x" * 40, "'" + "x" * 40 + "'"),
        ("x" * 41, "'" + "x" * 39 + "…'"),
        (b"x" * 1000, "'" + "x" * 39 + "…'"),
        (list(range(100)), str(list(range(100)))[:39] + "…"),
        ("\n" * 21, "'" + "\\n" * 19 + "…'"),
    ],
)
def test_excerpt(value, shown):
    assert excerpt(value) == shown


@given(st.one_of(st.text(st.characters(), max_size=60), st.binary(max_size=200)))
def test_an_excerpt_is_short_and_can_be_printed(value):
    shown = excerpt(value)
    assert len(shown) <= 40 + len("''")
    assert all(character >= " " and character != "\x7f" for character in shown)
    shown.encode("utf-8")


@pytest.mark.parametrize("mark", ["\u2028", "\u2029"])
def test_an_excerpt_is_one_line(mark):
    assert len(excerpt(f"a{mark}b").splitlines()) == 1


@pytest.mark.parametrize("name", ["path", "column"])
def test_a_place_is_one_line(name):
    assert "\n" not in str(problem(**{name: "a\nb"}))


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_ours_and_a_value_error(kind):
    error = kind(problem())
    assert isinstance(error, SeqwiseError)
    assert isinstance(error, ValueError)
    assert error.code is Code.BAD_JSON
    assert str(error) == str(problem())
    assert error.count == 1


@pytest.mark.parametrize(
    ("num_others", "count", "num_lines", "last"),
    [
        (1, None, 2, None),
        (4, None, 5, None),
        (5, None, 6, "and 1 more"),
        (4, 5, 5, None),
        (4, 6, 6, "and 1 more"),
        (4, 12_345, 6, "and 12,340 more"),
        (0, 3, 2, "and 2 more"),
    ],
)
def test_the_first_five_are_listed_and_the_others_counted(num_others, count, num_lines, last):
    others = [problem(f"other {number}") for number in range(num_others)]
    lines = str(DataError(problem(), others=others, count=count)).split("\n")
    assert len(lines) == num_lines
    listed = lines[:-1] if last else lines
    assert listed == [str(each) for each in [problem(), *others][:5]]
    assert last is None or lines[-1] == last


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_survive_pickling(kind):
    error = kind(problem(path="a.csv"), others=[problem("second")], count=9)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is kind
    assert (copied.problem, copied.others, copied.count) == (
        error.problem,
        error.others,
        error.count,
    )
    assert str(copied) == str(error)


def test_codes_are_distinct_words():
    assert len(set(Code)) == len(list(Code))
    assert all(code == code.lower() and " " not in code for code in Code)


def test_an_excerpt_of_what_has_no_string():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert excerpt(nested) == "some list"
    assert excerpt(10**5_000) == "some int"
