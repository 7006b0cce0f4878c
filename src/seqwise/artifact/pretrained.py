"""What pretraining makes, as one folder: a codec, an embedding and an encoder; no classes.

::

    FOLDER/
      pretrained.json     format version, settings, what pretraining saw and scored, file hashes
      codec.json          what the codec learned
      model.safetensors   the weights of embedding and encoder

Written and read as a model folder is, and as little believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from seqwise.artifact.folder import (
    CODEC,
    PRETRAINED,
    WEIGHTS,
    fail,
    is_model,
)
from seqwise.artifact.reading import (
    Unfilled,
    attempt,
    read_account,
    read_codec,
    read_settings,
    read_versions,
    read_weights,
)
from seqwise.artifact.writing import write_files
from seqwise.bounded import content_hash, to_json
from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.errors import Code
from seqwise.nn import SequenceModel
from seqwise.strict import Settings

PARTS = ("embedding.", "encoder.")
# What a classifier that begins with it has, too; pooling, head and dropout are its own.
SHARED = (
    "vocab_size",
    "num_channels",
    "encoder",
    "embedding_dim",
    "hidden_size",
    "num_layers",
    "bidirectional",
)


@dataclass(frozen=True, kw_only=True)
class PretrainingAccount(Settings):
    """What pretraining saw and scored.

    Parameters
    ----------
    file
        The file, as the user named it.
    num_train, num_valid
        Records to learn from, and records that chose the epoch.
    seconds
        Time of training.
    num_epochs, best_epoch
        Epochs that were trained, and whose weights these are, from 1.
    valid_loss, baseline_loss
        Of the records that chose the epoch; as in `StepScores`.
    """

    file: str | None
    num_train: int
    num_valid: int
    seconds: float
    num_epochs: int
    best_epoch: int
    valid_loss: float
    baseline_loss: float


@dataclass(frozen=True)
class Pretrained:
    """An embedding and an encoder to begin with, and an account of where they come from.

    Parameters
    ----------
    weights
        By their names in a `SequenceModel` or a `NextStepModel`; others are let be.
    codec
        As pretraining fitted it.
    data, shape, train
        The settings of the data, the model and the training; of `shape`, `SHARED` alone counts.
    account
        What pretraining saw and scored.
    versions
        Of the packages it was made with.
    """

    weights: dict[str, Tensor]
    codec: Codec
    data: DataConfig
    shape: ModelConfig
    train: TrainConfig
    account: PretrainingAccount
    versions: dict[str, str]

    def identity(self) -> str:
        """Give a hash of all that a classifier takes from it."""
        files = [to_json(self.data.to_dict()), to_json(self._shared()), *self._files().values()]
        return content_hash(to_json([content_hash(content) for content in files]))

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        announce: Callable[[dict[str, str]], None] = lambda hashes: None,
    ) -> None:
        """Write a folder, whole or not at all; `announce` as in `save_artifact`.

        Raises
        ------
        ArtifactError
            If it exists, unless `overwrite`, or cannot be written.
        """
        write_files(
            folder,
            self._files(),
            self.to_dict(),
            name=PRETRAINED,
            overwrite=overwrite,
            announce=announce,
        )

    def to_dict(self) -> dict[str, object]:
        """Give the settings and the account as JSON values."""
        return {
            "versions": self.versions,
            "data": self.data.to_dict(),
            "model": self._shared(),
            "train": self.train.to_dict(),
            "pretraining": self.account.to_dict(),
        }

    def _shared(self) -> dict[str, object]:
        return {name: getattr(self.shape, name) for name in SHARED}

    def _files(self) -> dict[str, bytes]:
        weights = {
            name: weight.contiguous()
            for name, weight in self.weights.items()
            if name.startswith(PARTS)
        }
        return {CODEC: to_json(self.codec.to_dict()), WEIGHTS: safetensors.torch.save(weights)}


def load_pretrained(folder: str | Path) -> Pretrained:
    """Read a folder that `Pretrained.save` has written.

    Raises
    ------
    ArtifactError
        If it is none, was written by a newer version, or is damaged.
    """
    path = Path(folder)
    if not os.path.isfile(path / PRETRAINED) and is_model(path):
        found, expected = "a trained model", "a folder that seqwise pretrain has written"
        fail(path, Code.NOT_A_MODEL, found, expected, "check --pretrained")
    account, hashes = read_account(path, PRETRAINED)
    data = read_settings(path / PRETRAINED, account, "data", DataConfig)
    shape = attempt(path / PRETRAINED, lambda: _read_shape(account["model"]))
    codec = read_codec(path / CODEC, hashes, data, shape)
    with torch.device("meta"), Unfilled():
        model = attempt(path / PRETRAINED, lambda: SequenceModel.from_config(shape))
    expected_weights = {
        name: weight for name, weight in model.state_dict().items() if name.startswith(PARTS)
    }
    return Pretrained(
        weights=read_weights(path / WEIGHTS, hashes, expected_weights),
        codec=codec,
        data=data,
        shape=shape,
        train=read_settings(path / PRETRAINED, account, "train", TrainConfig),
        account=read_settings(path / PRETRAINED, account, "pretraining", PretrainingAccount),
        versions=read_versions(path / PRETRAINED, account),
    )


def _read_shape(values: dict[str, object]) -> ModelConfig:
    if sorted(values) != sorted(SHARED):
        raise ValueError(f"settings {', '.join(sorted(values))}")
    return ModelConfig.from_dict({"num_classes": 2, **values})
