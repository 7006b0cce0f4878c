"""What short trainings have come to, and which of them wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqwise.config import AnyClassWeight
from seqwise.evaluation.decision import AnyScores
from seqwise.evaluation.metrics import Scores
from seqwise.evaluation.multilabel import MultilabelScores
from seqwise.training.loop import rank
from seqwise.training.reports import EpochReport


@dataclass(frozen=True)
class Trial:
    """What a short training of an encoder has come to.

    Parameters
    ----------
    encoder, class_weight
        What was tried: which encoder, and with which weights of the classes.
    best
        The report of its best epoch.
    macro_f1
        Of all that answers together with that, on the records that choose the epoch; None where no
        weights are tried.
    """

    encoder: str
    class_weight: AnyClassWeight
    best: EpochReport
    macro_f1: float | None

    @property
    def accuracy(self) -> float:
        """On the records that choose the epoch."""
        return scores_of(self.best).accuracy

    @property
    def log_loss(self) -> float:
        """On the same records."""
        return scores_of(self.best).log_loss


def scores_of(report: EpochReport) -> AnyScores:
    """Give the scores of an epoch that was held against the validation part."""
    assert isinstance(report.valid, Scores | MultilabelScores)
    return report.valid


def choose_winner(trials: Sequence[Trial]) -> Trial:
    """Choose the encoder as an epoch is chosen, then its weights of the classes by macro F1.

    Only the best encoder has a trial with other weights, so that it stays the best. Of weights with
    the same macro F1 the first win.
    """
    encoder = max(trials, key=lambda trial: rank(trial.best)).encoder
    of_encoder = [each for each in trials if each.encoder == encoder]
    return max(of_encoder, key=lambda trial: trial.macro_f1 or 0.0)


def name_trial(encoder: str, class_weight: AnyClassWeight) -> str:
    """Name what is tried in a few words."""
    return f"{encoder} with balanced classes" if class_weight == "balanced" else encoder
