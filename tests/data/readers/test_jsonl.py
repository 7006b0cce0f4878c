import json

import pytest

from seqwise.data.records import Record, read_records
from seqwise.errors import Code, DataError


def write(path, *lines):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_bytes((text + "\n").encode("utf-8", "surrogateescape"))
    return path


def test_objects_become_records(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        {"text": "é", "label": 1, "note": 0},
        "",
        {"label": 1.0, "text": [1, 2.5]},
        {"label": True, "text": [["a"]]},
    )
    file = read_records(path)
    assert file.columns == ("text", "label", "note")
    assert list(file) == [
        Record("é", "1", 1, 1),
        Record([1, 2.5], "1", 2, 3),
        Record([["a"]], "true", 3, 4),
    ]


@pytest.mark.parametrize(
    ("line", "code", "column", "found"),
    [
        ("{", Code.BAD_JSON, None, "'{' (Expecting property name"),
        ("[1, 2]", Code.BAD_JSON, None, "'[1, 2]'"),
        ("7", Code.BAD_JSON, None, "'7'"),
        ('{"text": 1, "text": 2}', Code.BAD_JSON, None, "the key 'text' twice"),
        ("[" * 100_000, Code.BAD_JSON, None, "recursion"),
        ('{"label": "x"}', Code.MISSING_SEQUENCE, "text", "no value"),
        ('{"text": null, "label": "x"}', Code.MISSING_SEQUENCE, "text", "no value"),
        ('{"text": "a"}', Code.MISSING_LABEL, "label", "no label"),
        ('{"text": "a", "label": ""}', Code.MISSING_LABEL, "label", "an empty label"),
        ('{"text": "a", "label": ["x", "y"]}', Code.LABEL_PER_STEP, "label", "a list of 2"),
        ('{"text": "a", "label": {}}', Code.WRONG_TYPE, "label", "a value of type dict"),
        ('{"text": "a\udcff", "label": "x"}', Code.NOT_UTF8, None, "byte 0xff"),
        ('{"text": "a\\ud800", "label": "x"}', Code.NOT_UTF8, "text", "U+D800"),
        ('{"text": "a\\u0000", "label": "x"}', Code.NUL_BYTE, "text", "NUL"),
    ],
)
def test_bad_records(tmp_path, line, code, column, found):
    fine = {"text": "a", "label": "x"}
    path = write(tmp_path / "a.jsonl", fine, "", line, fine)
    records = list(read_records(path))
    assert [record.sequence for record in records] == ["a", None, "a"]
    problem = records[1].problem
    assert (problem.code, problem.path, problem.line) == (code, str(path), 3)
    assert (problem.record, problem.column) == (2, column)
    assert found in problem.found


def test_a_bad_first_line_is_a_bad_record(tmp_path):
    path = write(tmp_path / "a.jsonl", "oops", {"text": "a", "label": "x"})
    records = list(read_records(path))
    assert records[0].problem.code is Code.BAD_JSON
    assert records[1] == Record("a", "x", 2, 2)


@pytest.mark.parametrize("num_lines", [1, 1000])
def test_a_file_without_any_object(tmp_path, num_lines):
    path = write(tmp_path / "a.jsonl", "", *["[1]"] * num_lines)
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert (caught.value.code, caught.value.problem.line) == (Code.BAD_JSON, 2)


def test_a_blank_file(tmp_path):
    with pytest.raises(DataError) as caught:
        read_records(write(tmp_path / "a.jsonl", "", ""))
    assert caught.value.code is Code.FILE_EMPTY


def test_labels_are_not_needed_for_prediction(tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": "a"}, {"text": "b", "label": {}})
    file = read_records(path, label_required=False)
    assert [(record.sequence, record.label) for record in file] == [("a", None), ("b", None)]


@pytest.mark.parametrize("value", [5, 0.5, True, {"a": 1}])
def test_a_sequence_that_is_neither_a_string_nor_a_list(tmp_path, value):
    path = write(tmp_path / "a.jsonl", {"text": value, "label": "x"}, {"text": "a", "label": "x"})
    first, second = read_records(path)
    assert (first.sequence, first.problem.code) == (None, Code.WRONG_TYPE)
    assert second.sequence == "a"


def test_a_key_twice_among_many_is_found_at_once(tmp_path):
    keys = ", ".join(f'"{key}": 1' for key in [*range(50_000), 49_999])
    path = write(tmp_path / "a.jsonl", {"text": "a"}, f"{{{keys}}}")
    _, record = read_records(path, label_required=False)
    assert "the key '49999' twice" in record.problem.found


def test_a_key_that_the_first_object_lacks(tmp_path):
    first, rest = {"id": "1", "label": "x"}, [{"id": "2", "label": "y", "text": "a"}] * 3
    path = write(tmp_path / "a.jsonl", first, *rest)
    file = read_records(path)
    assert (file.columns, file.sequence_column) == (("id", "label", "text"), "text")
    problems = [record.problem and record.problem.code for record in file]
    assert problems == [Code.MISSING_SEQUENCE, None, None, None]


def test_a_number_that_is_none_is_no_sequence(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": NaN, "label": "x"}')
    (record,) = read_records(path)
    assert record.problem.code is Code.MISSING_SEQUENCE


@pytest.mark.parametrize(
    ("first", "later", "columns"),
    [
        ({"text": "a", "label": "x"}, {"category": "z"}, ("text", "label")),
        ({"body": "a", "label": "x"}, {"more": "z"}, ("body", "label")),
        ({"body": "a", "label": "x"}, {"text": "z"}, ("text", "label")),
        ({"id": 1, "stars": 2, "label": "x"}, {"text": "z"}, ("text", "label")),
    ],
)
def test_keys_of_later_objects_count_where_the_first_does_not_tell(tmp_path, first, later, columns):
    file = read_records(write(tmp_path / "a.jsonl", first, {**first, **later}))
    assert (file.sequence_column, file.label_column) == columns
