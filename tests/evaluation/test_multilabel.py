import json

import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics

from seqwise.errors import Code, DataError, ShapeError
from seqwise.evaluation.multilabel import score_multilabel

NAMES = ["a", "b", "c", "d"]


def example(seed, num_records=60):
    random = np.random.default_rng(seed)
    truth = random.random((num_records, len(NAMES))) < [0.5, 0.3, 0.1, 0.9]
    truth[0] = True
    probabilities = np.clip(random.normal(0.3 + 0.3 * truth, 0.25), 0, 1).round(2)
    return probabilities, truth


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("thresholds", [0.5, [0.2, 0.6, 0.4, 0.9]])
def test_scores_are_those_of_scikit_learn(seed, thresholds):
    probabilities, truth = example(seed)
    found = score_multilabel(probabilities, truth, NAMES, thresholds)
    given = probabilities >= thresholds
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, given))
    for average, value in (("micro", found.micro_f1), ("macro", found.macro_f1)):
        expected = metrics.f1_score(truth, given, average=average, zero_division=0)
        assert value == pytest.approx(expected)
    assert found.hamming_loss == pytest.approx(metrics.hamming_loss(truth, given))
    expected = metrics.average_precision_score(truth, probabilities, average="macro")
    assert found.macro_average_precision == pytest.approx(expected)
    losses = [
        metrics.log_loss(truth[:, index], probabilities[:, index], labels=[0, 1])
        for index in range(len(NAMES))
    ]
    assert found.log_loss == pytest.approx(np.mean(losses))
    table = metrics.precision_recall_fscore_support(truth, given, zero_division=0)
    own = [(each.precision, each.recall, each.f1, each.support) for each in found.per_class]
    assert np.allclose(np.transpose(table), own)
    assert found.labels_per_record == pytest.approx(truth.sum() / len(truth))
    assert found.given_per_record == pytest.approx(given.sum() / len(truth))


def test_sparse_targets_are_the_same_targets():
    probabilities, truth = example(0)
    dense = score_multilabel(probabilities, truth, NAMES)
    assert score_multilabel(probabilities, sparse.csr_array(truth), NAMES) == dense


def test_a_label_that_nothing_bears_or_was_given_does_not_count():
    probabilities, truth = example(0)
    more = score_multilabel(
        np.c_[probabilities, np.full(60, 0.1)], np.c_[truth, np.zeros(60)], [*NAMES, "never"]
    )
    less = score_multilabel(probabilities, truth, NAMES)
    assert (more.macro_f1, more.macro_average_precision) == (
        less.macro_f1,
        less.macro_average_precision,
    )
    assert more.per_class[-1].support == 0


def test_the_most_frequent_set_is_what_is_to_be_beaten():
    truth = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
    assert score_multilabel(truth * 0.9, truth, ["a", "b"]).majority_accuracy == 0.5


def test_one_label_alone():
    found = score_multilabel([[0.9], [0.2], [0.6]], [[1], [0], [0]], ["a"])
    assert (found.accuracy, found.per_class[0].precision) == (pytest.approx(2 / 3), 0.5)


def test_json():
    values = score_multilabel(*example(0), NAMES).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert "subset_accuracy" in values
    assert values["per_class"][0]["threshold"] == 0.5


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_what_is_no_probability(value):
    with pytest.raises(DataError, match="record 2"):
        score_multilabel([[0.5], [value]], [[1], [0]], ["a"])


@pytest.mark.parametrize("value", [np.nan, 0.3, -1, 2])
def test_targets_that_are_neither_true_nor_false(value):
    with pytest.raises(DataError, match="record 2"):
        score_multilabel([[0.5], [0.5]], [[1], [value]], ["a"])


def test_what_does_not_fit_together():
    with pytest.raises(ShapeError):
        score_multilabel([[0.5, 0.5]], [[1]], ["a"])
    with pytest.raises(DataError) as caught:
        score_multilabel(np.empty((0, 1)), np.empty((0, 1)), ["a"])
    assert caught.value.code is Code.NO_RECORDS
