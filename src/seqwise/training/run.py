"""A whole run: choose settings, prepare, train, and put the result together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from seqwise.artifact import Artifact, current_versions
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.nn import SequenceModel
from seqwise.training.loop import EpochReport, Training, mix_seed
from seqwise.training.preparation import LabelledSequences, check_classes, prepare, split
from seqwise.training.settings import (
    Wishes,
    choose_data,
    choose_model,
    choose_training,
    describe_shape,
)


class TrainingRun:
    """One training from labelled sequences to an artifact.

    Iterate over it to train; each step is the report of an epoch. It stops by itself, with the
    weights of the best epoch in the model.

    Parameters
    ----------
    train
        Labelled sequences; a part of them is held out where `valid` is None.
    kind
        What they are.
    wishes
        The settings that the user has spoken of.
    valid
        Sequences that choose the epoch, instead of a part of `train`.
    labels
        The classes, where they are known before; found in `train` otherwise.
    skip_bad
        Leave a class with a single record out instead of refusing the file.
    path
        The training file, for messages and for the model's own account.

    Raises
    ------
    DataError
        If the sequences cannot be trained on.
    ConfigError
        If the settings do not exist or do not fit.
    """

    def __init__(
        self,
        train: LabelledSequences,
        kind: Kind,
        wishes: Wishes,
        *,
        valid: LabelledSequences | None = None,
        labels: Labels | None = None,
        skip_bad: bool = False,
        path: str | None = None,
    ) -> None:
        config = choose_training(len(train.labels), wishes)
        train = check_classes(train, skip_bad=skip_bad, path=path)
        if valid is None:
            train, valid = split(
                train, kind, valid_fraction=config.valid_fraction, seed=config.seed
            )
        self.path = path
        self.config = config
        self.labels = labels or Labels.fit(train.labels)
        self.prepared = prepare(
            train, valid, data=choose_data(kind, train.sequences, wishes), labels=self.labels
        )
        lengths = self.prepared.train.sequences.lengths
        self.shape = choose_model(
            self.prepared.codec,
            num_classes=len(self.labels),
            common_length=int(lengths[0]) if lengths.min() == lengths.max() else None,
            wishes=wishes,
        )
        with torch.random.fork_rng():
            torch.manual_seed(mix_seed(config.seed))
            model = SequenceModel.from_config(self.shape)
        self.training = Training(
            model,
            self.prepared.train,
            self.prepared.valid,
            class_names=self.labels.names,
            config=config,
        )
        self.reports: list[EpochReport] = []
        self.seconds = 0.0

    def __iter__(self) -> Iterator[EpochReport]:
        started = time.perf_counter()
        for report in self.training:
            self.reports.append(report)
            self.seconds = time.perf_counter() - started
            yield report
        self.training.restore_best()

    def describe_model(self) -> str:
        """Say in a line what is trained, and for how long."""
        num_weights = sum(weight.numel() for weight in self.training.model.parameters())
        return (
            f"{describe_shape(self.shape)}; {num_weights:,} weights; "
            f"at most {self.config.epochs} epochs"
        )

    def artifact(self) -> Artifact:
        """Put together what was trained, with an account of how."""
        return Artifact(
            model=self.training.model.cpu().eval(),
            codec=self.prepared.codec,
            labels=self.labels,
            data=self.prepared.data,
            shape=self.shape,
            train=self.config,
            training=self._account(),
            versions=current_versions(),
        )

    def _account(self) -> dict[str, Any]:
        best = self.training.best
        return {
            "file": self.path,
            "num_train": len(self.prepared.train.targets),
            "num_valid": len(self.prepared.valid.targets),
            "num_cut": self.prepared.num_cut,
            "best_epoch": best.epoch,
            "seconds": round(self.seconds, 1),
            "valid": best.valid.to_dict(),
            "epochs": [
                {
                    "epoch": report.epoch,
                    "train_loss": report.train_loss,
                    "valid_accuracy": report.valid.accuracy,
                    "valid_log_loss": report.valid.log_loss,
                }
                for report in self.reports
            ],
        }
