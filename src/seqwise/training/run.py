"""A whole run: choose settings, prepare, train, and put the result together."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.artifact import Artifact, TrainingAccount, current_versions
from seqwise.config import TrainConfig
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.nn import SequenceModel
from seqwise.training.loop import EpochReport, Training, mix_seed
from seqwise.training.preparation import LabelledSequences, prepare
from seqwise.training.settings import (
    Wishes,
    choose_data,
    choose_model,
    choose_training,
    describe_shape,
)
from seqwise.training.split import check_classes, count_equal, split


class TrainingRun:
    """One training from labelled sequences to an artifact.

    Iterate over it to train; each step is the report of an epoch. It stops by itself, and may be
    left at any epoch.

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
    path, valid_path
        The files, for messages and for the model's own account.

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
        valid_path: str | None = None,
    ) -> None:
        config = TrainConfig.from_dict(dict(wishes.train))
        train = check_classes(train, fewest=1 if valid else 2, skip_bad=skip_bad, path=path)
        self.dropped = train.dropped
        self.num_overlap = 0  # a split of our own leaves none
        if valid is None:
            train, valid = split(
                train, kind, valid_fraction=config.valid_fraction, seed=config.seed, path=path
            )
        else:
            self.num_overlap = count_equal(train, valid, kind)
        self.path = path
        self.labels = _present(labels, train) if labels else Labels.fit(train.labels)
        self.prepared = prepare(
            train,
            valid,
            data=choose_data(kind, train.sequences, wishes),
            labels=self.labels,
            valid_path=valid_path,
        )
        lengths = self.prepared.train.sequences.lengths
        num_steps = int(lengths.clip(max=config.window).sum())
        self.config = config = choose_training(
            kind, num_records=len(lengths), num_steps=num_steps, wishes=wishes
        )
        self.shape = choose_model(
            self.prepared.codec,
            num_classes=len(self.labels),
            common_length=_common_length(lengths, config.window),
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

    def describe(self) -> list[tuple[str, str]]:
        """Say in words what is trained on what: names, and what there is to say of each."""
        prepared = self.prepared
        lengths = prepared.train.sequences.lengths
        num_train, num_valid = len(lengths), len(prepared.valid.targets)
        steps = prepared.codec.describe()
        if prepared.codec.vocab_size:
            share = prepared.num_unknown / max(prepared.num_valid_steps, 1)
            steps += f"; {share:.1%} of those held out are unknown"
        if prepared.num_cut:
            steps += f"; {prepared.num_cut:,} sequences cut at {prepared.data.max_length:,} steps"
        num_weights = sum(weight.numel() for weight in self.training.model.parameters())
        facts = [
            ("records", f"{num_train:,} to learn from, {num_valid:,} to choose the epoch"),
            ("classes", f"{len(self.labels):,}"),
            ("steps", steps),
            ("model", f"{describe_shape(self.shape)}; {num_weights:,} weights"),
            ("training", f"at most {self.config.epochs} epochs"),
        ]
        longer = int((lengths > self.config.window).sum())
        if longer:
            text = (
                f"{longer:,} sequences are longer than {self.config.window:,} steps: an epoch "
                "reads a part of each, drawn anew; validation and prediction read them whole "
                "(--window)"
            )
            facts.append(("window", text))
        if self.num_overlap:
            text = (
                f"{self.num_overlap:,} of the records that choose the epoch stand among those to "
                "learn from, too: their scores say little"
            )
            facts.append(("overlap", text))
        return facts

    def artifact(self) -> Artifact:
        """Put together what was trained, with the weights of the best epoch so far."""
        return Artifact(
            model=self.training.best_model(),
            codec=self.prepared.codec,
            labels=self.labels,
            data=self.prepared.data,
            shape=self.shape,
            train=self.config,
            training=self._account(),
            versions=current_versions(),
        )

    def _account(self) -> TrainingAccount:
        best = self.training.best
        return TrainingAccount(
            file=self.path,
            num_train=len(self.prepared.train.targets),
            num_valid=len(self.prepared.valid.targets),
            num_cut=self.prepared.num_cut,
            seconds=round(self.seconds, 1),
            best_epoch=best.epoch,
            valid_accuracy=best.valid.accuracy,
            valid_macro_f1=best.valid.macro_f1,
            valid_log_loss=best.valid.log_loss,
            epochs=[
                {
                    "epoch": report.epoch,
                    "train_loss": report.train_loss,
                    "valid_accuracy": report.valid.accuracy,
                    "valid_log_loss": report.valid.log_loss,
                }
                for report in self.reports
            ],
        )


def _present(labels: Labels, train: LabelledSequences) -> Labels:
    """Keep the classes of which records are left."""
    left = set(np.unique(labels.encode(train.labels)).tolist())
    return Labels(tuple(value for index, value in enumerate(labels.values) if index in left))


def _common_length(lengths: NDArray[np.int64], window: int) -> int | None:
    """Give the length of all sequences where they have one, and are not read in windows."""
    longest = int(lengths.max())
    return longest if lengths.min() == longest <= window else None
