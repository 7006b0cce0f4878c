"""Damage to valid files, drawn from a source of chance that a test or a benchmark gives."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.valid import Files, make_valid

# What a format might trip over, wherever it stands.
TOKENS = (
    *(b"\x00", b"\xff", b"\xe9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b\x08"),
    *(
        b'"',
        b'""',
        b",",
        b"\t",
        b";",
        b":",
        b"\n",
        b"\r",
        b"\n\n",
        b"\r\r\n",
        b" ",
        b"\xe2\x80\xa8",
    ),
    *(b"text,label\n", b"label,label\n", b"text\ttext\n", b"PAR1", b">", b">\n", b"> label=\n;"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"null",
        b"true",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1_000",
        b"\\ud800",
    ),
    *(b"9" * 400, b"9" * 5000, b"[" * 2000, b'{"a":' * 1000, b'{"text":{},"label":[]}\n'),
    *(b'{"text":5,"label":5}\n', b'{"text":"a","text":"b"}\n', b"?", b"nan", b"(", b")", b"(1,2)"),
    *(b"@data\n", b"@DATA", b"@dimensions 0\n", b"@seriesLength -1\n", b"@univariate maybe\n"),
    *(b"@timeStamps true\n", b"@classLabel false\n", b"@classLabel true\n", b"@targetLabel true\n"),
    *(
        b"@equalLength\n",
        b"@missing true\n",
        b"@dimensions " + b"9" * 5000 + b"\n",
        b"(" + b" " * 999,
    ),
)
ODD_NAMES = ("\udce9", " ", "a\nb", "x" * 200, ".hidden", "a.csv", "-", "ham.txt", "ü", "[/b]")


def make_damaged(form: str, random: Random) -> Files:
    """Make a damaged file of a format."""
    files = make_valid(form, random)
    name = random.choice(list(files))
    content = files[name]
    if form == "gz" and random.random() < 0.5:  # what is packed, and not the packing
        files[name] = gzip.compress(damage_bytes(gzip.decompress(content), random), mtime=0)
    elif form == "gz" and random.random() < 0.3:
        files[name] = _pack_oddly(gzip.decompress(content), random)
    elif form == "parquet" and random.random() < 0.6:  # nearly whole; else its end is never reached
        files[name] = _flip(content[:-200], random) + content[-200:]
    elif form != "folder" or random.random() < 0.6:
        files[name] = damage_bytes(content, random)
    if form == "folder":
        _rename(files, random)
    return files


def write_files(files: Files, folder: Path, random: Random) -> Path:
    """Write a file or a folder, and give its path."""
    root = folder / "root"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if len(files) == 1 and "/" not in next(iter(files)):
        return root / next(iter(files))
    odd = root / random.choice(list(files))
    if random.random() < 0.2:
        odd.unlink()
        random.choice(
            [os.mkdir, os.mkfifo, lambda path: os.symlink(path, path), lambda path: None]
        )(odd)
    return root


def damage_bytes(content: bytes, random: Random) -> bytes:
    """Apply one to four kinds of damage."""
    for _ in range(random.choice((1, 1, 2, 4))):
        content = random.choice(DAMAGES)(content, random)
    return content


def _span(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(content))
    return start, min(len(content), start + random.choice((1, 2, 8, 64, 512)))


def _flip(content: bytes, random: Random) -> bytes:
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 4, 32)) if data else 0):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def _delete(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:start] + content[end:]


def _insert(content: bytes, random: Random) -> bytes:
    start = random.randint(0, len(content))
    return content[:start] + random.randbytes(random.choice((1, 2, 8, 64))) + content[start:]


def _insert_token(content: bytes, random: Random) -> bytes:
    start = random.randint(0, len(content))
    return content[:start] + random.choice(TOKENS) + content[start:]


def _insert_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    lines.insert(random.randint(0, len(lines)), random.choice(TOKENS))
    return b"".join(lines)


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:end] + content[start:end] * random.choice((1, 2, 50, 2000)) + content[end:]


def _swap(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[end:] + content[start:end] + content[:start]


def _shuffle(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    random.shuffle(lines)
    return b"".join(lines)


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


def _rubbish(content: bytes, random: Random) -> bytes:
    return random.randbytes(random.choice((0, 1, 10, 1000)))


def _magic(content: bytes, random: Random) -> bytes:
    return random.choice(TOKENS) + content[random.choice((0, 4)) :]


def _encode(content: bytes, random: Random) -> bytes:
    text = content.decode("utf-8", errors="replace")
    encoding = random.choice(("latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"))
    half = random.choice((0, 0, len(text) // 2))  # two encodings in one file
    return text[:half].encode() + text[half:].encode(encoding, errors="replace")


DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip, _delete, _insert, _insert_token, _insert_token, _insert_line, _repeat, _swap),
    *(_shuffle, _truncate, _rubbish, _magic, _encode),
)


def _pack_oddly(content: bytes, random: Random) -> bytes:
    whole = gzip.compress(content, mtime=0)
    odd = (
        whole + whole,  # two members are valid
        whole + random.randbytes(9),
        whole + b"\x00" * 100,
        gzip.compress(b"") * 50 + whole,
        whole[:-4] + b"\x00\x00\x00\x00",
        whole[:3] + bytes([random.randrange(256)]) + whole[4:],  # another set of header fields
        zlib.compress(content),
        gzip.compress(whole),
    )
    return random.choice(odd)


def _rename(files: Files, random: Random) -> None:
    for _ in range(random.choice((0, 1, 1, 2))):
        name = random.choice(list(files))
        label, _, file = name.partition("/")
        odd = random.choice(ODD_NAMES)
        new = random.choice((f"{odd}/{file}", f"{label}/{odd}", f"{label}/{odd}.txt", odd))
        if not any(other.startswith(f"{new}/") or new.startswith(f"{other}/") for other in files):
            files[new] = files.pop(name)
