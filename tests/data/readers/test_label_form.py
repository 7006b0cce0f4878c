import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqwise.data.frames import read_frame
from seqwise.data.readers.label_form import LabelForm, check_labels
from seqwise.data.records import read_records
from seqwise.errors import Code, ConfigError, Problem

LISTS = LabelForm(required=True, multilabel=True)
CELLS = LabelForm(required=True, multilabel=True, separator=";")


def found(record):
    return record.problem.code if record.problem else record.label


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["b", "a"], ("a", "b")),
        ([], ()),
        (("x",), ("x",)),
        ({"b", "a"}, ("a", "b")),
        (np.array([3, 1]), ("1", "3")),
        ([1.0, True], ("1", "true")),
    ],
)
def test_lists_of_labels(value, expected):
    assert LISTS.read(value) == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, Code.MISSING_LABEL),
        (float("nan"), Code.MISSING_LABEL),
        ([None], Code.MISSING_LABEL),
        ([" "], Code.MISSING_LABEL),
        (["a", "a"], Code.LABEL_PER_STEP),
        ([1, 1.0], Code.LABEL_PER_STEP),
        ([["a"]], Code.LABEL_PER_STEP),
        ("a", Code.WRONG_TYPE),
        (7, Code.WRONG_TYPE),
        ({"a": 1}, Code.WRONG_TYPE),
        (["caf\udce9"], Code.NOT_UTF8),
    ],
)
def test_what_is_no_list_of_labels(value, code):
    problem = LISTS.read(value)
    assert isinstance(problem, Problem)
    assert problem.code is code
    assert LabelForm(required=False, multilabel=True).read(value) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("b; a", ("a", "b")), ("", ()), ("  ", ()), ("a", ("a",)), (["a;b", "c"], ("a;b", "c"))],
)
def test_cells_are_split_where_the_user_says_so(cell, expected):
    assert CELLS.read(cell) == expected


@pytest.mark.parametrize(
    ("cell", "code"), [("a;;b", Code.MISSING_LABEL), ("a;a", Code.LABEL_PER_STEP)]
)
def test_cells_with_a_mistake(cell, code):
    assert CELLS.read(cell).code is code


def test_the_problem_says_what_stands_twice():
    assert "'O' more than once" in check_labels(["O", "B", "O"]).found


# In files


def test_json_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "x", "labels": each} for each in (None, ["b", "a"], [], "a", ["a", 7])]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = read_records(path)
    assert file.multilabel
    assert list(map(found, file)) == [
        *(Code.MISSING_LABEL, ("a", "b"), (), Code.WRONG_TYPE, ("7", "a")),
    ]


def test_json_lines_whose_first_label_is_no_list(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "a"}\n{"text": "x", "label": ["a"]}\n')
    file = read_records(path)
    assert not file.multilabel
    assert list(map(found, file)) == ["a", Code.LABEL_PER_STEP]


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.string())])
def test_parquet(kind, tmp_path):
    column = pa.array([["x"], [], ["y", "z"], None], kind)
    pq.write_table(pa.table({"text": list("abcd"), "tags": column}), tmp_path / "a.parquet")
    file = read_records(tmp_path / "a.parquet", label="tags")
    assert file.multilabel
    assert list(map(found, file)) == [("x",), (), ("y", "z"), Code.MISSING_LABEL]


def test_parquet_of_numbers_and_of_a_fixed_size(tmp_path):
    column = pa.array([[3, 1], [2, 3]], pa.list_(pa.int8(), 2))
    pq.write_table(pa.table({"text": ["a", "b"], "label": column}), tmp_path / "a.parquet")
    assert list(map(found, read_records(tmp_path / "a.parquet"))) == [("1", "3"), ("2", "3")]


def test_frames():
    table = pa.table({"text": ["a", "b"], "label": [["x", "y"], []]})
    file = read_frame(table)
    assert file.multilabel
    assert list(map(found, file)) == [("x", "y"), ()]
    table = pa.table({"text": ["a", "b"], "label": ["x|y", ""]})
    assert not read_frame(table).multilabel
    assert list(map(found, read_frame(table, label_separator="|"))) == [("x", "y"), ()]


@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_cells_of_tables(ending, delimiter, tmp_path):
    path = tmp_path / f"a.{ending}"
    rows = ["text,label", "x,b;a", "y,", "z,b;a", "w,c;c", "v,c"]
    path.write_text("\n".join(rows).replace(",", delimiter) + "\n")
    file = read_records(path, label_separator=";")
    assert file.multilabel
    assert list(map(found, file)) == [("a", "b"), (), ("a", "b"), Code.LABEL_PER_STEP, ("c",)]
    plain = read_records(path)
    assert not plain.multilabel
    assert next(map(found, plain)) == "b;a"


def test_fasta_with_a_table_of_functions(tmp_path):
    (tmp_path / "a.fasta").write_text(">p1\nMKT\n>p2\nMAA\n>p3\nMA\n")
    (tmp_path / "t.csv").write_text("id,function\np1,binding;transport\np2,\n")
    file = read_records(
        tmp_path / "a.fasta", label="function", labels_from=tmp_path / "t.csv", label_separator=";"
    )
    assert file.multilabel
    assert list(map(found, file)) == [("binding", "transport"), (), Code.MISSING_LABEL]


def test_fasta_headers(tmp_path):
    (tmp_path / "a.fasta").write_text(">p1 b;a\nMKT\n>p2 label=c;a more\nMAA\n")
    file = read_records(tmp_path / "a.fasta", label_separator=";")
    assert list(map(found, file)) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(("name", "separator"), [("a.ts", ";"), ("a.csv", ""), ("a.csv", " ")])
def test_separators_that_separate_nothing(name, separator, tmp_path):
    (tmp_path / name).write_text("text,label\nx,a\n")
    with pytest.raises(ConfigError, match="separator"):
        read_records(tmp_path / name, label_separator=separator)


def test_frames_refuse_what_separates_nothing():
    table = pa.table({"text": ["a", "b"], "label": ["x|y", ""]})
    with pytest.raises(ConfigError, match="label_separator"):
        read_frame(table, label_separator="")
