import csv
import gzip
import io
import threading

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.data.readers.delimited import DelimitedReader, find_delimiter
from seqwise.data.readers.interface import Wanted
from seqwise.data.readers.source import Source
from seqwise.data.records import Record, read_records
from seqwise.errors import Code, DataError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pairs(path, **wishes):
    return [(record.sequence, record.label) for record in read_records(path, **wishes)]


def problems(path, **wishes):
    return [
        (record.problem.code, record.problem.line, record.problem.record, record.problem.column)
        for record in read_records(path, **wishes)
        if record.problem is not None
    ]


def test_rows_become_records_with_their_physical_lines(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"one\ntwo",x\n\n"say ""hi"", you",y\r\nlast,z')
    file = read_records(path)
    assert file.columns == ("text", "label")
    assert (file.format, file.sequence_column, file.label_column) == ("csv", "text", "label")
    assert list(file) == [
        Record("one\ntwo", "x", 1, 2),
        Record('say "hi", you', "y", 2, 5),
        Record("last", "z", 3, 6),
    ]
    assert list(file) == list(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na b,x\n"),
        ("a.tsv", "text\tlabel\na b\tx\n"),
        ("a.tab", "text\tlabel\na b\tx\n"),
        ("a.csv", "text;label\na b;x\n"),
        ("a.csv", "text\tlabel\na b\tx\n"),
        ("a.csv", "\ufefftext,label\na b,x\n"),
        ("a.csv", "\n\ntext , label\na b,x\n"),
        ("a.dat", "text;label\na b;x\n"),
        ("a.dat", "text\tlabel\na b\tx\n"),
        ("a.dat", "text,label\na b,x\n"),
    ],
)
def test_delimiters_and_marks(tmp_path, name, content):
    path = write(tmp_path / name, content)
    assert pairs(path) == [("a b", "x")]
    packed = write(tmp_path / f"{name}.gz", gzip.compress(content.encode()))
    assert pairs(packed) == [("a b", "x")]


def test_gzip_is_known_by_its_content(tmp_path):
    path = write(tmp_path / "a.csv", gzip.compress(b"text,label\nhello,x\n"))
    assert pairs(path) == [("hello", "x")]


def test_a_comma_in_the_header_wins_in_a_csv():
    assert find_delimiter("a;b,c", preferred=",") == ","
    assert find_delimiter("abc", preferred="\t") == "\t"
    assert find_delimiter("abc", preferred=None) == ","


def test_ragged_rows_are_found_in_place(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,x\nb\nc,y,z\nd,w\n")
    records = list(read_records(path))
    assert [record.sequence for record in records] == ["a", None, None, "d"]
    assert problems(path) == [(Code.RAGGED_ROW, 3, 2, None), (Code.RAGGED_ROW, 4, 3, None)]
    assert str(records[2].problem).startswith(f"{path}:4 (record 3): 3 cells, the last 'z' - 2")


def test_broken_text_spoils_its_record_only(tmp_path):
    path = write(
        tmp_path / "a.csv", b"text,label\nfine,x\ncaf\xe9,x\nn\x00l,x\nok,\xff\n\xc3\xa9,x\n"
    )
    assert problems(path) == [
        (Code.NOT_UTF8, 3, 2, "text"),
        (Code.NUL_BYTE, 4, 3, "text"),
        (Code.NOT_UTF8, 5, 4, "label"),
    ]
    found = [record.problem.found for record in read_records(path) if record.problem]
    assert found[0] == "byte 0xe9 at character 4"
    assert found[1] == "a NUL byte at character 2"
    assert pairs(path)[0] == ("fine", "x")
    assert pairs(path)[4] == ("é", "x")


def test_broken_text_in_a_column_that_is_not_used_is_let_be(tmp_path):
    path = write(tmp_path / "a.csv", b"text,label,note\na,x,\xff\x00\n")
    assert pairs(path) == [("a", "x")]


def test_missing_labels(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,x\nb,\nc, \n")
    assert problems(path) == [
        (Code.MISSING_LABEL, 3, 2, "label"),
        (Code.MISSING_LABEL, 4, 3, "label"),
    ]
    assert pairs(path, label_required=False) == [("a", "x"), ("b", None), ("c", None)]


def test_a_label_that_is_not_needed_spoils_nothing(tmp_path):
    path = write(tmp_path / "a.csv", b"text,label\na,\xff\nb,\x00\n")
    assert pairs(path, label_required=False) == [("a", None), ("b", None)]


def test_an_unclosed_quote_is_named_where_it_opens(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\na,x\n"b,y\n' + "c,z\n" * 50)
    records = iter(read_records(path))
    assert next(records).sequence == "a"
    with pytest.raises(DataError, match="swallows the rest of the file, to line 53") as caught:
        next(records)
    assert caught.value.code is Code.BAD_FORMAT
    assert caught.value.problem.line == 3


def test_a_stray_quote_does_not_merge_rows_in_silence(tmp_path):
    # Without care, lines 2 and 3 make one plausible row of two cells.
    path = write(tmp_path / "a.csv", 'text,label\na,x\n"b,y\nhe said "no,z\nc,w\n')
    records = iter(read_records(path))
    assert next(records).sequence == "a"
    with pytest.raises(DataError, match="after its closing quote, to line 4") as caught:
        next(records)  # nobody knows how many records these lines were
    assert (caught.value.code, caught.value.problem.line) == (Code.BAD_FORMAT, 3)


def test_text_behind_a_quote_spoils_the_record_of_its_line(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"b" and more,y\nc,w\n')
    assert problems(path) == [(Code.BAD_FORMAT, 2, 1, None)]
    assert list(read_records(path))[1] == Record("c", "w", 2, 3)


def test_cells_of_any_length_and_the_limit_of_the_process(tmp_path):
    long = "4 " * 200_000
    path = write(tmp_path / "a.csv", f"tokens,label\n{long},x\n1 2,y\n")
    limit = csv.field_size_limit()
    records = iter(read_records(path))
    assert next(records).sequence == long
    other = iter(read_records(path))
    assert next(other).sequence == long
    del records
    assert next(other).sequence == "1 2"
    del other
    assert csv.field_size_limit() == limit == 131_072


def test_the_limit_survives_threads(tmp_path):
    long = "4" * 200_000
    path = write(tmp_path / "a.csv", "tokens,label\n" + f"{long},x\n" * 20)
    failures = []

    def read():
        try:
            assert sum(len(record.sequence) for record in read_records(path)) == 20 * len(long)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"text,label,text\na,b,c\n", Code.DUPLICATE_HEADER, 1),
        (b"text,label\n", Code.NO_RECORDS, None),
        (b"text,label\n\n\n", Code.NO_RECORDS, None),
        (b"", Code.FILE_EMPTY, None),
        (b"\n\n", Code.FILE_EMPTY, None),
        (b"t\xe9xt,label\na,b\n", Code.NOT_UTF8, 1),
        (b"te\x00xt,label\na,b\n", Code.NUL_BYTE, 1),
        (b'"te"xt,label\na,b\n', Code.BAD_FORMAT, 1),
        ("text,label\na,b\n".encode("utf-16"), Code.NOT_UTF8, None),
        ("text,label\na,b\n".encode("utf-32"), Code.NOT_UTF8, None),
        (b"one,two,label\na,b,c\n", Code.COLUMN_UNCLEAR, 1),
        (b"text,message,label\na,b,c\n", Code.COLUMN_UNCLEAR, 1),
        (b"text,a,b\na,b,c\n", Code.COLUMN_UNCLEAR, 1),
        (b"text\na\n", Code.COLUMN_UNCLEAR, 1),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, code, line):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert caught.value.code is code
    assert caught.value.problem.path == str(path)
    assert caught.value.problem.line == line


def test_wide_encodings_name_the_way_out(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,b\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"iconv -f UTF-16 -t UTF-8"):
        read_records(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("cut", lambda packed: packed[:-200]), ("spoilt", lambda packed: packed[:-300] + b"x" * 300)],
)
def test_damaged_gzip_says_how_far_it_got(tmp_path, name, content):
    rows = "".join(f"{number * 7919 % 10007} some words,x\n" for number in range(50_000))
    packed = gzip.compress(f"text,label\n{rows}".encode())
    path = write(tmp_path / f"{name}.csv.gz", content(packed))
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert caught.value.code is Code.BAD_GZIP
    assert 40_000 < caught.value.problem.line <= 50_001


def test_a_name_that_ends_in_gz_must_be_gzip(tmp_path):
    path = write(tmp_path / "a.csv.gz", b"text,label\na,b\n")
    with pytest.raises(DataError, match="begins with 'text,lab'") as caught:
        read_records(path)
    assert caught.value.code is Code.BAD_GZIP


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    with path.open("w") as stream:
        stream.write("text,label\n")
        stream.writelines(f"row {number},x\n" for number in range(400_000))
    read = []

    class Counted(io.FileIO):
        def readinto(self, buffer):
            read.append(super().readinto(buffer))
            return read[-1]

    monkeypatch.setattr("seqwise.data.readers.source.io.FileIO", Counted)
    records = iter(read_records(path))
    assert [next(records).sequence for _ in range(10)] == [f"row {i}" for i in range(10)]
    assert sum(read) < path.stat().st_size / 5


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(cells, cells.filter(str.strip)), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back(tmp_path_factory, rows, delimiter, line_end):
    path = tmp_path_factory.mktemp("trip") / ("a.csv" if delimiter == "," else "a.tsv")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(
            stream, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL
        )
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    assert pairs(path) == rows


def test_agrees_with_pandas(tmp_path):
    path = tmp_path / "a.csv"
    frame = pandas.DataFrame(
        {
            "id": range(300),
            "text": [f'{"é" * (i % 3)} "{i}", \n{i}\t;' for i in range(300)],
            "label": [f"class {i % 7}" for i in range(300)],
        }
    )
    frame.to_csv(path, index=False)
    back = pandas.read_csv(path)
    assert pairs(path) == list(zip(back["text"], back["label"], strict=True))


def test_the_reader_alone(tmp_path):
    path = write(tmp_path / "a.txt", "id|class\n1|x\n")
    reader = DelimitedReader(Source(str(path)), Wanted(sequence="id", label="class"), "|")
    assert [(record.sequence, record.label) for record in reader] == [("1", "x")]
