"""Small valid files of each format: what is then damaged.

A file is a table from relative paths to bytes, so that a folder is one, too.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
import io
import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Files = dict[str, bytes]
LABELS = ("spam", "ham")
WORDS = (
    "win",
    "cash",
    "good",
    "day",
    "naïve",
    "日本",
    "😀",
    'a "quote"',
    "a,comma",
    "two\nlines",
    "",
)


def make_valid(form: str, random: Random) -> Files:
    """Make a valid file of a format."""
    return _MAKERS[form](random)


def _text(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(1, 8)))


def _dna(random: Random) -> str:
    return "".join(random.choices("ACGT", k=random.randint(8, 60)))


def _numbers(random: Random) -> list[float]:
    return [round(random.gauss(0, 3), 3) for _ in range(random.randint(2, 9))]


def _ids(random: Random) -> list[int]:
    return random.choices(range(300), k=random.randint(2, 9))


def _rows(random: Random, *makers: Callable[[Random], Any]) -> list[tuple[Any, str]]:
    make = random.choice(makers)
    return [(make(random), LABELS[index % 2]) for index in range(random.randint(2, 12))]


def _table(random: Random, delimiter: str) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=random.choice(("\n", "\r\n")))
    writer.writerow(random.choice([("text", "label"), ("sequence", "class"), ("a", "label")]))
    as_text = [_text, _dna, lambda random: " ".join(map(str, _numbers(random)))]
    writer.writerows(_rows(random, *as_text))
    return file.getvalue().encode()


def _csv(random: Random) -> Files:
    return {"file.csv": _table(random, ",")}


def _tsv(random: Random) -> Files:
    return {"file.tsv": _table(random, "\t")}


def _gz(random: Random) -> Files:
    return {"file.csv.gz": gzip.compress(_table(random, ","), mtime=0)}


def _jsonl(random: Random) -> Files:
    rows = _rows(random, _text, _numbers, _ids, lambda random: [_numbers(random)[:2]] * 3)
    name = random.choice(("text", "signal", "events"))
    lines = [json.dumps({name: sequence, "label": label}) for sequence, label in rows]
    return {"file.jsonl": "".join(line + "\n" for line in lines).encode()}


def _ts(random: Random) -> Files:
    num_channels, length = random.randint(1, 3), random.randint(2, 6)
    lines = ["@problemName p", f"@dimensions {num_channels}", "@equalLength true"]
    lines += [f"@seriesLength {length}", "@classLabel true spam ham", "@data"]
    stamped = random.random() < 0.3
    if stamped:
        lines.insert(0, "@timeStamps true")
    for index in range(random.randint(2, 8)):
        channels = []
        for _ in range(num_channels):
            values = [f"{random.gauss(0, 3):.3f}" for _ in range(length)]
            if stamped:
                values = [f"({step},{value})" for step, value in enumerate(values)]
            channels.append(",".join(values))
        lines.append(":".join([*channels, LABELS[index % 2]]))
    return {"file.ts": "\n".join([*lines, ""]).encode()}


def _fasta(random: Random) -> Files:
    lines = []
    for index, (sequence, label) in enumerate(_rows(random, _dna)):
        header = random.choice((f">id{index} {label}", f">id{index} label={label} x=y"))
        lines += [header, sequence[:30], sequence[30:]]
    return {"file.fasta": "\n".join(lines).encode()}


def _folder(random: Random) -> Files:
    rows = _rows(random, _text)
    files = {f"{label}/{n}.txt": text.encode() for n, (text, label) in enumerate(rows)}
    if random.random() < 0.3:
        files["spam/packed.txt.gz"] = gzip.compress(b"packed", mtime=0)
    return files


def _parquet(random: Random) -> Files:
    rows = _rows(random, _text, _numbers, _ids, lambda random: [_numbers(random)[:2]] * 3)
    columns: dict[str, Any] = {
        "text": [sequence for sequence, _ in rows],
        "label": [label for _, label in rows],
    }
    if random.random() < 0.5:  # another type in one of the columns
        name = random.choice(tuple(columns))
        columns[name] = _odd_column(random, len(rows))
    file = io.BytesIO()
    compression = random.choice(("none", "snappy", "gzip", "zstd"))
    pq.write_table(pa.table(columns), file, compression=compression)
    return {"file.parquet": file.getvalue()}


def _odd_column(random: Random, size: int) -> pa.Array:
    integers = pa.array([random.randint(-(2**31), 2**31 - 1) for _ in range(size)], pa.int32())
    names = pa.array([_text(random) for _ in range(size)])
    makers: list[Callable[[], pa.Array]] = [
        lambda: integers,
        lambda: integers.cast(pa.float64()),
        lambda: integers.cast(pa.date32()),
        lambda: integers.cast(pa.int64()).cast(pa.timestamp("ns")),
        lambda: pa.array([2**62] * size, pa.duration("us")),
        lambda: pa.array([random.random() < 0.5 for _ in range(size)]),
        lambda: pa.array([decimal.Decimal(1)] * size),
        lambda: pa.array([datetime.time(1, 2)] * size),
        lambda: pa.array([{"a": 1, "b": "x"}] * size),
        lambda: pa.array([[("key", 1)]] * size, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([b"\xff\x00"] * size),
        lambda: pa.array([[b"\xff", b"a"]] * size),
        lambda: pa.nulls(size),
        names.dictionary_encode,
        lambda: pa.array([[_text(random), None] for _ in range(size)]),
        lambda: pa.array([[[], []]] * size, pa.list_(pa.list_(pa.float32()))),
        lambda: pa.array([[[1.0], None, []]] * size, pa.list_(pa.list_(pa.float32()))),
        lambda: pa.array([[[[1]]]] * size),
        lambda: pa.array([[1.0, None]] * size),
        lambda: pa.array([[1, 2]] * size, pa.list_(pa.int8(), 2)),
        lambda: pa.array([[np.float16(1)]] * size, pa.list_(pa.float16())),
        lambda: pa.array([[{"a": 1}]] * size),
        lambda: pa.array([[datetime.date(1, 1, 1)]] * size),
    ]
    return random.choice(makers)()


_MAKERS: dict[str, Callable[[Random], Files]] = {
    "csv": _csv,
    "tsv": _tsv,
    "gz": _gz,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "fasta": _fasta,
    "ts": _ts,
    "folder": _folder,
}
FORMATS = tuple(_MAKERS)
