"""Reading a model folder, in which nothing is believed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from seqwise.artifact.folder import (
    CODEC,
    CONFIG,
    FORMAT_VERSION,
    LABELS,
    WEIGHTS,
    fail,
    is_pretrained,
)
from seqwise.artifact.value import Artifact, TrainingAccount
from seqwise.bounded import (
    MOST_JSON,
    UNREADABLE,
    content_hash,
    parse_json,
    read_regular,
    to_json,
)
from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.data.codecs import Codec, build_codec
from seqwise.data.labels import Labels
from seqwise.data.readers.values import check_text
from seqwise.errors import Code, ConfigError, excerpt
from seqwise.evaluation.decision import Decision
from seqwise.nn import Classifier, ForestModel, SpelledModel, Spelling, build_model
from seqwise.strict import Settings

MOST_STEPS = 1 << 26  # of a sequence
DRAWING = ("normal_", "uniform_")  # what modules fill their weights with
MOST_HEADER = 1 << 20  # bytes before the weights; 100 layers need a tenth

Value = TypeVar("Value")
AnySettings = TypeVar("AnySettings", bound=Settings)


def load_artifact(folder: str | Path) -> Artifact:
    """Read a model folder.

    Raises
    ------
    ArtifactError
        If it is no model folder, was written by a newer version, or is damaged.
    """
    path = Path(folder)
    if not os.path.isfile(path / CONFIG) and is_pretrained(path):
        found, expected = "a pretrained network, which knows no classes", "a trained model"
        remedy = f"train it first (seqwise train FILE --pretrained {excerpt(str(path))})"
        fail(path, Code.NOT_A_MODEL, found, expected, remedy)
    config, hashes = read_account(path, CONFIG)
    data = read_settings(path / CONFIG, config, "data", DataConfig)
    shape = read_settings(path / CONFIG, config, "model", ModelConfig)
    train = read_settings(path / CONFIG, config, "train", TrainConfig)
    codec = read_codec(path / CODEC, hashes, data, shape)
    labels = _load_labels(path / LABELS, _read_checked(path / LABELS, hashes))
    if (len(labels), labels.multilabel) != (shape.num_classes, shape.multilabel):
        found = f"{len(labels)} labels{', any number a record' * labels.multilabel}"
        expected = f"{shape.num_classes}{', any number a record' * shape.multilabel}"
        _damaged(path / LABELS, found, expected)
    if shape.both_strands and codec.complements() is None:
        _damaged(path / CODEC, "tokens without another strand", "DNA, as both_strands says")
    return Artifact(
        model=_load_model(path / WEIGHTS, hashes, shape, codec),
        codec=codec,
        labels=labels,
        decision=_read_decision(path / CONFIG, config, labels),
        data=data,
        shape=shape,
        train=train,
        training=read_settings(path / CONFIG, config, "training", TrainingAccount),
        versions=read_versions(path / CONFIG, config),
    )


def read_account(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the file of this name, which tells of the others, and the hashes of these.

    Raises
    ------
    ArtifactError
        If there is none, it is of a newer version, or was changed after it was written.
    """
    path = folder / name
    if not os.path.isfile(path):
        found = f"it has no {name}" if os.path.lexists(folder) else "no such folder"
        fail(folder, Code.NOT_A_MODEL, found, "a folder that seqwise saved", "check the path")
    account = _parse(path, _read(path, MOST_JSON), dict)
    version = account.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        found = f"it has format {version}"
        fail(folder, Code.NEWER_FORMAT, found, f"{FORMAT_VERSION} or older", "update seqwise")
    if version != FORMAT_VERSION:
        _damaged(path, f"its format is {excerpt(version)}", "1")
    hashes = attempt(path, lambda: dict(account["sha256"]))
    own = hashes.pop(name, None)
    written = attempt(path, lambda: to_json(account | {"sha256": hashes}))
    if content_hash(written) != own:
        _damaged(path, "it was changed after it was written", "what seqwise wrote")
    return account, hashes


def read_settings(
    path: Path, account: dict[str, Any], key: str, kind: type[AnySettings]
) -> AnySettings:
    """Read one of the settings in an account, which came from `path`."""
    return attempt(path, lambda: kind.from_dict(account[key]))


def read_codec(path: Path, hashes: dict[str, str], data: DataConfig, shape: ModelConfig) -> Codec:
    """Read a codec, of as many tokens or channels as a shape has."""
    state = _parse(path, _read_checked(path, hashes), dict)
    codec = attempt(path, lambda: build_codec(data).restore(state))
    sizes = (codec.vocab_size, codec.num_channels)
    if sizes != (shape.vocab_size, shape.num_channels):
        expected = f"{shape.vocab_size} tokens, {shape.num_channels} channels"
        _damaged(path, f"{sizes[0]} tokens, {sizes[1]} channels", expected)
    return codec


def _load_labels(path: Path, content: bytes) -> Labels:
    labels = attempt(path, lambda: Labels.from_json(parse_json(content)))
    for value in labels.values:
        problem = check_text(value) if isinstance(value, str) else None
        if problem is not None:
            _damaged(path, f"{problem.found} of a label", problem.expected)
        if isinstance(value, float) and not math.isfinite(value):
            _damaged(path, f"the label {value}", "finite numbers")
    if len(set(labels.names)) < len(labels):
        _damaged(path, "a label that stands twice", "distinct labels")
    return labels


def _read_decision(path: Path, account: dict[str, Any], labels: Labels) -> Decision:
    """Read the thresholds of the labels; a model that was made before there were any has none."""
    if "thresholds" not in account:
        return Decision.of(labels)
    return attempt(path, lambda: Decision.from_json(account["thresholds"], labels))


def read_versions(path: Path, account: dict[str, Any]) -> dict[str, str]:
    """Read the versions in an account, which came from `path`."""
    versions = account.get("versions")
    pairs = versions.items() if isinstance(versions, dict) else [(0, 0)]
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        _damaged(path, f"versions are {excerpt(versions)}", "a table of words")
    return dict(pairs)


def _load_model(path: Path, hashes: dict[str, str], shape: ModelConfig, codec: Codec) -> Classifier:
    # Without memory and without chance: the file is not believed before it has been looked at.
    with torch.device("meta"), Unfilled():
        model = attempt(path.with_name(CONFIG), lambda: build_model(shape))
    weights = read_weights(path, hashes, model.state_dict())
    model.load_state_dict(weights, assign=True)
    _check_steps(path, model)
    _check_forest(path, model)
    _check_complements(path, model, codec)
    _give_spelling(path, model, codec)
    return model.eval()


def read_weights(
    path: Path, hashes: dict[str, str], expected: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Read weights of the names, shapes and types of others, all of them finite."""
    num_bytes = sum(weight.nbytes for weight in expected.values())
    weights = _load_weights(path, _read_checked(path, hashes, 8 + MOST_HEADER + num_bytes))
    if weights.keys() != expected.keys():
        name = min(weights.keys() ^ expected.keys())
        state = "lacks" if name in expected else "has"
        _damaged(path, f"it {state} a weight {name}", "the weights that belong here")
    for name, weight in weights.items():
        if weight.shape != expected[name].shape or weight.dtype != expected[name].dtype:
            found = f"{name} is {weight.dtype} {tuple(weight.shape)}"
            _damaged(path, found, f"{expected[name].dtype} {tuple(expected[name].shape)}")
        if not all(map(math.isfinite, weight.aminmax())):  # isfinite takes as much memory again
            _damaged(path, f"{name} has a value that is not finite", "numbers")
    return weights


class Unfilled(TorchFunctionMode):
    """While entered, modules are built without values: torch compiles something to draw none.

    Its own functions for `torch.device("meta")` import `torch._dynamo`, which takes two seconds.
    """

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        is_drawing = getattr(func, "__name__", None) in DRAWING
        if is_drawing or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _check_steps(path: Path, model: Classifier) -> None:
    """Refuse steps that no series has: as many would be put before it."""
    for name, weight in model.state_dict().items():
        if name.endswith(".dilations") and not 1 <= weight.min() <= weight.max() <= MOST_STEPS:
            _damaged(path, f"{name} from {weight.min()} to {weight.max()}", f"1 to {MOST_STEPS:,}")


def _check_forest(path: Path, model: Classifier) -> None:
    """Refuse trees in which a walk would not end."""
    for each in model.modules():
        if isinstance(each, ForestModel) and not each.is_sound():
            _damaged(path, "a tree that leads nowhere", "trees that end at a class")


def _check_complements(path: Path, model: Classifier, codec: Codec) -> None:
    """Refuse another strand than that of the letters."""
    expected = codec.complements()
    if expected is None:  # then no model of it reads one
        return
    for name, weight in model.state_dict().items():
        if name.endswith("complements") and not np.array_equal(weight.numpy(), expected):
            _damaged(path, f"{name} are not those of {CODEC}", "each letter's complement")


def _give_spelling(path: Path, model: Classifier, codec: Codec) -> None:
    """Let what reads characters know those of each token."""
    for each in model.modules():
        if isinstance(each, SpelledModel):
            tokens = codec.spelling()
            if tokens is None:
                _damaged(path.with_name(CODEC), "tokens that are not spelled", "words")
            each.spelling = Spelling(tokens)


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


def _read(path: Path, most: int) -> bytes:
    try:
        return read_regular(path, most)
    except OSError as error:
        _damaged(path, error.strerror or str(error), "a file that can be read")


def _read_checked(path: Path, hashes: dict[str, str], most: int = MOST_JSON) -> bytes:
    content = _read(path, most)
    found = content_hash(content)
    if found != hashes.get(path.name):
        _damaged(path, f"its SHA-256 is {found[:12]}…", "the one that was noted for it")
    return content


def _parse(path: Path, content: bytes, kind: type[Value]) -> Value:
    value = attempt(path, lambda: parse_json(content))
    if not isinstance(value, kind):
        _damaged(path, f"a JSON {type(value).__name__}", f"a JSON {kind.__name__}")
    return value


def attempt(path: Path, read: Callable[[], Value]) -> Value:
    """Run one step of reading; what a damaged file can raise becomes the error that says so."""
    try:
        return read()
    except ConfigError as error:
        _damaged(path, error.problem.found, error.problem.expected)
    except UNREADABLE as error:
        _damaged(path, excerpt(f"{type(error).__name__}: {error}"), "what seqwise wrote")


def _damaged(path: Path, found: str, expected: str) -> NoReturn:
    fail(path, Code.DAMAGED_MODEL, found, expected, "copy or train the model anew")
