import json

import numpy as np
import pytest

from seqwise.data.labels import Labels
from seqwise.errors import ConfigError
from seqwise.evaluation.decision import Decision
from seqwise.evaluation.metrics import score

TWO, THREE = Labels(("ham", "spam")), Labels(("a", "b", "c"))
MANY = Labels(("a", "b", "c"), multilabel=True)
ROWS = np.array([[0.6, 0.3, 0.1], [0.34, 0.33, 0.33], [0.1, 0.2, 0.7]])


def test_the_most_probable_class_is_given():
    assert Decision.of(THREE).decide(ROWS).tolist() == [0, 0, 2]


def test_each_label_more_probable_than_not_is_given():
    assert Decision.of(MANY).decide(ROWS).astype(int).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(("threshold", "expected"), [(0.9, [0, 0, 1]), (0.2, [0, 1, 1])])
def test_of_two_classes_one_is_given_from_its_threshold_on(threshold, expected):
    rows = np.array([[0.85, 0.15], [0.4, 0.6], [0.1, 0.9]])
    decision = Decision.of(TWO).changed({"spam": threshold}, TWO.names)
    assert decision.decide(rows).tolist() == expected


def test_of_several_classes_those_with_a_threshold_are_asked_first():
    decision = Decision.of(THREE).changed({"b": 0.3, "c": 0.5}, THREE.names)
    assert decision.decide(ROWS).tolist() == [1, 1, 2]
    strict = Decision.of(THREE).changed({"a": 0.65, "c": 0.8}, THREE.names)
    assert strict.decide(ROWS).tolist() == [1, 1, 1]


def test_labels_of_any_number_have_thresholds_of_their_own():
    decision = Decision.of(MANY).changed(0.3, MANY.names).changed({"c": 0.7}, MANY.names)
    assert decision.thresholds == (0.3, 0.3, 0.7)
    assert decision.decide(ROWS).astype(int).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_a_threshold_is_reached_by_what_is_equal_to_it():
    decision = Decision.of(MANY).changed({"c": 0.7}, MANY.names)
    assert decision.decide(ROWS)[2].tolist() == [False, False, True]


def test_scores_follow_what_is_decided():
    targets = np.array([0, 1, 1])
    rows = np.array([[0.6, 0.4], [0.4, 0.6], [0.1, 0.9]])
    decision = Decision.of(TWO).changed({"spam": 0.7}, TWO.names)
    found = decision.score(rows, targets, TWO.names)
    assert found.confusion.tolist() == [[1, 0], [1, 1]]
    assert found.log_loss == score(rows, targets, TWO.names).log_loss


@pytest.mark.parametrize(
    ("labels", "wished", "found"),
    [
        (TWO, 0.3, "LABEL=0.3"),
        (TWO, {"eggs": 0.3}, "eggs"),
        (TWO, {"spam": 0.3, "ham": 0.2}, "a class without one"),
        (TWO, {"spam": 1.5}, "from 0 to 1"),
        (MANY, -0.1, "from 0 to 1"),
        (MANY, {"a": float("nan")}, "from 0 to 1"),
        (MANY, "0.5", "from 0 to 1"),
        (TWO, "0.5", "LABEL=0.5"),
    ],
)
def test_thresholds_that_cannot_be(labels, wished, found):
    with pytest.raises(ConfigError, match=found):
        Decision.of(labels).changed(wished, labels.names)


@pytest.mark.parametrize(
    "decision", [Decision.of(TWO).changed({"spam": 0.9}, TWO.names), Decision.of(TWO)]
)
def test_a_decision_comes_back_from_json(decision):
    values = json.loads(json.dumps(list(decision.thresholds)))
    assert Decision.from_json(values, TWO) == decision


@pytest.mark.parametrize(
    "values", [None, {}, [0.5], [0.5, None, None], ["a", None], [True, None], [0.5, 0.5], [2, None]]
)
def test_other_json_is_refused(values):
    with pytest.raises((TypeError, ValueError)):
        Decision.from_json(values, TWO)
    with pytest.raises((TypeError, ValueError)):
        Decision.from_json([None, 0.5, 0.5], MANY)


def test_labels_that_are_numbers_have_thresholds_by_number_or_name():
    labels = Labels((9, 10))
    for label in (10, 10.0, "10"):
        assert Decision.of(labels).changed({label: 0.9}, labels.names).thresholds == (None, 0.9)
