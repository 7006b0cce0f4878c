import gzip
import random

import pytest
from Bio import SeqIO

from seqwise.data.kinds import Kind
from seqwise.data.records import Record, read_records
from seqwise.errors import Code, ConfigError, DataError


def write(path, text):
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_labels_in_the_headers(tmp_path):
    text = (
        "; a comment\n\n>s1 promoter\nACGT\nAC GT\n\n>s2 label=intron length=4\r\nTTTT\r\n"
        ">s3\tlong label\n;no\nGG\nCC*"
    )
    file = read_records(write(tmp_path / "a.fasta", text))
    assert (file.format, file.columns, file.sequence_column) == ("fasta", None, None)
    assert list(file) == [
        Record("ACGTACGT", "promoter", 1, 3),
        Record("TTTT", "intron", 2, 7),
        Record("GGCC*", "long label", 3, 9),
    ]


def test_labels_in_a_second_table(tmp_path):
    path = write(tmp_path / "a.fa", ">s1 words\nAC\n>s2\nGT\n>s3\nTT\n")
    table = write(tmp_path / "labels.tsv", "id\tclass\ns1\tx\ns2\ty\n")
    records = list(read_records(path, labels_from=table))
    assert [record.label for record in records] == ["x", "y", None]
    problem = records[2].problem
    assert (problem.code, problem.line, problem.record) == (Code.MISSING_LABEL, 5, 3)
    assert "'s3'" in problem.found
    records = list(read_records(path, labels_from=table, label_required=False))
    assert records[2] == Record("TT", None, 3, 5)


def test_a_header_without_a_label_says_where_it_may_stand(tmp_path):
    (record,) = read_records(write(tmp_path / "a.fa", ">s1\nAC\n"))
    assert record.problem.code is Code.MISSING_LABEL
    assert "--labels-from" in record.problem.remedy


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("id,label\ns1,x\ns1,y\n", Code.BAD_FORMAT),
        ("id,label\ns1\n", Code.RAGGED_ROW),
        ("id,label\ns1,\n", Code.MISSING_LABEL),
        ("a,b,c\n1,2,3\n", Code.COLUMN_UNCLEAR),
    ],
)
def test_bad_tables_of_labels(tmp_path, table, code):
    path = write(tmp_path / "a.fa", ">s1\nAC\n")
    labels = write(tmp_path / "labels.csv", table)
    with pytest.raises(DataError) as caught:
        read_records(path, labels_from=labels)
    assert (caught.value.code, caught.value.problem.path) == (code, str(labels))
    assert "--sequence" not in str(caught.value)


def test_a_table_of_labels_is_for_fasta_only(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,b\n")
    with pytest.raises(ConfigError) as caught:
        read_records(path, labels_from=path)
    assert caught.value.code is Code.BAD_SETTING


def test_bad_records(tmp_path):
    text = ">s1 x\nAC\n>s2\nAC\n>s3 x\nA\udcffC\n>s4 x\n>s5 x\nAC!T\n>s6 \udcfe\nAC\n"
    file = read_records(write(tmp_path / "a.fna", text))
    problems = [record.problem for record in file.checked(Kind.DNA) if record.problem]
    assert [(problem.code, problem.line, problem.record) for problem in problems] == [
        (Code.MISSING_LABEL, 3, 2),
        (Code.NOT_UTF8, 5, 3),
        (Code.EMPTY_SEQUENCE, 7, 4),
        (Code.UNKNOWN_LETTER, 8, 5),
        (Code.NOT_UTF8, 10, 6),
    ]
    assert problems[3].found == "letter '!' at position 3"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("ACGT\n>s1 x\nAC\n", Code.BAD_FORMAT, 1),
        ("; only\n", Code.FILE_EMPTY, None),
        ("", Code.FILE_EMPTY, None),
    ],
)
def test_files_that_are_no_fasta(tmp_path, text, code, line):
    path = write(tmp_path / "a.faa", text)
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert (caught.value.code, caught.value.problem.line) == (code, line)


def test_agrees_with_biopython(tmp_path):
    chance = random.Random(0)
    text = ""
    for number in range(200):
        sequence = "".join(chance.choices("ACGTNacgtn-", k=chance.randrange(1, 400)))
        width = chance.choice([10, 60, 80, 1000])
        end = chance.choice(["\n", "\r\n"])
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        text += f">s{number}.{number % 3} class {number % 5}{end}" + end.join(lines) + end
        text += end * chance.randrange(3)
    path = write(tmp_path / "a.fasta", text)
    with path.open() as stream:
        expected = [
            (str(entry.seq), entry.description.partition(" ")[2])
            for entry in SeqIO.parse(stream, "fasta")
        ]
    assert [(record.sequence, record.label) for record in read_records(path)] == expected
    packed = tmp_path / "a.fasta.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [(record.sequence, record.label) for record in read_records(packed)] == expected


def test_a_description_that_nobody_asks_for_spoils_nothing(tmp_path):
    path = write(tmp_path / "a.fna", ">s1 \udce9\nAC\n>s2 \udce9 label=x\nAC\n")
    found = [(each.sequence, each.label) for each in read_records(path, label_required=False)]
    assert found == [("AC", None), ("AC", "x")]
    first, second = read_records(path)
    assert (first.problem.code, second.problem) == (Code.NOT_UTF8, None)
