import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seqwise.data.kinds import Kind
from seqwise.data.records import FORMATS, Record, read_records
from seqwise.errors import Code, ConfigError, DataError

CSV = b"text,label\nhello,x\nbye,y\n"


def feed(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("content", "wishes", "format_name", "first"),
    [
        (CSV, {}, "csv", "hello"),
        (CSV.replace(b",", b"\t"), {}, "tsv", "hello"),
        (b"body,label\nhello,x\n", {"sequence": "body"}, "csv", "hello"),
        (b"body\nhello\n", {"sequence": "body"}, "csv", "hello"),
        (b'{"text": "hello"}\n', {}, "jsonl", "hello"),
        (b">id\nACGT\n", {}, "fasta", "ACGT"),
        (b"hello, you\nbye\n", {}, "lines", "hello, you"),
        (b"text\nbye\n", {}, "lines", "text"),
        (b"@Ann, hello\nbye\n", {}, "lines", "@Ann, hello"),
        # Without a time, which would make the name of the test another one in each worker.
        (gzip.compress(CSV, mtime=0), {}, "csv", "hello"),
        (b"\xef\xbb\xbf" + CSV, {}, "csv", "hello"),
    ],
)
def test_standard_input(monkeypatch, content, wishes, format_name, first):
    feed(monkeypatch, content)
    file = read_records("-", label_required=False, **wishes)
    assert (file.path, file.format) == ("-", format_name)
    assert next(iter(file)).sequence == first
    with pytest.raises(DataError, match="second reading") as caught:
        next(iter(file))
    assert caught.value.code is Code.FILE_UNREADABLE


def test_series_on_standard_input(monkeypatch):
    feed(monkeypatch, b"@problemName a\n@classLabel false\n@data\n1,2\n")
    file = read_records("-", label_required=False)
    assert file.format == "ts"
    assert next(iter(file)).sequence.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("content", "code"), [(b"", Code.FILE_EMPTY), (b"PAR1\x00\x01", Code.FILE_UNREADABLE)]
)
def test_standard_input_that_cannot_be_used(monkeypatch, content, code):
    feed(monkeypatch, content)
    with pytest.raises(DataError) as caught:
        read_records("-", label_required=False)
    assert caught.value.code is code


def test_a_named_pipe_with_a_slow_writer(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    go_on = threading.Event()
    told = []

    def write():
        with path.open("wb", buffering=0) as stream:
            stream.write(b"te")
            stream.write(b"xt,label\nhello,x\n")
            told.append(go_on.wait(5))
            stream.write(b"bye,y\n")

    writer = threading.Thread(target=write)
    writer.start()
    file = read_records(path)  # does not wait for the end of the input
    go_on.set()
    assert [record.sequence for record in file] == ["hello", "bye"]
    writer.join()
    assert told == [True]


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (CSV, "csv"),
        (b'{"text": "a", "label": "b"}', "jsonl"),
        (b">id x\nACGT\n", "fasta"),
        (b"# words\n\n@PROBLEMNAME a\n@data\n1,2:x\n", "ts"),
    ],
)
def test_the_format_is_guessed_from_the_first_bytes(tmp_path, content, format_name):
    path = tmp_path / "file.of.mine"
    path.write_bytes(content)
    file = read_records(path)
    assert file.format == format_name
    assert len(list(file)) == content.count(b"hello") + 1


def test_a_format_that_cannot_be_guessed(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x01\x02\xff")
    with pytest.raises(DataError, match=r"--format csv\|tsv") as caught:
        read_records(path)
    assert caught.value.code is Code.UNKNOWN_FORMAT


@pytest.mark.parametrize(("pack", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")])
def test_what_other_programs_have_packed_is_to_be_unpacked(tmp_path, pack, name):
    (tmp_path / "a.csv").write_bytes(pack(b"text,label\na,x\n"))
    with pytest.raises(DataError, match=f"data packed by {name}.*unpack it first"):
        read_records(tmp_path / "a.csv")


def test_an_archive_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", "text,label\na,x\n")
    with pytest.raises(DataError, match="data packed by zip") as caught:
        read_records(tmp_path / "a.csv.zip")
    assert caught.value.code is Code.UNKNOWN_FORMAT


def test_the_format_can_be_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(CSV)
    assert read_records(path, format="csv").columns == ("text", "label")
    with pytest.raises(ConfigError) as caught:
        read_records(path, format="xls")
    assert caught.value.code is Code.BAD_SETTING
    assert "one of " + ", ".join(FORMATS) in str(caught.value)
    for wrong, given in (("folder", path), ("csv", tmp_path)):
        with pytest.raises(DataError) as refused:
            read_records(given, format=wrong)
        assert refused.value.code is Code.FILE_UNREADABLE


def test_a_missing_file_and_its_neighbours(tmp_path):
    (tmp_path / "train.csv").write_bytes(CSV)
    with pytest.raises(DataError, match=r"did you mean 'train\.csv'\?") as caught:
        read_records(tmp_path / "trian.csv")
    assert caught.value.code is Code.FILE_MISSING
    with pytest.raises(DataError, match="no folder") as caught:
        read_records(tmp_path / "nowhere" / "train.csv")
    assert caught.value.code is Code.FILE_MISSING


@pytest.mark.parametrize("path", ["/dev/null", "a\x00b"])
def test_unreadable_paths(path):
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)

    def refuse(name):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("seqwise.data.readers.source._File", refuse)
    with pytest.raises(DataError, match="Permission denied") as caught:
        read_records(path)
    assert caught.value.code is Code.FILE_UNREADABLE
    assert stat.S_ISREG(path.stat().st_mode)


def test_checked_records_have_the_form_of_their_kind(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('signal,label\n1 2,x\n"[1, x]",y\n,z\nlate\n"[[1,2],[3,4]]",w\n')
    records = list(read_records(path).checked(Kind.SERIES))
    np.testing.assert_array_equal(records[0].sequence, [[1], [2]])
    np.testing.assert_array_equal(records[4].sequence, [[1, 2], [3, 4]])
    places = [
        (problem.code, problem.path, problem.line, problem.record, problem.column)
        for record in records
        if (problem := record.problem)
    ]
    assert places == [
        (Code.NOT_A_NUMBER, str(path), 3, 2, "signal"),
        (Code.EMPTY_SEQUENCE, str(path), 4, 3, "signal"),
        (Code.RAGGED_ROW, str(path), 5, 4, None),
    ]
    assert records[1].label == "y"


def test_plain_records_pass_as_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    assert list(read_records(path).checked(Kind.TEXT)) == [
        Record("hello", "x", 1, 2),
        Record("bye", "y", 2, 3),
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_no_file_stays_open(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        records = iter(read_records(path))
        next(records)
        del records
    assert len(os.listdir("/proc/self/fd")) == before


def test_neither_torch_nor_pyarrow_is_imported():
    program = (
        "import sys, seqwise.data.records; "
        "print(sorted({'torch', 'pyarrow', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.strip() == b"[]"
