"""A trained model as one folder: settings, codec and labels as JSON, weights as safetensors.

::

    model/
      config.json         format version, settings, what training saw and scored, file hashes
      codec.json          what the codec learned
      labels.json         the classes in the order of the logits
      model.safetensors   the weights

Nothing in it is code, and nothing is unpickled. A folder is written under another name beside its
place and renamed when it is whole. When it is read, nothing in it is believed: other files are let
be, links are followed, what is no regular file is not opened, and no file may be larger than what
it is for (docs/design/0009-bad-days.md).
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError

from seqwise.atomic import write_folder
from seqwise.config import DataConfig, ModelConfig, Settings, TrainConfig
from seqwise.data.codecs import Codec, build_codec
from seqwise.data.labels import Labels
from seqwise.data.readers.values import check_text
from seqwise.errors import ArtifactError, Code, ConfigError, Problem, excerpt
from seqwise.nn import SequenceModel
from seqwise.version import __version__

FORMAT_VERSION = 1
CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"
MOST_JSON = 1 << 26  # bytes; values out of JSON take up to 25 times as much
MOST_HEADER = 1 << 20  # bytes before the weights; 100 layers need a tenth

# What damaged JSON can raise on its way to values; RuntimeError is torch's, for sizes.
UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
    RuntimeError,
)

Value = TypeVar("Value")
AnySettings = TypeVar("AnySettings", bound=Settings)


@dataclass(frozen=True, kw_only=True)
class TrainingAccount(Settings):
    """What training saw and scored.

    Parameters
    ----------
    file
        The training file, as the user named it; None for data from Python.
    num_train, num_valid
        Records to learn from, and records that chose the epoch; a refit learned from both.
    num_cut
        Sequences that `max_length` cut.
    seconds
        Time of training.
    best_epoch
        Whose weights these are, from 1, or how many epochs the refit took.
    valid_accuracy, valid_macro_f1, valid_log_loss
        Scores of that epoch on the records that chose it, before the refit.
    epochs
        For each epoch `epoch`, `train_loss`, `valid_accuracy`, `valid_log_loss`, without the refit.
    refitted
        Whether the weights are those of a second training, on all records.
    """

    file: str | None
    num_train: int
    num_valid: int
    num_cut: int
    seconds: float
    best_epoch: int
    valid_accuracy: float
    valid_macro_f1: float
    valid_log_loss: float
    epochs: list[dict[str, float]]
    refitted: bool


@dataclass(frozen=True)
class Artifact:
    """All that is needed to predict, and an account of where it comes from.

    Parameters
    ----------
    model, codec, labels
        As training made them.
    data, shape, train
        The settings of the data, the model and the training.
    training
        What training saw and scored.
    versions
        Of the packages it was made with.
    """

    model: SequenceModel
    codec: Codec
    labels: Labels
    data: DataConfig
    shape: ModelConfig
    train: TrainConfig
    training: TrainingAccount
    versions: dict[str, str]


def current_versions() -> dict[str, str]:
    """Name the versions that a model made here and now is made with."""
    return {
        "seqwise": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def check_output(folder: str | Path, *, overwrite: bool) -> None:
    """Make sure before long work that a model can be saved to a folder.

    Raises
    ------
    ArtifactError
        If the folder exists (and is not a model to be overwritten), or cannot be made.
    """
    path = Path(folder)
    try:
        exists = _exists(path)
        parent = path.absolute().parent
        can_write = parent.is_dir() and os.access(parent, os.W_OK)
    except (OSError, ValueError) as error:
        _fail(path, Code.OUTPUT_UNWRITABLE, str(error), "a name a folder can have", "name another")
    if exists and not is_model(path):
        found = "it exists, and is no model"
        _fail(path, Code.OUTPUT_EXISTS, found, "a new folder, or a model", "name another (--out)")
    if exists and not overwrite:
        _fail(path, Code.OUTPUT_EXISTS, "it exists", "a new folder", "replace it (--overwrite)")
    if not parent.is_dir():
        found, expected = f"no such folder as {excerpt(str(parent))}", "a folder to write into"
        _fail(path, Code.OUTPUT_UNWRITABLE, found, expected, "make it first")
    if not can_write:
        found, expected = "the folder above it is read-only", "one that can be written"
        _fail(path, Code.OUTPUT_UNWRITABLE, found, expected, "name another (--out)")


def _exists(path: Path) -> bool:
    """Tell whether anything has this name; a name that nothing can have is an error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_model(folder: str | Path) -> bool:
    """Tell whether a folder is one that `save_artifact` wrote, without reading it whole."""
    try:
        content = _read_regular(Path(folder) / CONFIG, MOST_JSON)
        return "format_version" in json.loads(content.decode())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def save_artifact(artifact: Artifact, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    artifact
        What to save.
    folder
        Where; must not exist unless `overwrite`.
    overwrite
        Replace a model folder that is there.

    Raises
    ------
    ArtifactError
        As `check_output`, and if writing fails.
    """
    check_output(folder, overwrite=overwrite)
    target = Path(folder).absolute()
    files = {
        CODEC: _to_json(artifact.codec.to_dict()),
        LABELS: _to_json(list(artifact.labels.values)),
        WEIGHTS: safetensors.torch.save(
            {name: weight.contiguous() for name, weight in artifact.model.state_dict().items()}
        ),
    }
    for name in (CODEC, LABELS):
        if len(files[name]) > MOST_JSON:
            found = f"{name} of {len(files[name]):,} bytes"
            expected, remedy = f"at most {MOST_JSON:,}", "lower --vocab-size or --kmer"
            _fail(folder, Code.OUTPUT_UNWRITABLE, found, expected, remedy)
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "versions": artifact.versions,
        "data": artifact.data.to_dict(),
        "model": artifact.shape.to_dict(),
        "train": artifact.train.to_dict(),
        "training": artifact.training.to_dict(),
        "sha256": {name: _hash(content) for name, content in files.items()},
    }
    # Its own hash is that of the file without this entry.
    config["sha256"][CONFIG] = _hash(_to_json(config))
    files[CONFIG] = _to_json(config)
    try:
        write_folder(target, files)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _fail(folder, Code.OUTPUT_UNWRITABLE, reason, "a folder that can be written", "free it")


def load_artifact(folder: str | Path) -> Artifact:
    """Read a model folder.

    Raises
    ------
    ArtifactError
        If it is no model folder, was written by a newer version, or is damaged.
    """
    path = Path(folder)
    if not os.path.isfile(path / CONFIG):
        found = f"it has no {CONFIG}" if os.path.lexists(path) else "no such folder"
        _fail(path, Code.NOT_A_MODEL, found, "a folder that seqwise saved", "check the path")
    config = _parse(path / CONFIG, _read(path / CONFIG, MOST_JSON), dict)
    version = config.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        found = f"it has format {version}"
        _fail(path, Code.NEWER_FORMAT, found, f"{FORMAT_VERSION} or older", "update seqwise")
    if version != FORMAT_VERSION:
        _damaged(path / CONFIG, f"its format is {excerpt(version)}", "1")

    hashes = _attempt(path / CONFIG, lambda: dict(config["sha256"]))
    own = hashes.pop(CONFIG, None)
    written = _attempt(path / CONFIG, lambda: _to_json(config | {"sha256": hashes}))
    if _hash(written) != own:
        _damaged(path / CONFIG, "it was changed after it was written", "what seqwise wrote")
    data = _settings(path, config, "data", DataConfig)
    shape = _settings(path, config, "model", ModelConfig)
    train = _settings(path, config, "train", TrainConfig)
    state = _parse(path / CODEC, _read_checked(path / CODEC, hashes), dict)
    codec = _attempt(path / CODEC, lambda: build_codec(data).restore(state))
    labels = _load_labels(path / LABELS, _read_checked(path / LABELS, hashes))
    _check_agreement(path, shape, codec, labels)
    return Artifact(
        model=_load_model(path / WEIGHTS, hashes, shape),
        codec=codec,
        labels=labels,
        data=data,
        shape=shape,
        train=train,
        training=_settings(path, config, "training", TrainingAccount),
        versions=_load_versions(path / CONFIG, config),
    )


def _settings(path: Path, config: dict[str, Any], key: str, kind: type[AnySettings]) -> AnySettings:
    return _attempt(path / CONFIG, lambda: kind.from_dict(config[key]))


def _load_labels(path: Path, content: bytes) -> Labels:
    values = _parse(path, content, list)
    for value in values:
        if not isinstance(value, (str, int, float, bool)):
            _damaged(path, "a label that is no string, number or truth value", "labels")
        problem = check_text(value) if isinstance(value, str) else None
        if problem is not None:
            _damaged(path, f"{problem.found} of a label", problem.expected)
        if isinstance(value, float) and not math.isfinite(value):
            _damaged(path, f"the label {value}", "finite numbers")
    labels = Labels(tuple(values))
    if len(set(labels.names)) < len(values):
        _damaged(path, "a label that stands twice", "distinct labels")
    return labels


def _load_versions(path: Path, config: dict[str, Any]) -> dict[str, str]:
    versions = config.get("versions")
    pairs = versions.items() if isinstance(versions, dict) else [(0, 0)]
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        _damaged(path, f"versions are {excerpt(versions)}", "a table of words")
    return dict(pairs)


def _check_agreement(path: Path, shape: ModelConfig, codec: Codec, labels: Labels) -> None:
    if len(labels) != shape.num_classes:
        _damaged(path / LABELS, f"{len(labels)} labels", f"{shape.num_classes}")
    sizes = (codec.vocab_size, codec.num_channels)
    if sizes != (shape.vocab_size, shape.num_channels):
        expected = f"{shape.vocab_size} tokens, {shape.num_channels} channels"
        _damaged(path / CODEC, f"{sizes[0]} tokens, {sizes[1]} channels", expected)


def _load_model(path: Path, hashes: dict[str, str], shape: ModelConfig) -> SequenceModel:
    # Without memory and without chance: the file is not believed before it has been looked at.
    with torch.device("meta"):
        model = _attempt(path.with_name(CONFIG), lambda: SequenceModel.from_config(shape))
    expected = model.state_dict()
    num_bytes = sum(weight.nbytes for weight in expected.values())
    weights = _load_weights(path, _read_checked(path, hashes, 8 + MOST_HEADER + num_bytes))
    if weights.keys() != expected.keys():
        name = min(weights.keys() ^ expected.keys())
        state = "lacks" if name in expected else "has"
        _damaged(path, f"it {state} a weight {name}", "the weights that config.json describes")
    for name, weight in weights.items():
        if weight.shape != expected[name].shape or weight.dtype != expected[name].dtype:
            found = f"{name} is {weight.dtype} {tuple(weight.shape)}"
            _damaged(path, found, f"{expected[name].dtype} {tuple(expected[name].shape)}")
        if not all(map(math.isfinite, weight.aminmax())):  # isfinite takes as much memory again
            _damaged(path, f"{name} has a value that is not finite", "numbers")
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _load_weights(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    header_size = int.from_bytes(content[:8], "little")
    if header_size > MOST_HEADER:
        _damaged(path, f"a header of {header_size:,} bytes", f"at most {MOST_HEADER:,}")
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        _damaged(path, excerpt(error), "a safetensors file")
    except UNREADABLE as error:  # a type that torch does not have
        _damaged(path, excerpt(f"{type(error).__name__}: {error}"), "weights in float32")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _to_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read_regular(path: Path, most: int) -> bytes:
    """Read a file; opening a pipe or a device might never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"{status.st_size:,} bytes, more than belong here")
    return path.read_bytes()


def _read(path: Path, most: int) -> bytes:
    try:
        return _read_regular(path, most)
    except OSError as error:
        _damaged(path, error.strerror or str(error), "a file that can be read")


def _read_checked(path: Path, hashes: dict[str, str], most: int = MOST_JSON) -> bytes:
    content = _read(path, most)
    found = _hash(content)
    if found != hashes.get(path.name):
        _damaged(path, f"its SHA-256 is {found[:12]}…", f"the one in {CONFIG}")
    return content


def _parse(path: Path, content: bytes, kind: type[Value]) -> Value:
    value = _attempt(path, lambda: json.loads(content.decode(), object_pairs_hook=_distinct))
    if not isinstance(value, kind):
        _damaged(path, f"a JSON {type(value).__name__}", f"a JSON {kind.__name__}")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; json itself keeps the last of two equal keys in silence."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key that stands twice")
    return values


def _attempt(path: Path, read: Callable[[], Value]) -> Value:
    """Run one step of reading; what a damaged file can raise becomes the error that says so."""
    try:
        return read()
    except ConfigError as error:
        _damaged(path, error.problem.found, error.problem.expected)
    except UNREADABLE as error:
        _damaged(path, excerpt(f"{type(error).__name__}: {error}"), "what seqwise wrote")


def _damaged(path: Path, found: str, expected: str) -> NoReturn:
    _fail(path, Code.DAMAGED_MODEL, found, expected, "copy or train the model anew")


def _fail(path: str | Path, code: Code, found: str, expected: str, remedy: str) -> NoReturn:
    raise ArtifactError(Problem(code, found, expected, remedy, path=str(path)))
