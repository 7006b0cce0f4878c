import json
import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from seqwise.errors import Code, DataError, ShapeError
from seqwise.evaluation.metrics import expected_calibration_error, log_loss, score


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def random_case(seed, num_records=200, num_classes=5, num_true=5):
    random = np.random.default_rng(seed)
    targets = random.integers(num_true, size=num_records)
    logits = random.normal(size=(num_records, num_classes))
    logits[np.arange(num_records), targets] += 1.0
    return softmax(logits), targets, [f"class {index}" for index in range(num_classes)]


def hand_made():
    """Predictions a, b, b, a, b for the truths a, b, a, b, b."""
    probabilities = [[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.9, 0.1], [0.1, 0.9]]
    return score(probabilities, [0, 1, 0, 1, 1], ["a", "b"])


def test_score_by_hand():
    scores = hand_made()
    assert scores.num_records == 5
    assert scores.accuracy == pytest.approx(3 / 5)
    assert scores.majority_accuracy == pytest.approx(3 / 5)
    assert scores.confusion.tolist() == [[1, 1], [1, 2]]  # rows true, columns predicted
    a, b = scores.per_class
    assert (a.label, a.precision, a.recall, a.f1, a.support) == ("a", 0.5, 0.5, 0.5, 2)
    assert (b.label, b.support) == ("b", 3)
    assert (b.precision, b.recall, b.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert scores.macro_f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    expected = -sum(map(math.log, (0.8, 0.7, 0.4, 0.1, 0.9))) / 5
    assert scores.log_loss == pytest.approx(expected)
    # Bins of 1/15: 0.6 wrong; 0.7 right; 0.8 right; 0.9 wrong and 0.9 right share one.
    assert scores.ece == pytest.approx((0.6 + 0.3 + 0.2 + 0.8) / 5)


def test_confusion_is_not_symmetric_by_accident():
    scores = score([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [1, 1, 1], ["a", "b"])
    assert scores.confusion.tolist() == [[0, 0], [2, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_score_equals_scikit_learn(seed):
    probabilities, targets, names = random_case(seed)
    predicted = probabilities.argmax(axis=1)
    scores = score(probabilities, targets, names)
    assert scores.accuracy == pytest.approx(sklearn_metrics.accuracy_score(targets, predicted))
    assert scores.macro_f1 == pytest.approx(
        sklearn_metrics.f1_score(targets, predicted, average="macro")
    )
    assert scores.balanced_accuracy == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(targets, predicted)
    )
    assert scores.log_loss == pytest.approx(sklearn_metrics.log_loss(targets, probabilities))


@pytest.mark.parametrize("seed", range(4))
def test_absent_classes_as_scikit_learn_treats_them(seed):
    """Classes 3 and 4 are predicted but never true, class 5 is neither."""
    probabilities, targets, names = random_case(seed, num_true=3)
    probabilities = np.pad(probabilities, ((0, 0), (0, 1)))
    predicted = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(probabilities, targets, [*names, "never"])
    assert scores.macro_f1 == pytest.approx(
        sklearn_metrics.f1_score(targets, predicted, average="macro", zero_division=0.0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn_metrics.balanced_accuracy_score(targets, predicted)
    assert scores.balanced_accuracy == pytest.approx(expected)
    assert [each.support for each in scores.per_class[3:]] == [0, 0, 0]
    assert scores.confusion.shape == (6, 6)


def test_a_class_that_is_never_predicted():
    scores = score([[0.9, 0.1], [0.9, 0.1]], [0, 1], ["a", "b"])
    assert scores.per_class[1].precision == scores.per_class[1].f1 == 0
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)  # b occurs in the targets
    assert scores.balanced_accuracy == 0.5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ece_equals_a_plain_loop(seed, dtype):
    probabilities, targets, _ = random_case(seed)
    probabilities = probabilities.astype(dtype)
    confidence = [float(max(row)) for row in probabilities]
    right = [
        int(np.argmax(row) == target) for row, target in zip(probabilities, targets, strict=True)
    ]
    expected = 0.0
    for bin_number in range(15):
        inside = [
            record
            for record in range(len(targets))
            if bin_number / 15 < confidence[record] <= (bin_number + 1) / 15
        ]
        if inside:
            accuracy = sum(right[record] for record in inside) / len(inside)
            mean = sum(confidence[record] for record in inside) / len(inside)
            expected += len(inside) / len(targets) * abs(accuracy - mean)
    assert expected > 0.02
    assert expected_calibration_error(probabilities, targets) == pytest.approx(expected)


def test_ece_of_known_cases():
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, np.array([0, 0, 0, 0])) == 0
    assert expected_calibration_error(sure, np.array([1, 1, 1, 1])) == 1
    assert expected_calibration_error(sure, np.array([0, 1, 1, 1])) == pytest.approx(0.75)
    calibrated = np.array([[0.75, 0.25]] * 4)
    assert expected_calibration_error(calibrated, np.array([0, 0, 0, 1])) == pytest.approx(0)


def test_ece_bins_hold_their_upper_edge():
    """With 3 bins, a confidence of 2/3: both records are in the middle bin."""
    probabilities = np.array([[2 / 3, 1 / 3], [0.5, 0.5]])
    truth = np.array([0, 1])  # right with 2/3, wrong with 1/2
    assert expected_calibration_error(probabilities, truth, num_bins=3) == pytest.approx(
        abs(1 / 3 - 1 / 2) / 2
    )


@pytest.mark.parametrize(("dtype", "worst"), [(np.float32, 15.942), (np.float64, 36.044)])
def test_log_loss_of_a_certain_mistake_is_finite(dtype, worst):
    assert log_loss(np.array([[1.0, 0.0]], dtype=dtype), np.array([1])) == pytest.approx(
        worst, abs=1e-3
    )


def test_log_loss_of_perfect_and_of_uniform_probabilities():
    assert log_loss(np.eye(4), np.arange(4)) == 0
    assert log_loss(np.full((6, 4), 0.25), np.zeros(6, dtype=int)) == pytest.approx(math.log(4))


def test_single_record():
    scores = score([[0.25, 0.75]], [1], ["a", "b"])
    assert (scores.num_records, scores.accuracy, scores.macro_f1) == (1, 1.0, 1.0)
    assert (scores.balanced_accuracy, scores.majority_accuracy) == (1.0, 1.0)
    assert scores.ece == pytest.approx(0.25)
    assert scores.confusion.tolist() == [[0, 0], [0, 1]]


def test_whole_numbers_are_probabilities_too():
    scores = score([[1, 0], [0, 1]], [0, 1], ["a", "b"])
    assert (scores.accuracy, scores.log_loss) == (1, 0)


def test_ties_go_to_the_first_class():
    assert score([[0.5, 0.5]], [0], ["a", "b"]).accuracy == 1


def test_majority_accuracy_is_that_of_the_targets():
    scores = score([[0.9, 0.1]] * 4, [1, 1, 1, 0], ["a", "b"])
    assert (scores.accuracy, scores.majority_accuracy) == (0.25, 0.75)


def test_to_dict_is_json_and_flat():
    scores = hand_made()
    found = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert list(found) == [
        "num_records",
        "accuracy",
        "majority_accuracy",
        "macro_f1",
        "balanced_accuracy",
        "log_loss",
        "ece",
        "per_class",
        "confusion",
    ]
    assert found["accuracy"] == 0.6
    assert found["per_class"][0] == {
        "label": "a",
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "support": 2,
    }
    assert found["confusion"] == {"labels": ["a", "b"], "true_by_predicted": [[1, 1], [1, 2]]}


def test_confusion_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        hand_made().confusion[0, 0] = 7


def test_no_records():
    with pytest.raises(DataError) as caught:
        score(np.empty((0, 2)), np.empty(0, dtype=int), ["a", "b"])
    assert caught.value.code is Code.NO_RECORDS


@pytest.mark.parametrize(
    ("probabilities", "targets"),
    [
        (np.full((3, 2), 0.5), [0, 1]),  # one row too many
        (np.full((2, 3), 1 / 3), [0, 1]),  # one class too many
        (np.full(2, 0.5), [0, 1]),
        (np.full((2, 2), 0.5), [[0], [1]]),
    ],
)
def test_shapes_that_do_not_fit(probabilities, targets):
    with pytest.raises(ShapeError) as caught:
        score(probabilities, targets, ["a", "b"])
    assert str(np.shape(probabilities)) in str(caught.value)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([math.nan, 0.5], Code.NAN_VALUE),
        ([math.inf, -math.inf], Code.NOT_A_NUMBER),
        ([2.0, -1.0], Code.NOT_A_NUMBER),
        ([3.1, -0.4], Code.NOT_A_NUMBER),
        ([0.0, 0.0], Code.NOT_A_NUMBER),
    ],
)
def test_what_is_no_probability(row, code):
    with pytest.raises(DataError) as caught:
        score([[0.5, 0.5], row, row], [0, 1, 1], ["a", "b"])
    assert caught.value.code is code
    assert caught.value.problem.record == 2
    assert caught.value.count == 2


def test_float16_softmax_is_close_enough_to_1():
    probabilities, targets, names = random_case(0, num_classes=50)
    exact = score(probabilities, targets, names)
    assert score(probabilities.astype(np.float16), targets, names).log_loss == pytest.approx(
        exact.log_loss, rel=1e-2
    )


@pytest.mark.parametrize("target", [-1, 2])
def test_target_that_is_no_class(target):
    with pytest.raises(DataError) as caught:
        score([[0.5, 0.5]] * 2, [0, target], ["a", "b"])
    assert caught.value.code is Code.UNKNOWN_LABEL
    assert str(target) in str(caught.value)


def test_targets_that_are_no_integers():
    with pytest.raises(DataError) as caught:
        score([[0.5, 0.5]], [0.0], ["a", "b"])
    assert caught.value.code is Code.WRONG_TYPE


def test_classes_given_that_are_none():
    with pytest.raises(DataError, match="class given 5"):
        score([[0.5, 0.5]] * 2, [0, 1], ["a", "b"], predicted=[0, 5])
    with pytest.raises(ShapeError, match="as the targets are"):
        score([[0.5, 0.5]] * 2, [0, 1], ["a", "b"], predicted=[0])
