import gzip
import os

import pytest

from seqwise.data.records import Record, read_records
from seqwise.errors import Code, DataError


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "texts"
    for label, name, text in [
        ("spam", "2.txt", "win\nnow\n"),
        ("spam", "1.txt", "buy"),
        ("ham", "1.txt", "hé"),
    ]:
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / name).write_text(text, encoding="utf-8")
    return root


def test_folders_are_labels(root):
    (root / ".hidden").write_text("")
    (root / "spam" / "3.txt.gz").write_bytes(gzip.compress(b"packed"))
    file = read_records(root)
    assert (file.format, file.columns) == ("folder", None)
    assert list(file) == [
        Record("hé", "ham", 1),
        Record("buy", "spam", 2),
        Record("win\nnow", "spam", 3),
        Record("packed", "spam", 4),
    ]


def test_bad_texts_name_their_file(root):
    (root / "ham" / "0.txt").write_bytes(b"a\xffb")
    (root / "ham" / "2.txt").write_bytes(b"a\x00b")
    (root / "ham" / "3.txt").write_bytes(b" \n")
    problems = [record.problem for record in read_records(root) if record.problem]
    assert [(problem.code, problem.record, problem.path) for problem in problems] == [
        (Code.NOT_UTF8, 1, str(root / "ham" / "0.txt")),
        (Code.NUL_BYTE, 3, str(root / "ham" / "2.txt")),
        (Code.EMPTY_SEQUENCE, 4, str(root / "ham" / "3.txt")),
    ]


def test_anything_else_is_answered(root):
    for stray in (root / "README.txt", root / "ham" / "notes.md", root / "spam" / "more"):
        stray.mkdir() if stray.name == "more" else stray.write_text("a")
        with pytest.raises(DataError) as caught:
            list(read_records(root))
        assert (caught.value.code, caught.value.problem.path) == (Code.BAD_FORMAT, str(stray))
        stray.rmdir() if stray.name == "more" else stray.unlink()
    assert len(list(read_records(root))) == 3


def test_no_folders_and_no_texts(tmp_path):
    with pytest.raises(DataError) as caught:
        read_records(tmp_path)
    assert caught.value.code is Code.FILE_UNREADABLE
    (tmp_path / "ham").mkdir()
    with pytest.raises(DataError) as caught:
        list(read_records(tmp_path))
    assert caught.value.code is Code.NO_RECORDS


def test_a_pipe_in_place_of_a_text_is_not_waited_for(root):
    os.mkfifo(root / "ham" / "2.txt")
    with pytest.raises(DataError) as caught:
        list(read_records(root))
    assert caught.value.code is Code.FILE_UNREADABLE
    assert caught.value.problem.path == str(root / "ham" / "2.txt")


@pytest.mark.parametrize(("name", "code"), [("\udce9", Code.NOT_UTF8), (" ", Code.MISSING_LABEL)])
def test_a_folder_whose_name_is_no_label(root, name, code):
    (root / name).mkdir()
    with pytest.raises(DataError) as caught:
        read_records(root)
    assert caught.value.code is code
