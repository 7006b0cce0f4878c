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
        The report of its best epoch; None where it diverged.
    macro_f1
        Of all that answers together with that, on the records that choose the epoch; None where no
        weights are tried.
    """

    encoder: str
    class_weight: AnyClassWeight
    best: EpochReport | None
    macro_f1: float | None

    @property
    def scores(self) -> AnyScores | None:
        """On the records that choose the epoch."""
        return None if self.best is None else scores_of(self.best)


def scores_of(report: EpochReport) -> AnyScores:
    """Give the scores of an epoch that was held against the validation part."""
    assert isinstance(report.valid, Scores | MultilabelScores)
    return report.valid


def measure(scores: AnyScores | None) -> float | None:
    """Give what an encoder is chosen by: accuracy, or log loss where labels may be any number."""
    if scores is None:
        return None
    return scores.accuracy if isinstance(scores, Scores) else scores.log_loss


def are_even(trials: Sequence[Trial]) -> bool:
    """Tell whether several encoders are the best by that alone, and another score has chosen."""
    found = [value for trial in trials if (value := measure(trial.scores)) is not None]
    is_accuracy = any(isinstance(trial.scores, Scores) for trial in trials)
    return is_accuracy and found.count(max(found)) > 1


def tell(found: float | None, form: str = ".4f") -> str:
    """Say what something came to; of a trial that diverged there is no number."""
    return "diverged" if found is None else format(found, form)


def choose_winner(trials: Sequence[Trial]) -> Trial:
    """Choose the encoder as an epoch is chosen, then its weights of the classes by macro F1.

    What diverged is none of them. Only the best encoder has a trial with other weights, so that it
    stays the best. Of weights with the same macro F1 the first win.
    """
    done = [(rank(trial.best), trial) for trial in trials if trial.best is not None]
    _, best = max(done, key=lambda each: each[0])
    of_encoder = [trial for _, trial in done if trial.encoder == best.encoder]
    return max(of_encoder, key=lambda trial: trial.macro_f1 or 0.0)


def name_trial(encoder: str, class_weight: AnyClassWeight) -> str:
    """Name what is tried in a few words."""
    return f"{encoder} with balanced classes" if class_weight == "balanced" else encoder
