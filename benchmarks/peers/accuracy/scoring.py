"""From ratings to scores: one way for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss

from peers.accuracy.classifier import Classifier, Floats
from peers.accuracy.reading import Outside, Parts


def score(model: Classifier, parts: Parts) -> dict[str, float | int | None]:
    """Score a fitted model on the test part."""
    ratings = model.rate(parts.test.sequences)
    labels = np.array(parts.test.labels)
    answers = np.array(model.classes)[ratings.argmax(axis=1)]
    scores: dict[str, float | int | None] = {
        "num_train": len(parts.train.labels),
        "num_test": len(labels),
        "accuracy": float(accuracy_score(labels, answers)),
        "macro_f1": float(f1_score(labels, answers, average="macro")),
        "log_loss": float(log_loss(labels, ratings, labels=list(model.classes)))
        if model.probabilistic
        else None,
    }
    unseen = parts.unseen()
    scores["num_unseen"] = len(unseen)
    right = labels[unseen] == answers[unseen]
    scores["unseen_accuracy"] = float(right.mean()) if unseen else None
    if parts.outside is not None:
        inside = np.where(labels == answers, ratings.max(axis=1), -np.inf)
        scores |= reject(model, parts.outside, inside)
    return scores


def reject(model: Classifier, outside: Outside, inside: Floats) -> dict[str, float]:
    """Score a model that gives no answer below a threshold, found on the validation part.

    Parameters
    ----------
    model
        Fitted.
    outside
        What belongs to no class, and the validation part.
    inside
        Of each test record, the highest rating where the answer is right; else minus infinity.
    """
    ratings = model.rate(outside.valid.sequences)
    answers = np.array(model.classes)[ratings.argmax(axis=1)]
    right = np.where(answers == np.array(outside.valid.labels), ratings.max(axis=1), -np.inf)
    strangers = model.rate(outside.valid_outside.sequences).max(axis=1)
    threshold = find_threshold(right, strangers)
    rejected = model.rate(outside.test_outside.sequences).max(axis=1) < threshold
    return {
        "outside_recall": float(rejected.mean()),
        "inside_accuracy": float((inside >= threshold).mean()),
    }


def find_threshold(right: Floats, strangers: Floats) -> float:
    """Find the threshold with the most right decisions: answers at or above it, refusals below."""
    finite = right[np.isfinite(right)]
    candidates: Sequence[float] = np.unique(np.concatenate([finite, strangers, [np.inf]])).tolist()
    decided = [int((right >= each).sum() + (strangers < each).sum()) for each in candidates]
    return candidates[int(np.argmax(decided))]
