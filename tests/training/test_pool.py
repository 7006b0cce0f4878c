import numpy as np
import pytest

from seqwise.data.labels import Labels
from seqwise.training.pool import fit_weights


def beliefs_of(targets, *, sure, right, seed):
    """Log probabilities of two classes that are right so often, and so sure of themselves."""
    random = np.random.default_rng(seed)
    guessed = np.where(random.random(len(targets)) < right, targets, 1 - targets)
    probabilities = np.full((len(targets), 2), 1 - sure)
    probabilities[np.arange(len(targets)), guessed] = sure
    return np.log(probabilities)


def log_loss(weights, beliefs, targets):
    pooled = np.tensordot(weights, np.stack(beliefs), axes=1)
    pooled -= np.log(np.exp(pooled).sum(axis=1, keepdims=True))
    return -pooled[np.arange(len(targets)), targets].mean()


def test_who_knows_nothing_is_not_believed_and_who_is_too_sure_is_toned_down():
    targets = np.random.default_rng(0).integers(0, 2, 4_000)
    knowing = beliefs_of(targets, sure=0.99, right=0.8, seed=1)
    guessing = beliefs_of(targets, sure=0.9, right=0.5, seed=2)
    weights, surprise = fit_weights([knowing, guessing], targets)
    # Of one that is right in 0.8 of all cases, log odds of log(4) are deserved, not of log(99).
    assert abs(weights[0] - np.log(4) / np.log(99)) < 0.03
    assert weights[1] < 0.05
    assert abs(surprise - log_loss(weights, [knowing, guessing], targets)) < 1e-3


def test_weights_are_the_best_there_are():
    targets = np.random.default_rng(0).integers(0, 2, 20_000)
    beliefs = [beliefs_of(targets, sure=0.7, right=0.8, seed=seed) for seed in (1, 2)]
    weights, _ = fit_weights(beliefs, targets)
    best = log_loss(weights, beliefs, targets)
    for step in ([0.05, 0], [0, 0.05], [-0.05, 0], [0, -0.05]):
        assert log_loss(weights + step, beliefs, targets) > best


def test_a_few_records_do_not_carry_weights_far():
    targets = np.array([1])
    sure = np.log([[0.01, 0.99]])
    weights, _ = fit_weights([sure, sure], targets)
    assert np.all(weights < 1.5)


def test_class_weights_decide_whose_surprise_counts():
    targets = np.repeat([0, 1], 500)
    favouring_no = np.log(np.tile([0.9, 0.1], (1_000, 1)))
    favouring_yes = np.log(np.tile([0.1, 0.9], (1_000, 1)))
    for counts, favoured in (([9.0, 1.0], 0), ([1.0, 9.0], 1)):
        weights, _ = fit_weights([favouring_no, favouring_yes], targets, np.array(counts))
        assert weights[favoured] > 0.9 > 0.1 > weights[1 - favoured]


# Any number of labels a record: log odds


def test_weights_of_labels_are_the_best_there_are():
    random = np.random.default_rng(0)
    labels = Labels(("a", "b", "c"), multilabel=True)
    truth = random.random((900, 3)) < [0.5, 0.2, 0.05]
    targets = labels.encode(
        [tuple(name for name, there in zip("abc", row, strict=True) if there) for row in truth]
    )
    odds = [3.0 * (truth - 0.5) + random.normal(0, 3, truth.shape) for _ in range(2)]

    def log_loss(weights):
        pooled = np.tensordot(weights, np.stack(odds), axes=1)
        return np.logaddexp(0, np.where(truth, -pooled, pooled)).mean()

    weights, surprise = fit_weights(odds, targets)
    assert surprise == pytest.approx(log_loss(weights), abs=1e-3)
    for step in ([0.05, 0], [0, 0.05], [-0.05, 0], [0, -0.05]):
        assert log_loss(weights + step) > log_loss(weights)


def test_class_weights_decide_whose_answers_count():
    labels = Labels(("a",), multilabel=True)
    targets = labels.encode([("a",)] * 500 + [()] * 500)
    for counts, favoured in (([9.0, 1.0], 0), ([1.0, 9.0], 1)):
        odds = [np.full((1_000, 1), sign * np.log(9)) for sign in (-1, 1)]
        weights, _ = fit_weights(odds, targets, np.array([counts]))
        assert weights[favoured] > weights[1 - favoured] + 0.5
