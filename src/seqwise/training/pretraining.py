"""A whole pretraining: choose settings, train on unlabelled sequences, put the result together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from typing_extensions import override

from seqwise.artifact import Pretrained, PretrainingAccount, current_versions
from seqwise.config import WITH_DIRECTIONS, ModelConfig, TrainConfig
from seqwise.identity import check_identity
from seqwise.nn import ENCODERS, NextStepModel
from seqwise.strict import setting_error
from seqwise.training.chance import mix_seed
from seqwise.training.distribution import ALONE, World
from seqwise.training.interface import Steps, identify
from seqwise.training.loop import SIZE_OF_STATE, Training
from seqwise.training.next_step import NextStep, count_tokens
from seqwise.training.preparation import PreparedData
from seqwise.training.reports import EpochReport, StepScores, read_reports
from seqwise.training.schedule import ENCODERS as TRIED
from seqwise.training.schedule import Schedule
from seqwise.training.settings import Wishes, choose_model, choose_training
from seqwise.training.state import State, join_names, select_names

PATIENCE = 3  # epochs; how well steps are foretold hardly wavers
# Of single steps, anywhere, which know nothing of what is to come.
MODEL_WISHES: dict[str, Any] = {
    "num_positions": 0,
    "kernel_size": 0,
    "stride": 1,
    "own_scale": False,
}
UNHEARD = (
    "budget",
    "class_weight",
    "label_smoothing",
    "mutation",
    "precision",
    "pretrained",
    "strand_flip",
    "tune_thresholds",
    "vectors",
)


class PretrainingRun(Steps):
    """One pretraining from encoded parts to the embedding and encoder of later classifiers.

    Iterate over it, as over a `TrainingRun`.

    Parameters
    ----------
    prepared
        The encoded parts.
    wishes
        The settings that the user has spoken of.
    world
        The processes that train together.
    workers
        Threads that prepare batches ahead.

    Attributes
    ----------
    training : Training
        Of the `NextStepModel`.
    reports : list of EpochReport
        With `StepScores`.

    Raises
    ------
    ConfigError
        If the settings do not exist or do not fit.
    """

    # Nothing is tried, and nothing follows.
    trials: tuple[()] = ()
    is_trying = False
    more: tuple[()] = ()

    def __init__(
        self, prepared: PreparedData, wishes: Wishes, *, world: World = ALONE, workers: int = 0
    ) -> None:
        super().__init__(world)
        self.prepared = prepared
        self.shape = _choose_shape(prepared, wishes)
        self.config = _choose_training(prepared, wishes)
        counts = count_tokens(prepared.train.sequences, self.shape.vocab_size)
        with torch.random.fork_rng():
            torch.manual_seed(mix_seed(self.config.seed))
            model = NextStepModel.from_config(self.shape, torch.from_numpy(counts))
        self.training = Training(
            model,
            prepared.train,
            NextStep(prepared.valid, counts, shape=self.shape, config=self.config),
            config=self.config,
            world=world,
            workers=workers,
        )
        self.schedule = Schedule(
            encoders=(self.shape.encoder,),
            epochs=self.config.epochs,
            epoch_share=self.config.epoch_share,
            refits=False,
            networks=1,
        )
        self.reports: list[EpochReport] = []
        self._identity = identify(prepared, self.shape, self.config, self.training.device)

    @override
    def _steps(self) -> Iterator[EpochReport | None]:
        for report in self.training.steps():
            if report is not None:
                self.reports.append(report)
            yield report

    @property
    def current(self) -> Training[NextStepModel]:
        """The training that goes on at the moment."""
        return self.training

    @property
    def scores(self) -> StepScores:
        """Scores of the best epoch so far, on the records that chose it."""
        scores = self.training.best.valid
        assert isinstance(scores, StepScores)
        return scores

    def place(self) -> str:
        """Say in words how far training has come."""
        epochs = self.config.epochs
        return f"in epoch {min(self.training.progress.epoch, epochs)} of {epochs}"

    def state(self) -> State:
        """Give what another run, made of the same records and settings, needs to go on."""
        state = self.training.state()
        values = {
            "identity": self._identity,
            "seconds": self.seconds,
            "reports": [report.to_dict() for report in self.reports],
            "training": state.values,
        }
        return State(values, join_names({"training": state.tensors}))

    @property
    def largest_state(self) -> int:
        """Bytes that the tensors of a state have at the most."""
        num_bytes: int = sum(each.nbytes for each in self.training.model.state_dict().values())
        return SIZE_OF_STATE * num_bytes

    def restore(self, state: State) -> None:
        """Go to where the run was that `state` was called on.

        Raises
        ------
        CheckpointError
            If that run had other records, settings or versions.
        LookupError, TypeError, ValueError
            If it is the state of nothing.
        """
        check_identity(self._identity, state.values["identity"])
        self.seconds = float(state.values["seconds"])
        self.reports = read_reports(state.values["reports"], StepScores)
        tensors = select_names(state.tensors, "training")
        self.training.restore(State(state.values["training"], tensors))

    def pretrained(self) -> Pretrained:
        """Put together what a classifier can begin with, as the best epoch so far left it."""
        scores = self.scores
        return Pretrained(
            weights=self.training.best_model().state_dict(),
            codec=self.prepared.codec,
            data=self.prepared.data,
            shape=self.shape,
            train=self.config,
            account=PretrainingAccount(
                file=self.prepared.plan.path,
                num_train=len(self.prepared.train.sequences),
                num_valid=len(self.prepared.valid.sequences),
                seconds=round(self.seconds, 1),
                num_epochs=len(self.reports),
                best_epoch=self.training.best.epoch,
                valid_loss=scores.loss,
                baseline_loss=scores.baseline,
            ),
            versions=current_versions(),
        )


def _choose_shape(prepared: PreparedData, wishes: Wishes) -> ModelConfig:
    """Choose the shape, in which no state may have seen what it is to foretell."""
    for name, value in MODEL_WISHES.items():
        if wishes.model.get(name, value) != value:
            raise setting_error(name, wishes.model[name], f"{value}, as each step is foretold")
    wishes = replace(wishes, model={**wishes.model, **MODEL_WISHES})
    encoder = wishes.model.get("encoder", TRIED[0])
    shape = choose_model(prepared.codec, encoder, num_classes=2, common_length=None, wishes=wishes)
    if shape.encoder not in WITH_DIRECTIONS:
        expected = f"{', '.join(WITH_DIRECTIONS)}: the others see the step that is to be foretold"
        raise setting_error("encoder", shape.encoder, f"one of {expected}")
    with torch.device("meta"):
        encoder = ENCODERS[shape.encoder](shape)
    if not encoder.looks_one_way:
        expected = "1, or --one-direction, or --encoder mingru: directions must not meet"
        raise setting_error("num_layers", shape.num_layers, expected)
    return shape


def _choose_training(prepared: PreparedData, wishes: Wishes) -> TrainConfig:
    """Choose how to train; no token is dropped, as each is to be foretold."""
    asked, usual = TrainConfig.from_dict(dict(wishes.train)), TrainConfig()
    for name in UNHEARD:
        if getattr(asked, name) != getattr(usual, name):
            expected = f"{getattr(usual, name)}: it has no effect on pretraining"
            raise setting_error(name, getattr(asked, name), expected)
    if wishes.train.get("token_dropout"):
        raise setting_error("token_dropout", asked.token_dropout, "0, as each is to be foretold")
    lengths = prepared.train.sequences.lengths
    spoken = {"patience": PATIENCE, "token_dropout": 0.0, "linear": False, **wishes.train}
    return choose_training(
        prepared.data,
        num_records=len(lengths),
        num_steps=math.ceil(lengths.clip(max=asked.window).sum() * asked.epoch_share)
        + prepared.num_valid_steps // 3,
        refits=False,
        valid_fraction=prepared.plan.valid_fraction,
        wishes=replace(wishes, train=spoken),
    )
