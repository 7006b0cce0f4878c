"""What a run would answer so far: its best epoch, what stands beside it, and what is decided."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seqwise.data.codecs import Codec
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.evaluation.thresholds import tune
from seqwise.predictor import infer_logits, to_probabilities
from seqwise.training.companion import Companion, find_companion
from seqwise.training.fits import Fits, Kind, choose_kinds, fit_kinds, lead_to, price_of_refit
from seqwise.training.folds import choose_by_folds, is_worth_folds
from seqwise.training.linear import Recipe
from seqwise.training.preparation import LabelledStore, PreparedData
from seqwise.training.reports import EpochReport
from seqwise.training.stages import Stage
from seqwise.training.trials import scores_of
from seqwise.training.weighting import class_weights


class Answers:
    """What the best epoch of a stage answers on the records that chose it.

    Models that may stand beside a network are fitted once for all networks of a run, and what
    follows from an epoch is kept as long as it is the best one.

    Parameters
    ----------
    prepared
        The encoded parts.

    Attributes
    ----------
    stage : Stage
        Whose best epoch is asked.
    """

    stage: Stage

    def __init__(self, prepared: PreparedData) -> None:
        self.prepared = prepared
        self._most: dict[str, int] | None = None
        self._fits: dict[str, Fits] = {}  # by the weights of the classes
        self._companion: tuple[EpochReport, Companion] | None = None  # and of which epoch
        self._decision: tuple[EpochReport, Decision] | None = None

    def follow(self, stage: Stage, most: dict[str, int] | None) -> None:
        """Ask another stage from now on.

        Parameters
        ----------
        stage
            Of the same run.
        most
            How many models of each kind are fitted; None for all that are worth trying.
        """
        if most != self._most:
            self.forget_fits()
        self.stage, self._most = stage, most

    def fit_within(self, seconds: float) -> tuple[dict[str, int], float, float]:
        """Fit models until so many seconds are over.

        Returns
        -------
        most, seconds, refit
            How many of each kind there are, no more of which are fitted later; what they took; and
            what a refit takes at the most.
        """
        started = time.perf_counter()
        fits = self._fit(lambda: time.perf_counter() - started > seconds)
        self._most = {role: len(models) for role, models in fits.items()}
        return self._most, time.perf_counter() - started, price_of_refit(fits)

    def forget_fits(self) -> None:
        """Give back the memory of all that was fitted: some hundred megabytes of large files."""
        self._fits.clear()

    @property
    def companion(self) -> Companion | None:
        """What answers together with the best epoch; None where it answers alone."""
        config, training = self.stage.config, self.stage.training
        if not config.linear:
            return None
        if self._companion is None or self._companion[0] is not training.best:
            labels, targets = self.prepared.labels, self.prepared.train.targets
            found = find_companion(
                training.best_model(),
                self._fit(),
                self.prepared.valid,
                labels=labels,
                class_weight=class_weights(config.class_weight, targets, labels.names),
                device=config.device,
            )
            self._companion = (training.best, found)
        return self._companion[1]

    @property
    def decision(self) -> Decision:
        """Which labels are given: tuned to the best epoch, where that is asked for."""
        labels, best = self.prepared.labels, self.stage.training.best
        if not self.stage.config.tune_thresholds:
            return Decision.of(labels)
        if self._decision is None or self._decision[0] is not best:
            found = tune(self._probabilities(), self.prepared.valid.targets, labels)
            self._decision = (best, found)
        return self._decision[1]

    @property
    def scores(self) -> AnyScores:
        """Scores of the best epoch and of what is decided, on the records that chose it."""
        if not self.stage.config.tune_thresholds:
            return self.companion.scores if self.companion else scores_of(self.stage.training.best)
        valid, names = self.prepared.valid, self.prepared.labels.names
        return self.decision.score(self._probabilities(), valid.targets, names)

    def refit(self, codec: Codec, part: LabelledStore) -> Companion | None:
        """Fit what stands beside the networks anew, on what these have learned from."""
        companion = self.companion
        return companion and companion.refit(self._kinds(codec, part))

    def _fit(self, is_late: Callable[[], bool] = lambda: False) -> Fits:
        class_weight = str(self.stage.config.class_weight)
        if class_weight not in self._fits:
            prepared = self.prepared
            kinds, chosen = self._kinds(prepared.codec, prepared.train), self._choose_by_folds()
            kinds = [
                kind._replace(recipes=lead_to(chosen[kind.role], kind.recipes))
                if kind.role in chosen
                else kind
                for kind in kinds
            ]
            fits = fit_kinds(kinds, most=self._most, is_late=is_late)
            # What a chosen one has begun with was on the way.
            self._fits[class_weight] = {
                role: found[-1:] if role in chosen else found for role, found in fits.items()
            }
        return self._fits[class_weight]

    def _choose_by_folds(self) -> dict[str, Recipe]:
        """Choose how models are fitted where too few records are held out; nothing elsewhere."""
        config, prepared = self.stage.config, self.prepared
        has_clock = config.budget is not None or self._most is not None  # which ends the fits
        if has_clock or not is_worth_folds(prepared.train, prepared.valid, len(prepared.labels)):
            return {}
        names = prepared.labels.names
        return choose_by_folds(
            partial(self._kinds, prepared.codec),
            prepared.train,
            self.stage.training.model,
            class_weight=class_weights(config.class_weight, prepared.train.targets, names),
            seed=config.seed,
        )

    def _kinds(self, codec: Codec, part: LabelledStore) -> list[Kind]:
        stage, names = self.stage, self.prepared.labels.names
        return choose_kinds(part, codec, shape=stage.shape, config=stage.config, names=names)

    def _probabilities(self) -> NDArray[np.float64]:
        if self.companion:
            return self.companion.probabilities
        training, valid = self.stage.training, self.prepared.valid
        model = training.best_model().to(training.device)
        logits = infer_logits(model, valid.sequences, device=training.device)
        return to_probabilities(logits, multilabel=self.prepared.labels.multilabel)
