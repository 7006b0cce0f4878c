"""Ways to make a model folder hostile, each with the hashes that lead to the last check."""

from __future__ import annotations

import json
import os
import pickle
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.artifact.folders import (
    CODEC,
    CONFIG,
    FILES,
    LABELS,
    WEIGHTS,
    change_config,
    replace_file,
    replace_weights,
)

Spoil = Callable[[Path], None]
HOSTILE: dict[str, Spoil] = {}
MARKER = "marker"  # beside the model; a payload that runs makes it


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def note(name: str, spoil: Spoil) -> None:
    assert name not in HOSTILE
    HOSTILE[name] = spoil


def payload(folder: Path, how: str) -> bytes:
    marker = folder.parent / MARKER
    if how == "pickle":
        return pickle.dumps(Payload(marker))
    if how == "python":
        return f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n".encode()
    if how == "yaml":
        return f"!!python/object/apply:pathlib.Path.touch ['{marker}']\n".encode()
    path = folder.parent / "payload"
    torch.save(Payload(marker), path)
    content = path.read_bytes()
    path.unlink()
    return content


def put(name: str, make: Callable[[Path], bytes]) -> Spoil:
    return lambda folder: replace_file(folder, name, make(folder))


def instead(name: str, make: Callable[[Path], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def setting(part: str, key: str, value: Any) -> Spoil:
    return lambda folder: change_config(folder, lambda config: config[part].update({key: value}))


# Code in place of data, and things that are no files


def make_socket(path: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(path.name)
    os.chdir(before)


for _name in FILES:
    for _how in ("pickle", "torch", "python", "yaml"):
        note(f"{_how} as {_name}", put(_name, lambda folder, how=_how: payload(folder, how)))
    for _label, _make in {
        "nothing": lambda path: None,
        "folder": Path.mkdir,
        "pipe": os.mkfifo,
        "socket": make_socket,
        "link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
        "link to itself": lambda path: path.symlink_to(path),
        "link to nowhere": lambda path: path.symlink_to("/nowhere/at/all"),
        "link to the folder": lambda path: path.symlink_to("."),
        "link to /etc/passwd": lambda path: path.symlink_to("/etc/passwd"),
        "hard link to another file": lambda path: os.link(
            path.with_name(CODEC if path.name != CODEC else LABELS), path
        ),
        "a sparse terabyte": lambda path: os.truncate(path, 1 << 40) if path.touch() is None else 0,
    }.items():
        note(f"{_label} as {_name}", instead(_name, _make))


# JSON

DEPTH = 100_000
for _name in (CONFIG, CODEC, LABELS):
    for _label, _content in {
        "deep lists": b"[" * DEPTH + b"]" * DEPTH,
        "deep objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
        "a huge number": b'{"format_version": ' + b"9" * 10_000 + b"}",
        "a float without end": b"1." + b"9" * 100_000,
        "infinity": b"[1e999, -1e999, 1]",
        "NaN": b"[NaN, 1, 2]",
        "half a surrogate": b'["\\ud800", "b", "c"]',
        "NUL in a word": b'["a\\u0000", "b", "c"]',
        "bytes": bytes(range(256)),
        "UTF-16": '["a", "b"]'.encode("utf-16"),
        "a list that is unpacked": b'["a"' + b', "a"' * 100_000 + b"]",
        "a key that stands twice": b'{"events": ["a"], "events": ["b"]}',
    }.items():
        note(f"{_label} in {_name}", put(_name, lambda folder, content=_content: content))


def duplicate_key(folder: Path) -> None:
    """The hash of the settings is that of the last of two keys."""
    text = (folder / CONFIG).read_text("utf-8")
    (folder / CONFIG).write_text('{"format_version": 7, ' + text.lstrip()[1:], encoding="utf-8")


note("a key twice in the settings", duplicate_key)
note("a deep setting", setting("data", "sequence_column", json.loads("[" * 500 + "]" * 500)))
note("the hashes are a list", lambda folder: change_config(folder, lambda c: c.update(sha256=[1])))
note("a hash is a number", setting("sha256", WEIGHTS, 5))
note("a hash is another", setting("sha256", CODEC, "0" * 64))
note("no hash", lambda folder: change_config(folder, lambda c: c["sha256"].pop(WEIGHTS)))
note("versions with lists in them", setting("versions", "seqwise", [["a"]]))
note("versions are pairs", lambda f: change_config(f, lambda c: c.update(versions=[["a", "b"]])))


# Settings that promise too much

for _part, _key, _value in [
    ("model", "hidden_size", 2**40),
    ("model", "hidden_size", 10**400),
    ("model", "embedding_dim", 10**9),
    ("model", "num_layers", 100),
    ("model", "num_layers", 10**6),
    ("model", "num_classes", 10**9),
    ("model", "vocab_size", 10**12),
    ("model", "num_channels", 5),
    ("model", "num_positions", 10**11),
    ("model", "kernel_size", 10**9 + 1),
    ("model", "stride", 2**40),
    ("model", "pooling", "last+" * 1_000_000 + "last"),
    ("model", "pooling", "../../etc/passwd"),
    ("model", "encoder", "/etc/passwd"),
    ("model", "encoder", "os.system"),
    ("model", "encoder", ["lstm"]),
    ("model", "dropout", -1),
    ("model", "bidirectional", "yes"),
    ("model", "both_strands", True),
    ("model", "__class__", "os.system"),
    ("data", "kind", "../text"),
    ("data", "kind", {"text": 1}),
    ("data", "tokens", "__import__('os')"),
    ("data", "kmer", 10**9),
    ("data", "path", "/etc/passwd"),
    ("train", "seed", 10**4000),
    ("train", "device", "cuda:/etc/passwd"),
    ("train", "class_weight", {"a": 10**400}),
    ("train", "class_weight", {"a": [1]}),
    ("training", "seconds", 10**4000),
    ("training", "num_train", 10**4000),
    ("training", "valid_accuracy", "0.99"),
    ("training", "epochs", [{"epoch": [1]}]),
    ("training", "epochs", {"epoch": 1}),
    ("training", "file", ["/etc/passwd"]),
]:
    note(
        f"{_part}.{_key} is {str(_value)[:20]!r} ({len(HOSTILE)})"
        if len(str(_value)) < 4_000
        else f"{_part}.{_key} is long ({len(HOSTILE)})",
        setting(_part, _key, _value),
    )


for _encoder in ("mingru", "convolution", "residual", "transformer"):
    for _shape in ({"hidden_size": 2**62}, {"hidden_size": 2**40, "num_layers": 100}):
        _values = {"encoder": _encoder, **_shape}
        note(
            f"model: {_values}",
            lambda folder, values=_values: change_config(
                folder, lambda config: config["model"].update(values)
            ),
        )


# The vocabulary


def change_tokenizer(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        tokenizer = json.loads(json.loads((folder / CODEC).read_bytes())["tokenizer"])
        change(tokenizer)
        state = {"tokenizer": json.dumps(tokenizer)}
        replace_file(folder, CODEC, json.dumps(state).encode())

    return spoil


def vocabulary(tokenizer: dict[str, Any]) -> dict[str, Any]:
    return tokenizer["model"]["vocab"]


for _label, _change in {
    "an id beyond the table": lambda t: vocabulary(t).update(good=10**6),
    "an id below 0": lambda t: vocabulary(t).update(good=-5),
    "an id of another token": lambda t: vocabulary(t).update(good=1),
    "an id of 100 digits": lambda t: vocabulary(t).update(good=10**100),
    "an id that is a word": lambda t: vocabulary(t).update(good="2"),
    "a token too many": lambda t: vocabulary(t).update(more=len(vocabulary(t))),
    "no unknown token": lambda t: vocabulary(t).pop(" unknown"),
    "no vocabulary": lambda t: t["model"].pop("vocab"),
    "a vocabulary that is a list": lambda t: t["model"].update(vocab=[["a", 1]]),
    "half a surrogate as a token": lambda t: vocabulary(t).update(
        {"\ud800": vocabulary(t).pop("good")}
    ),
    "merges of whole words": lambda t: t["model"].update(merges=[["g", "b"]]),
    "merges that split a letter": lambda t: t["model"].update(merges=[["g", "x\u00e9"]]),
    "merges that are words": lambda t: t["model"].update(merges=["gb"]),
    "merges of nothing known": lambda t: t["model"].update(merges=[["##y", "##z"]]),
    "no model": lambda t: t.pop("model"),
}.items():
    note(f"vocabulary: {_label}", change_tokenizer(_change))
for _label, _state in {
    "a path": {"tokenizer": "/etc/passwd"},
    "a number": {"tokenizer": 5},
    "another key": {"pickle": "a"},
    "events": {"events": ["a", "b"]},
}.items():
    note(
        f"the codec holds {_label}", put(CODEC, lambda f, state=_state: json.dumps(state).encode())
    )


# The weights


def safetensors_file(header: Any, data: bytes = b"", *, size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HEAD = {"head.bias": tensor([3], 0, 12)}
for _label, _content in {
    "nothing but a length": struct.pack("<Q", 200_000_000),
    "a header of 200 MB": safetensors_file(HEAD, bytes(12), size=200_000_000),
    "a header of 2 MB": safetensors_file(b"{" + b" " * 2_000_000 + b"}"),
    "a header of 2^64 bytes": safetensors_file(HEAD, bytes(12), size=2**64 - 1),
    "a header of no bytes": safetensors_file(HEAD, bytes(12), size=0),
    "a header that is a list": safetensors_file([1]),
    "a deep header": safetensors_file(b'{"a":' * 1_000 + b"1" + b"}" * 1_000),
    "no tensor": safetensors_file({}),
    "a tensor twice": safetensors_file(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "overlapping offsets": safetensors_file(
        {"a": tensor([3], 0, 12), "b": tensor([3], 4, 16)}, bytes(16)
    ),
    "offsets beyond the end": safetensors_file({"a": tensor([3], 0, 12)}, bytes(4)),
    "offsets that go back": safetensors_file({"a": tensor([3], 12, 0)}, bytes(12)),
    "offsets below 0": safetensors_file({"a": tensor([3], -12, 0)}, bytes(12)),
    "a hole between tensors": safetensors_file(
        {"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)
    ),
    "a shape that does not fit": safetensors_file({"a": tensor([4], 0, 12)}, bytes(12)),
    "a shape that overflows": safetensors_file({"a": tensor([2**62, 4], 0, 12)}, bytes(12)),
    "a shape below 0": safetensors_file({"a": tensor([-3], 0, 12)}, bytes(12)),
    "a type that there is not": safetensors_file({"a": tensor([3], 0, 12, "X32")}, bytes(12)),
    "a type that torch has not": safetensors_file({"a": tensor([2], 0, 1, "F4")}, bytes(1)),
    "a name that is a path": safetensors_file({"../../a": tensor([1], 0, 4)}, bytes(4)),
    "a file that is no safetensors": b"\x89PNG\r\n\x1a\n" + bytes(100),
}.items():
    note(f"weights: {_label}", put(WEIGHTS, lambda folder, content=_content: content))

for _label, _fill in {"NaN": float("nan"), "infinity": float("inf")}.items():
    note(
        f"weights: one value is {_label}",
        lambda folder, fill=_fill: replace_weights(
            folder, lambda weights: weights["head.weight"][1, 2:3].fill_(fill)
        ),
    )
for _dtype in (torch.float64, torch.float16, torch.int32, torch.bool, torch.complex64):
    note(
        f"weights: {_dtype}",
        lambda folder, dtype=_dtype: replace_weights(
            folder, lambda weights: weights.update({"head.bias": torch.zeros(3, dtype=dtype)})
        ),
    )
note(
    "weights: another shape of as many values",
    lambda folder: replace_weights(
        folder, lambda weights: weights.update({"head.bias": torch.zeros(1, 3)})
    ),
)

for _name, _thresholds in {
    "none": [],
    "fewer": [None, None],
    "more": [None] * 4,
    "of all classes": [0.5, 0.5, 0.5],
    "above 1": [None, None, 1.5],
    "a truth": [None, None, True],
    "a word": [None, None, "0.5"],
    "a table": {"a": 0.5},
    "nothing": None,
    "as many digits as there is room for": [None, None, 10**400],
}.items():
    note(
        f"thresholds: {_name}",
        lambda folder, values=_thresholds: change_config(
            folder, lambda config: config.update({"thresholds": values})
        ),
    )
note("labels: any number of them", put(LABELS, lambda folder: b'{"multilabel": ["a", "b", "c"]}'))
note("labels: a table of something else", put(LABELS, lambda folder: b'{"values": ["a"]}'))
note("shape: any number of labels", setting("model", "multilabel", True))
