"""A whole run: choose settings, prepare, train, and put the result together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.artifact import Artifact, TrainingAccount, current_versions
from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.metrics import Scores
from seqwise.identity import Identity, check_identity
from seqwise.nn import Classifier, SequenceModel
from seqwise.training.chance import mix_seed
from seqwise.training.companion import Companion, find_companion
from seqwise.training.distribution import ALONE, World
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore, PreparedData
from seqwise.training.reports import EpochReport
from seqwise.training.settings import (
    Wishes,
    choose_model,
    choose_training,
)
from seqwise.training.start import SETTINGS_OF_STARTS, open_start
from seqwise.training.state import State, join_names, select_names


class TrainingRun:
    """One training from encoded parts to an artifact.

    Iterate over it to train; each step is the report of an epoch. First a part of the records
    chooses the epoch; where the settings say so, a refit on all records follows. It stops by
    itself, and may be left at any epoch: the artifact is that of the best one then.

    Parameters
    ----------
    prepared
        The encoded parts.
    wishes
        The settings that the user has spoken of.
    world
        The processes that train together; each makes the same run, of the same records.
    workers
        Threads that prepare batches ahead.

    Attributes
    ----------
    start : Start
        What the network starts from.
    training, refit : Training
        The one that finds the best epoch, and the one on all records; None before it begins.
    reports : list of EpochReport
        Of the first.

    Raises
    ------
    ConfigError
        If the settings do not exist or do not fit.
    """

    def __init__(
        self,
        prepared: PreparedData,
        wishes: Wishes,
        *,
        world: World = ALONE,
        workers: int = 0,
    ) -> None:
        self.prepared = prepared
        self.world = world
        self.workers = workers
        lengths = prepared.train.sequences.lengths
        window = TrainConfig.from_dict(dict(wishes.train)).window
        # Validation reads whole sequences, but forwards only: a third of the work of training.
        num_valid_steps = prepared.num_valid_steps // 3
        self.config = choose_training(
            prepared.data,
            num_records=len(lengths),
            num_steps=int(lengths.clip(max=window).sum()) + num_valid_steps,
            refits=prepared.whole is not None,
            wishes=wishes,
        )
        if self.config.refit and prepared.whole is None:
            raise _nothing_to_refit_on()
        self.start = open_start(wishes)
        self.shape = choose_model(
            prepared.codec,
            num_classes=len(prepared.labels),
            common_length=_common_length(lengths, window),
            wishes=self.start.settle(wishes),
        )
        self.training = self._begin(self.shape, prepared.codec, prepared.train, prepared.valid)
        self.refit: Training[SequenceModel] | None = None
        self.reports: list[EpochReport] = []
        self.seconds = 0.0
        self._whole = prepared.whole if self.config.refit else None
        self._refit_parts = (prepared.codec, self.shape)
        self._companion: tuple[int, Companion] | None = None  # and of which epoch

    def __iter__(self) -> Iterator[EpochReport]:
        return (report for report in self.steps() if report is not None)

    def steps(self) -> Iterator[EpochReport | None]:
        """Train batch by batch: None after each update, a report after each epoch.

        At each of them `state` may be called, and while `current` validates.

        Raises
        ------
        ProcessError
            If the processes have not the same to train on.
        """
        self.world.check_same(json.dumps(self._identity()).encode())
        return self._steps()

    def _steps(self) -> Iterator[EpochReport | None]:
        started = time.perf_counter() - self.seconds
        for report in chain(self._find_best_epoch(), self._refit()):
            self.seconds = time.perf_counter() - started
            yield report

    @property
    def current(self) -> Training[SequenceModel]:
        """The training that goes on at the moment."""
        return self.refit or self.training

    def place(self) -> str:
        """Say in words how far training has come."""
        phase = "epoch" if self.refit is None else "the refit, epoch"
        epoch, epochs = self.current.progress.epoch, self.current.config.epochs
        return f"in {phase} {min(epoch, epochs)} of {epochs}"

    def state(self) -> State:
        """Give what another run, made of the same records and settings, needs to go on."""
        states = {"training": self.training.state()}
        if self.refit is not None:
            states["refit"] = self.refit.state()
        values = {
            "identity": self._identity(),
            "seconds": self.seconds,
            "reports": [report.to_dict() for report in self.reports],
            **{name: state.values for name, state in states.items()},
        }
        return State(values, join_names({name: each.tensors for name, each in states.items()}))

    def restore(self, state: State) -> None:
        """Go to where the run was that `state` was called on.

        Raises
        ------
        CheckpointError
            If that run had other records, settings or versions.
        """
        check_identity(self._identity(), state.values["identity"])
        self.seconds = state.values["seconds"]
        self.reports = [EpochReport.from_dict(report) for report in state.values["reports"]]
        self.training.restore(_part(state, "training"))
        if "refit" in state.values and self._whole is not None:
            self.refit = self._begin_refit(self._whole)
            self.refit.restore(_part(state, "refit"))

    @property
    def companion(self) -> Companion | None:
        """The linear model that answers together with the best epoch so far; None without one."""
        if not self.config.linear:
            return None
        epoch = self.training.best.epoch
        if self._companion is None or self._companion[0] != epoch:
            found = find_companion(
                self.training.best_model(),
                self.prepared.train,
                self.prepared.valid,
                shape=self.shape,
                config=self.config,
                names=self.prepared.labels.names,
            )
            self._companion = (epoch, found)
        return self._companion[1]

    @property
    def scores(self) -> Scores:
        """Scores of the best epoch so far, on the records that chose it."""
        return self.companion.scores if self.companion else _scores(self.training.best)

    @property
    def is_refitted(self) -> bool:
        """Whether the refit has come to its end."""
        return self.refit is not None and self.refit.is_over

    def _find_best_epoch(self) -> Iterator[EpochReport | None]:
        for report in self.training.steps():
            if report is not None:
                self.reports.append(report)
            yield report
        if self.world.is_first:
            with self.training.progress.as_validating():
                self.companion  # noqa: B018 - found while it may still be stopped

    def _refit(self) -> Iterator[EpochReport | None]:
        """Train fresh weights on all records, for as many epochs as the best one took."""
        if self._whole is None:
            return
        if self.refit is None:
            self.refit = self._begin_refit(self._whole)
        yield from self.refit.steps()

    def _begin_refit(self, whole: tuple[Codec, LabelledStore]) -> Training[SequenceModel]:
        codec, records = whole
        # The model stays as it was chosen, but for the tokens that it knows.
        shape = replace(self.shape, vocab_size=codec.vocab_size)
        self._refit_parts = (codec, shape)
        return self._begin(shape, codec, records, None, epochs=self.training.best.epoch)

    def _begin(
        self,
        shape: ModelConfig,
        codec: Codec,
        train: LabelledStore,
        valid: LabelledStore | None,
        *,
        epochs: int | None = None,
    ) -> Training[SequenceModel]:
        """Get ready to train weights that follow from the seed and the start alone."""
        with torch.random.fork_rng():
            torch.manual_seed(mix_seed(self.config.seed))
            model = SequenceModel.from_config(shape)
        self.start.put(model, codec)
        config = replace(self.config, epochs=epochs or self.config.epochs)
        names = self.prepared.labels.names
        return Training(
            model,
            train,
            Classification(train, valid, class_names=names, config=config),
            config=config,
            world=self.world,
            workers=self.workers,
        )

    def _identity(self) -> Identity:
        """Name what the result of a run follows from."""
        plan = self.prepared.plan
        return {
            "records": {"digest": plan.records},
            "data": self.prepared.data.to_dict(),
            "model": self.shape.to_dict(),
            # What is started from counts by its content, and may have moved.
            "train": self.config.to_dict() | dict.fromkeys(SETTINGS_OF_STARTS),
            "start": {name: plan.start.get(name) for name in SETTINGS_OF_STARTS},
            "machine": {"computed on": self.training.device.type},
            "versions": {name: current_versions()[name] for name in ("seqwise", "torch")},
        }

    def artifact(self) -> Artifact:
        """Put together what was trained: the best epoch so far, or the refit where it has ended."""
        codec, shape, training = self.prepared.codec, self.shape, self.training
        companion = self.companion
        if self.refit is not None and self.refit.is_over:
            codec, shape, training = *self._refit_parts, self.refit
            if companion is not None:
                names = self.prepared.labels.names
                companion = companion.refit(training.train, shape, self.config, names)
        model: Classifier = training.best_model()
        if companion is not None:
            model, shape = companion.join(training.best_model(), shape)
        return Artifact(
            model=model,
            codec=codec,
            labels=self.prepared.labels,
            data=self.prepared.data,
            shape=shape,
            train=self.config,
            training=self._account(),
            versions=current_versions(),
        )

    def _account(self) -> TrainingAccount:
        scores, companion = self.scores, self.companion
        return TrainingAccount(
            file=self.prepared.plan.path,
            num_train=len(self.prepared.train.targets),
            num_valid=len(self.prepared.valid.targets),
            num_cut=self.prepared.num_cut,
            seconds=round(self.seconds, 1),
            best_epoch=self.training.best.epoch,
            valid_accuracy=scores.accuracy,
            valid_macro_f1=scores.macro_f1,
            valid_log_loss=scores.log_loss,
            epochs=[
                {
                    "epoch": report.epoch,
                    "train_loss": report.train_loss,
                    "valid_accuracy": _scores(report).accuracy,
                    "valid_log_loss": _scores(report).log_loss,
                }
                for report in self.reports
            ],
            refitted=self.is_refitted,
            network_accuracy=companion.network_scores.accuracy if companion else None,
            linear_accuracy=companion.own_scores.accuracy if companion else None,
        )


def _part(state: State, name: str) -> State:
    return State(state.values[name], select_names(state.tensors, name))


def _scores(report: EpochReport) -> Scores:
    """Give the scores of an epoch that was held against the validation part."""
    assert isinstance(report.valid, Scores)
    return report.valid


def _nothing_to_refit_on() -> ConfigError:
    found, expected = "refit on a store that has no part for it", "a store with all records"
    return ConfigError(
        Problem(Code.BAD_SETTING, found, expected, "encode with --refit, or leave it out")
    )


def _common_length(lengths: NDArray[np.int64], window: int) -> int | None:
    """Give the length of all sequences where they have one, and are not read in windows."""
    longest = int(lengths.max())
    return longest if lengths.min() == longest <= window else None
