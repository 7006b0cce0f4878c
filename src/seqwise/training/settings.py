"""What training chooses where the user says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.kinds import Kind
from seqwise.data.records import RawSequence
from seqwise.training.preparation import LabelledStore

SAMPLE = 1_000
MAX_POSITIONS = 1_024
MIN_UPDATES = 2_000  # a small file gets more epochs, until it has had so many updates
EPOCHS_RANGE = (15, 60)


@dataclass(frozen=True)
class Wishes:
    """The settings that the user has spoken of, by their names; all others are chosen.

    Parameters
    ----------
    data, model, train
        Fields of `DataConfig`, `ModelConfig` and `TrainConfig`.
    """

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    train: Mapping[str, Any]


def choose_data(kind: Kind, sequences: Sequence[RawSequence], wishes: Wishes) -> DataConfig:
    """Choose what a step is.

    Text of single words (names, say) is read by the character, and with its case.
    """
    chosen: dict[str, Any] = {"kind": str(kind)}
    if kind is Kind.TEXT:
        words = np.mean([len(str(text).split()) for text in sequences[:SAMPLE]])
        if words < 2:
            chosen |= {"tokens": "characters", "lowercase": False}
    return DataConfig.from_dict(chosen | dict(wishes.data))


def choose_model(
    codec: Codec, train: LabelledStore, num_classes: int, wishes: Wishes
) -> ModelConfig:
    """Choose the shape of the model that fits a codec and the lengths it is trained on.

    Sequences of one and the same length have positions that mean something.
    """
    lengths = train.sequences.lengths
    aligned = lengths.min() == lengths.max() <= MAX_POSITIONS
    chosen = {
        "num_classes": num_classes,
        "vocab_size": codec.vocab_size,
        "num_channels": codec.num_channels,
        "num_positions": int(lengths[0]) if aligned else 0,
    }
    return ModelConfig.from_dict(chosen | dict(wishes.model))


def choose_training(num_records: int, wishes: Wishes) -> TrainConfig:
    """Choose how long to train, by the number of records in the training part."""
    config = TrainConfig.from_dict(dict(wishes.train))
    if "epochs" in wishes.train:
        return config
    updates_an_epoch = max(1, num_records // config.batch_size)
    low, high = EPOCHS_RANGE
    epochs = min(max(math.ceil(MIN_UPDATES / updates_an_epoch), low), high)
    return TrainConfig.from_dict({**wishes.train, "epochs": epochs})
