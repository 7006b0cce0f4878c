"""A whole run: choose settings, prepare, train, and put the result together."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Set
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

from typing_extensions import override

from seqwise.artifact import Artifact, TrainingAccount, current_versions
from seqwise.config import AnyClassWeight, ModelConfig, TrainConfig
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.evaluation.thresholds import can_tune
from seqwise.identity import check_identity
from seqwise.nn import Classifier, Network, join
from seqwise.strict import setting_error
from seqwise.training.answers import Answers
from seqwise.training.companion import Companion
from seqwise.training.distribution import ALONE, World
from seqwise.training.fits import CHARACTERS, FOREST, LINEAR, SHARE_OF_BUDGET
from seqwise.training.interface import Steps, identify
from seqwise.training.loop import Training
from seqwise.training.preparation import PreparedData
from seqwise.training.reports import EpochReport, read_reports
from seqwise.training.schedule import Costs, choose_schedule, fit_to, time_epoch, why_alone
from seqwise.training.settings import Wishes, choose_stride, choose_training, price_of_steps
from seqwise.training.stages import Stages
from seqwise.training.start import open_start
from seqwise.training.state import State, join_names, select_names
from seqwise.training.trials import Trial, choose_winner, measure, name_trial, scores_of


class TrainingRun(Steps):
    """From encoded parts to an artifact, in up to three stages.

    Encoders are tried, each in a short training, the best of them with balanced classes, too, where
    that is asked for. What wins is trained in full: a part of the records chooses its epoch. Then
    come further networks, from other seeds, on all records where the settings say so; all answer
    together.

    Iterate over it to train; each step is the report of an epoch. It stops by itself, and may be
    left at any epoch: the artifact is that of the best one then, of the training that goes on.

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
    begun
        What `time.perf_counter` gave when the whole command began, of which a budget is the time;
        None counts from now.

    Attributes
    ----------
    asked : TrainConfig
        How to train, before trials and a schedule have their say.
    start : Start
        What each network starts from.
    why_alone : str, optional
        Why no other encoder is tried.
    schedule, wanted : Schedule
        What is tried, and how much of it; and with time enough.
    trials : list of Trial
        Those that have ended.
    more : list of Training
        Those that follow; all but the last have ended.
    reports : list of EpochReport
        Of the training that finds the best epoch.

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
        begun: float | None = None,
    ) -> None:
        super().__init__(world)
        begun = time.perf_counter() if begun is None else begun
        self.prepared = prepared
        self.start = open_start(wishes)
        settled = self.start.settle(wishes)
        given = TrainConfig.from_dict(dict(wishes.train))
        lengths = prepared.train.sequences.lengths.clip(max=given.window)
        stride = choose_stride(prepared.data.kind, lengths, settled)
        num_read = int(lengths.sum())
        # Validation reads whole sequences, but forwards only: a third of the work of training.
        num_validated = prepared.num_valid_steps // 3
        price = price_of_steps(stride) * (2 if settled.model.get("both_strands") else 1)
        num_steps = math.ceil((num_read * given.epoch_share + num_validated) * price)
        self.asked = choose_training(
            prepared.data,
            num_records=len(lengths),
            num_steps=num_steps,
            refits=prepared.whole is not None,
            multilabel=prepared.labels.multilabel,
            valid_fraction=prepared.plan.valid_fraction,
            wishes=wishes,
        )
        if self.asked.refit and prepared.whole is None:
            raise _nothing_to_refit_on()
        if self.asked.tune_thresholds and not can_tune(prepared.labels):
            expected = f"false, as each record bears one of {len(prepared.labels)} classes"
            raise setting_error("tune_thresholds", True, expected)
        num_positions = settled.model.get("num_positions", 0)
        if num_positions and int(prepared.train.sequences.lengths.max()) > given.window:
            expected = f"0, as parts of {given.window} steps (--window) are read, from anywhere"
            raise setting_error("num_positions", num_positions, expected)
        kind, encoder = prepared.data.kind, self.start.shape.get("encoder")
        self.why_alone = why_alone(
            kind, self.asked, num_steps=num_steps, wishes=wishes, encoder=encoder
        )
        is_alone = self.why_alone is not None
        self.schedule = choose_schedule(
            kind, self.asked, wishes=wishes, encoder=encoder, is_alone=is_alone
        )
        self._stages = Stages(prepared, settled, self.asked, stride, self.start, world, workers)
        self.trials: list[Trial] = []
        self.more: list[Training[Network]] = []
        self.reports: list[EpochReport] = []
        self._answers = Answers(prepared)
        self._begin_stage()
        self._beside: Companion | None = None  # fitted anew, as the networks were
        self._kind_of_scores: type = self.training.objective.scores
        # As asked for, whatever the first trial has of these.
        asked = self.asked
        settings = replace(self.config, class_weight=asked.class_weight, epochs=asked.epochs)
        self._identity = identify(prepared, self.shape, settings, self.training.device)
        self.wanted = self.schedule
        self._seconds_before = 0.0  # that a budget has lost before there was anything to train
        if self.asked.budget is not None:
            named = wishes.model.keys() | wishes.train.keys()
            self._fit_to(self.asked.budget, begun, num_validated / num_read, named)

    @property
    def training(self) -> Training[Network]:
        """The trial that goes on; afterwards the training that finds the best epoch."""
        return self._stage.training

    @property
    def shape(self) -> ModelConfig:
        """The shape of its network."""
        return self._stage.shape

    @property
    def config(self) -> TrainConfig:
        """How it is trained."""
        return self._stage.config

    @property
    def current(self) -> Training[Network]:
        """The training that goes on at the moment."""
        return self.more[-1] if self.more else self.training

    @property
    def is_trying(self) -> bool:
        """Whether something is tried still."""
        return len(self.trials) < self.schedule.num_trials

    @property
    def tried_encoders(self) -> list[Trial]:
        """The trials so far by which the encoder is chosen."""
        return self.trials[: len(self.schedule.tried)] if len(self.schedule.encoders) > 1 else []

    @property
    def tried_weights(self) -> dict[str, float | None]:
        """The macro F1 of each of the weights of the classes that were tried; none before the end.

        Of the encoder that was chosen; None where it diverged.
        """
        trials = [] if self.is_trying or not self.schedule.tries_balanced else self.trials
        return {
            str(each.class_weight): each.macro_f1
            for each in trials
            if each.encoder == self.shape.encoder
        }

    def place(self) -> str:
        """Say in words how far training has come."""
        trial = name_trial(self.shape.encoder, self.config.class_weight)
        stage = f"the trial of {trial}, epoch" if self.is_trying else "epoch"
        if self.more:
            stage = f"network {len(self.more)} of {self.schedule.num_more}, epoch"
            if self.schedule.refits:
                stage = f"the refit, {stage}" if self.schedule.num_more > 1 else "the refit, epoch"
        epoch, epochs = self.current.progress.epoch, self.current.config.epochs
        return f"in {stage} {min(epoch, epochs)} of {epochs}"

    def state(self) -> State:
        """Give what another run, made of the same records and settings, needs to go on."""
        stages = {"training": self.training.state()}
        stages |= {f"more-{number}": each.state() for number, each in enumerate(self.more)}
        values = {
            "identity": self._identity,
            "schedule": asdict(self.schedule),
            "seconds": self.seconds,
            "trials": [
                [
                    trial.encoder,
                    trial.class_weight,
                    trial.best and trial.best.to_dict(),
                    trial.macro_f1,
                ]
                for trial in self.trials
            ],
            "reports": [report.to_dict() for report in self.reports],
            "stages": {name: state.values for name, state in stages.items()},
        }
        return State(values, join_names({name: each.tensors for name, each in stages.items()}))

    @property
    def largest_state(self) -> int:
        """Bytes that the tensors of a state have at the most."""
        # A budget of time only takes away from what was chosen.
        return self._stages.largest_state(self.wanted)

    def restore(self, state: State) -> None:
        """Go to where the run was that `state` was called on.

        Raises
        ------
        CheckpointError
            If that run had other records, settings or versions.
        LookupError, TypeError, ValueError
            If it is the state of nothing.
        """
        values = state.values
        check_identity(self._identity, values["identity"])
        self.schedule = self.wanted.reduced(values["schedule"])
        self.seconds = float(values["seconds"])
        self._restore_trials(values["trials"])
        self.reports = read_reports(values["reports"], self._kind_of_scores)
        self._begin_stage()
        self.training.restore(_stage(state, "training"))
        for number in range(len(values["stages"]) - 1):
            if self.is_trying or not self.current.is_over or number == self.schedule.num_more:
                raise ValueError("a network before its time")
            self._begin_more()
            self.more[-1].restore(_stage(state, f"more-{number}"))

    def _restore_trials(self, rows: list[list[Any]]) -> None:
        self.trials = []
        for encoder, class_weight, best, macro_f1 in rows:
            if not self.is_trying or (encoder, class_weight) != self._choose():
                raise ValueError("a trial that was not to come")
            if best is None:
                self.trials.append(Trial(encoder, class_weight, None, None))
                continue
            if self.schedule.tries_balanced and not 0 <= macro_f1 <= 1:
                raise ValueError(f"a macro F1 of {macro_f1}")
            [report] = read_reports([best], self._kind_of_scores)
            measured = float(macro_f1) if self.schedule.tries_balanced else None
            self.trials.append(Trial(encoder, class_weight, report, measured))

    @property
    def companion(self) -> Companion | None:
        """What answers together with the best epoch so far; None where it answers alone."""
        return self._answers.companion

    @property
    def decision(self) -> Decision:
        """Which labels are given: tuned to the best epoch so far, where that is asked for."""
        return self._answers.decision

    @property
    def scores(self) -> AnyScores:
        """Scores of the best epoch so far and of what is decided, on the records that chose it."""
        return self._answers.scores

    @property
    def is_refitted(self) -> bool:
        """Whether a training on all records has come to its end."""
        return self.schedule.refits and bool(self.finished)

    @property
    def finished(self) -> list[Training[Network]]:
        """Those of `more` that have come to their end."""
        return [training for training in self.more if training.is_over]

    def _is_late(self) -> bool:
        """Tell whether the budget is spent, by the slowest clock of all processes."""
        budget = self.asked.budget
        if budget is None:
            return False
        seconds = self._seconds_before + self._elapsed()
        return bool(self.world.largest(int(seconds > budget))[0])

    @override
    def _steps(self) -> Iterator[EpochReport | None]:
        return chain(self._try(), self._find_best_epoch(), self._train_more(), self._refit_beside())

    def _try(self) -> Iterator[EpochReport | None]:
        while self.is_trying:
            encoder, class_weight = self.shape.encoder, self.config.class_weight
            best = macro_f1 = None
            try:
                yield from self.training.steps()
                best, macro_f1 = self.training.best, self._measure_trial()
            except ConfigError as error:
                if error.code is not Code.DIVERGED or not self._has_others():
                    raise
            self.trials.append(Trial(encoder, class_weight, best, macro_f1))
            self._begin_stage()

    def _has_others(self) -> bool:
        """Tell whether another encoder than the one on trial can be taken."""
        to_come = self.schedule.tried[len(self.trials) + 1 :]
        return bool(to_come) or any(trial.best is not None for trial in self.trials)

    def _measure_trial(self) -> float | None:
        """Take the macro F1 of all that answers together, where weights of the classes are tried.

        The network's own would speak for balanced classes whatever they bring in the end: after a
        few epochs a network does not know the rare ones yet, unless they weigh more.
        """
        if not self.schedule.tries_balanced:
            return None
        macro_f1 = 0.0
        if self.world.is_first:
            with self.training.progress.as_validating():
                macro_f1 = self.scores.macro_f1  # may be stopped here, and is taken anew then
        return float(self.world.as_in_first(macro_f1))

    def _find_best_epoch(self) -> Iterator[EpochReport | None]:
        for report in self.training.steps():
            if report is not None:
                self.reports.append(report)
            yield report
            # Only what has been held against the records held out can be taken.
            if self.reports and self._is_late():
                break
        if self.world.is_first:
            with self.current.progress.as_validating():  # when a run goes on, a later one
                self.companion  # noqa: B018 - found while it may still be stopped
        self._answers.forget_fits()

    def _train_more(self) -> Iterator[EpochReport | None]:
        """Train fresh weights for as many epochs as the best one took, once or several times."""
        while len(self.finished) < self.schedule.num_more and not self._is_late():
            if len(self.finished) == len(self.more):
                self._begin_more()
            for report in self.more[-1].steps():
                yield report
                if self._is_late():
                    return

    def _refit_beside(self) -> Iterator[EpochReport | None]:
        """Fit anew, too, what stands beside networks that were, while that may still be stopped."""
        if self.is_refitted and self.config.linear and self.world.is_first:
            with self.current.progress.as_validating():
                self._beside = self._fit_beside()
        yield from ()

    def _fit_beside(self) -> Companion | None:
        codec, _, train = self._stages.last_parts(self._stage)
        return self._answers.refit(codec, train)

    def _begin_stage(self) -> None:
        """Get ready for the next trial, or for the training that finds the best epoch."""
        plan = self.schedule
        epochs = plan.trial_epochs if self.is_trying else plan.epochs
        self._stage = self._stages.begin(*self._choose(), epochs, plan)
        self._answers.follow(self._stage, plan.fits)

    def _choose(self) -> tuple[str, AnyClassWeight]:
        """Choose the encoder and the weights of the classes of what comes after the trials so far.

        That is the next trial, or the training that finds the best epoch.
        """
        plan, done, asked = self.schedule, len(self.trials), self.asked.class_weight
        if not done or done < len(plan.tried):
            return plan.encoders[done], "none" if asked == "auto" else asked
        winner = choose_winner(self.trials)
        return winner.encoder, "balanced" if self.is_trying else winner.class_weight

    def _begin_more(self) -> None:
        self.more.append(self._stages.begin_more(self._stage, len(self.more)))

    def _fit_to(self, budget: float, begun: float, validation: float, named: Set[str]) -> None:
        """Cut the schedule to what a budget leaves when all but the networks is done.

        The models beside them are fitted at once, as many as a share of the budget allows, and the
        speed of the first encoder is measured here and now.
        """
        epoch, fits, fit_seconds, refit_seconds = time_epoch(self.training), None, 0.0, 0.0
        if self.config.linear and self.world.is_first:
            fits, fit_seconds, refit_seconds = self._answers.fit_within(SHARE_OF_BUDGET * budget)
        self._seconds_before = time.perf_counter() - begun
        costs = Costs(
            epoch=epoch,
            validation=validation * epoch / self.asked.epoch_share,
            fits=fit_seconds,
            refit=refit_seconds,
        )
        told = {"left": budget - self._seconds_before, "costs": costs._asdict(), "fits": fits}
        told = self.world.as_in_first(told)
        schedule = fit_to(told["left"], self.schedule, Costs(**told["costs"]), named=named)
        self.schedule = replace(schedule, fits=told["fits"])
        self._begin_stage()

    def artifact(self) -> Artifact:
        """Put together what was trained so far: the best epoch, and the networks that followed."""
        codec, shape = self.prepared.codec, self.shape
        networks, companion = [self.training.best_model()], self.companion
        if self.is_refitted:
            codec, shape, _ = self._stages.last_parts(self._stage)
            networks, companion = [], companion and (self._beside or self._fit_beside())
        networks += [training.best_model() for training in self.finished]
        shape = replace(shape, num_networks=len(networks))
        model: Classifier = join(networks, multilabel=shape.multilabel)
        if companion is not None:
            model, shape = companion.join(networks, shape)
        return Artifact(
            model=model.eval(),
            codec=codec,
            labels=self.prepared.labels,
            decision=self.decision,
            data=self.prepared.data,
            shape=shape,
            train=self.config,
            training=self._account(),
            versions=current_versions(),
        )

    def _account(self) -> TrainingAccount:
        scores, companion = self.scores, self.companion
        own = companion.own_scores if companion else {}
        alone = {role: each.accuracy for role, each in own.items()}
        return TrainingAccount(
            file=self.prepared.plan.path,
            num_train=len(self.prepared.train.sequences),
            num_valid=len(self.prepared.valid.sequences),
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
                    "valid_accuracy": scores_of(report).accuracy,
                    "valid_log_loss": scores_of(report).log_loss,
                }
                for report in self.reports
            ],
            refitted=self.is_refitted,
            network_accuracy=companion.network_scores.accuracy if companion else None,
            linear_accuracy=alone.get(LINEAR),
            character_accuracy=alone.get(CHARACTERS),
            forest_accuracy=alone.get(FOREST),
            tried={trial.encoder: measure(trial.scores) for trial in self.tried_encoders},
            tried_weights=self.tried_weights,
        )


def _stage(state: State, name: str) -> State:
    return State(state.values["stages"][name], select_names(state.tensors, name))


def _nothing_to_refit_on() -> ConfigError:
    found, expected = "refit on a store that has no part for it", "a store with all records"
    return ConfigError(
        Problem(Code.BAD_SETTING, found, expected, "encode with --refit, or leave it out")
    )
