import gzip
import json
import os
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqwise.data.collection import RecordFiles, read_collection
from seqwise.data.kinds import Kind
from seqwise.errors import Code, DataError


@pytest.fixture
def folder(tmp_path):
    """The same two records in each of five files of several formats, and what is no data."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("text,label\none,x\ntwo,y\n")
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"label,text\nx,one\ny,two\n"))
    rows = [{"label": "x", "text": "one"}, {"label": "y", "text": "two"}]
    (folder / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.table({"text": ["one", "two"], "label": ["x", "y"]}), folder / "d.parquet")
    (folder / "e.tsv").write_text("text\tlabel\none\tx\ntwo\ty\n")
    (folder / "_SUCCESS").write_text("")
    (folder / ".part.crc").write_text("?")
    return folder


def pairs_of(records):
    return [(record.sequence, record.label, record.number) for record in records]


EXPECTED = [("one", "x", 1), ("two", "y", 2)]


def test_a_folder_of_files_is_one_data_set(folder):
    records = read_collection([folder])
    assert isinstance(records, RecordFiles)
    for _ in range(2):
        assert pairs_of(records) == EXPECTED * 5
        assert pairs_of(records.checked(Kind.TEXT)) == EXPECTED * 5
    assert records.format == "csv, jsonl, parquet, tsv"
    assert records.path == f"{folder / 'a.csv'} and 4 more"
    assert (records.sequence_column, records.label_column) == ("text", "label")


def test_files_come_in_the_order_in_which_they_are_named(folder):
    records = read_collection([folder / "c.jsonl", folder / "a.csv"])
    assert [file.format for file in records.files] == ["jsonl", "csv"]
    assert pairs_of(records) == EXPECTED * 2


def test_one_file_is_itself(folder):
    assert read_collection([folder / "a.csv"]).format == "csv"


def test_a_bad_record_is_told_with_its_own_file(folder):
    (folder / "c.jsonl").write_text('{"text": "one", "label": "x"}\n{"text": " ", "label": "x"}\n')
    (problem,) = [
        each.problem for each in read_collection([folder]).checked(Kind.TEXT) if each.problem
    ]
    assert str(problem).startswith(f"{folder / 'c.jsonl'}:2 (record 2), column text")


def test_columns_are_those_of_the_first_file(folder):
    (folder / "a.csv").write_text("comment,sentence,mark\n?,one,x\n")
    with pytest.raises(DataError) as caught:
        read_collection([folder], sequence="sentence", label="mark")
    assert caught.value.code is Code.COLUMN_MISSING
    assert caught.value.problem.path == str(folder / "b.csv.gz")


def test_files_without_records_are_passed_over(folder):
    for name in ("a.csv", "b.csv.gz"):
        content = b"text,label\n"
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    records = read_collection([folder])
    assert pairs_of(records) == EXPECTED * 3
    assert pairs_of(records.checked(Kind.TEXT)) == EXPECTED * 3


def test_anything_else_in_the_folder_is_refused(folder):
    (folder / "notes.docx").write_text("?")
    with pytest.raises(DataError, match=r"notes\.docx") as caught:
        read_collection([folder])
    assert caught.value.code is Code.BAD_FORMAT


def test_a_format_that_is_named_goes_for_all_files(folder, tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(2):
        (parts / f"part-{number}").write_text("text,label\none,x\ntwo,y\n")
    assert pairs_of(read_collection([parts], format="csv")) == EXPECTED * 2


def test_a_folder_of_folders_is_one_of_texts(tmp_path):
    for label in "xy":
        (tmp_path / label).mkdir()
        (tmp_path / label / "0.txt").write_text("one")
    assert read_collection([tmp_path]).format == "folder"
    (tmp_path / "table.csv").write_text("text,label\none,x\n")
    with pytest.raises(DataError) as caught:
        read_collection([tmp_path])
    assert caught.value.code is Code.BAD_FORMAT


def test_one_table_of_labels_for_several_files(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.fasta").write_text(f">{name}\nACGT\n")
    table = tmp_path / "table"
    os.mkfifo(table)  # which can be read but once
    Thread(target=table.write_text, args=("id,label\na,x\nb,y\n",), daemon=True).start()
    paths = [tmp_path / "a.fasta", tmp_path / "b.fasta"]
    records = read_collection(paths, labels_from=table)
    assert [record.label for record in records] == ["x", "y"]
