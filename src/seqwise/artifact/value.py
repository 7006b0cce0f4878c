"""What training makes: a model with its codec, its labels and an account of where it comes from."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

import torch

from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.labels import Labels
from seqwise.evaluation.decision import Decision
from seqwise.nn import Classifier
from seqwise.strict import Settings
from seqwise.version import __version__


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
        Scores of that epoch on the records that chose it, before the refit; an accuracy is that of
        all labels of a record, where it may bear any number of them.
    epochs
        For each epoch `epoch`, `train_loss`, `valid_accuracy`, `valid_log_loss`, without the refit.
    refitted
        Whether the weights are those of a second training, on all records.
    network_accuracy, linear_accuracy, character_accuracy, forest_accuracy
        Of the network, the linear model, that of characters and the forest alone, where they answer
        together.
    tried
        The accuracy of each encoder that was tried in a short training, by its name; the log loss
        where a record may bear any number of labels; None where it diverged.
    tried_weights
        The macro F1 of the weights of the classes that were, ``none`` and ``balanced``: of all that
        answered together; None where it diverged.
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
    network_accuracy: float | None = None
    linear_accuracy: float | None = None
    character_accuracy: float | None = None
    forest_accuracy: float | None = None
    tried: dict[str, float | None] = field(default_factory=dict)
    tried_weights: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """All that is needed to predict, and an account of where it comes from.

    Parameters
    ----------
    model, codec, labels
        As training made them.
    decision
        Which labels a record is given.
    data, shape, train
        The settings of the data, the model and the training.
    training
        What training saw and scored.
    versions
        Of the packages it was made with.
    """

    model: Classifier
    codec: Codec
    labels: Labels
    decision: Decision
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
