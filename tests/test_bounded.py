"""Files in which nothing is believed."""

from __future__ import annotations

import hashlib
import os

import pytest

from seqwise.bounded import hash_regular, parse_json, read_regular


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_a_file_of_the_largest_size(path):
    assert read_regular(path, 7) == b"content"
    with pytest.raises(OSError, match="7 bytes, more than belong here"):
        read_regular(path, 6)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_opened(path, make):
    path.unlink()
    make(path)
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(path)
    assert hash_regular(path) is None


def test_a_hash(path):
    assert hash_regular(path) == hashlib.sha256(b"content").hexdigest()
    assert hash_regular(path / "below") is None
    assert hash_regular(path.with_name("other")) is None


def test_json_is_parsed():
    assert parse_json('{"ü": [1, null]}'.encode()) == {"ü": [1, None]}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"a": 1, "a": 1}', b"[" * 100_000 + b"]" * 100_000, b"9" * 5_000],
)
def test_json_that_is_none(content):
    with pytest.raises(ValueError):  # noqa: PT011 - the class is what is promised
        parse_json(content)
