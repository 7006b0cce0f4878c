import pytest

from seqwise.data.kinds import Kind
from seqwise.data.records import Record, read_records
from seqwise.errors import Code, DataError


def test_each_line_is_a_record(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one, two\r\n\n\xe9\nlast")
    file = read_records(path, label_required=False)
    assert file.format == "lines"
    records = list(file.checked(Kind.TEXT))
    assert records[0] == Record("one, two", None, 1, 1)
    assert records[3] == Record("last", None, 4, 4)
    assert [(record.problem.code, record.problem.line) for record in records[1:3]] == [
        (Code.EMPTY_SEQUENCE, 2),
        (Code.NOT_UTF8, 3),
    ]


def test_lines_have_no_labels(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\n")
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert caught.value.code is Code.MISSING_LABEL
