"""Lines, records and unpacked files without end: refused within bounds, or streamed."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from seqwise.data.readers import delimited, fasta, folder, source
from seqwise.data.records import read_records
from seqwise.errors import Code, DataError

ROOT = Path(__file__).parents[3]
LIMIT = 1_000
ENDLESS = "a" * (LIMIT + 1)


@pytest.fixture
def small(monkeypatch):
    """A limit that small files reach."""
    for module in (source, delimited, fasta, folder):
        monkeypatch.setattr(module, "LONGEST_RECORD", LIMIT)


def refuse(path, line=None):
    with pytest.raises(DataError) as caught:
        list(read_records(path, label_required=False))
    assert caught.value.code is Code.TOO_LONG
    assert caught.value.problem.line == line


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", f"text,label\na,b\n{ENDLESS},b\n", 3),
        ("a.csv", f"{ENDLESS}\n", 1),
        ("a.tsv", f"text\tlabel\na\tb\n{ENDLESS}\tb\n", 3),
        ("a.csv", 'text,label\na,b\n"' + "a\n" * LIMIT, 3),
        ("a.csv", 'text,label\na,b\n"' + '\n","' * LIMIT, 3),
        ("a.jsonl", '{"text": "a"}\n{"text": "' + ENDLESS + '"}\n', 2),
        ("a.ts", f"@data\n1,2:a\n{ENDLESS}", 3),
        ("a.ts", f"# {ENDLESS}\n@data\n1,2:a\n", 1),
        ("a.fasta", f">a b\nACGT\n>b {ENDLESS}\nACGT\n", 3),
        ("a.fasta", ">a b\nACGT\n>b c\n" + "ACGT\n" * LIMIT, 3),
        ("a.txt", f"a\n{ENDLESS}\n", 2),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_record_without_end(tmp_path, name, content, line, packed):
    data = content.encode()
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(data) if packed else data)
    refuse(path, line)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("content", [ENDLESS, "a\n" * LIMIT])
def test_a_text_file_without_end(tmp_path, content):
    (tmp_path / "texts" / "spam").mkdir(parents=True)
    (tmp_path / "texts" / "spam" / "1.txt").write_text(content)
    with pytest.raises(DataError) as caught:
        list(read_records(tmp_path / "texts"))
    assert caught.value.code is Code.TOO_LONG
    assert caught.value.problem.path.endswith("1.txt")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "content", "number"),
    [
        ("a.csv", "text,label\n" + "a,b\n" * LIMIT, LIMIT),
        ("a.csv", f"text,label\n{'a' * (LIMIT - 4)},b\n", 1),
        ("a.csv", 'text,label\n"a\n\nb",c\n' + "a,b\n" * LIMIT, LIMIT + 1),
        ("a.csv", 'text,label\n"a"b,c\n' + '"a"b,c\n' * LIMIT, LIMIT + 1),
        ("a.fasta", ">a b\nACGT\n" * LIMIT, LIMIT),
    ],
)
def test_many_records_are_no_long_one(tmp_path, name, content, number):
    (tmp_path / name).write_text(content)
    assert len(list(read_records(tmp_path / name))) == number


READ = """
import sys
from seqwise.data.records import read_records
from seqwise.errors import SeqwiseError
from tests.memory import peak_megabytes
before = peak_megabytes()
try:
    print(sum(record.problem is None for record in read_records(sys.argv[1])))
except SeqwiseError as error:
    print(error.code)
print(peak_megabytes() - before)
"""


def measure(path) -> tuple[str, int]:
    """Read a file in a process of its own; what came of it, and the megabytes it took."""

    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))

    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        preexec_fn=bound,
    )
    outcome, megabytes = done.stdout.split()
    return outcome, int(megabytes)


def pack(path: Path, head: bytes, block: bytes, count: int) -> Path:
    path.write_bytes(gzip.compress(head) + gzip.compress(block) * count)  # members follow another
    return path


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.csv.gz", b"text,label\n"),
        ("a.jsonl.gz", b'{"text": "'),
        ("a.ts.gz", b"@data\n"),
        ("a.fasta.gz", b">a b\n"),
    ],
)
def test_a_bomb_of_2_gb_in_one_line(tmp_path, name, head):
    outcome, megabytes = measure(pack(tmp_path / name, head, bytes(1 << 20), 2_048))
    assert outcome == "too-long"
    assert megabytes < 400


def test_a_bomb_of_many_small_rows_is_streamed(tmp_path):
    path = pack(tmp_path / "a.csv.gz", b"text,label\n", b"some words,label\n" * 10_000, 200)
    outcome, megabytes = measure(path)
    assert outcome == "2000000"
    assert megabytes < 100


def test_a_quote_that_swallows_the_rest_is_refused(tmp_path):
    path = pack(tmp_path / "a.csv.gz", b'text,label\n"', b"some words\n" * 10_000, 2_000)
    outcome, megabytes = measure(path)
    assert outcome == "too-long"
    assert megabytes < 1_000


def test_a_record_of_a_million_events_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("events,label\n" + "250 " * 1_450_000 + ",Trojan\n")
    outcome, megabytes = measure(path)
    assert outcome == "1"
    assert megabytes < 200
