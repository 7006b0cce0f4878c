"""Parts of a training file: some records to train on, others to score once."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqwise import SequenceClassifier
from seqwise.evaluation.metrics import Scores, score

MOST_TRAINED, MOST_SCORED = 2_000, 3_000


def part(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the places of records to train on and of others to score."""
    order = np.random.default_rng(1_000 + seed).permutation(count)
    num_trained = min(MOST_TRAINED, count * 4 // 5)
    return order[:num_trained], order[num_trained:][:MOST_SCORED]


def score_on(
    classifier: SequenceClassifier, sequences: list[Any], labels: np.ndarray, places: np.ndarray
) -> Scores:
    """Score a classifier on some records, but those of classes that it was never shown."""
    artifact = classifier.artifact_
    known = [index for index in places if artifact.labels.unknown(str(labels[index])) is None]
    probabilities = classifier.predict_proba([sequences[index] for index in known])
    targets = artifact.labels.encode(labels[known].tolist())
    return score(probabilities, targets, artifact.labels.names)
