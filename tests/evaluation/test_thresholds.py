import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from seqwise.data.labels import Labels
from seqwise.evaluation.decision import Decision
from seqwise.evaluation.thresholds import FEWEST, best_threshold, tune

TWO = Labels(("a", "b"))
MANY = Labels(("a", "b", "c"), multilabel=True)


def encoded(table):
    sets = [
        tuple(name for name, is_there in zip("abc", row, strict=True) if is_there) for row in table
    ]
    return MANY.encode(sets)


@pytest.mark.parametrize("macro", [False, True])
@given(st.data())
def test_no_other_threshold_is_better(macro, data):
    number = data.draw(st.integers(2, 12))
    share = st.sampled_from([0.1, 0.2, 0.35, 0.5, 0.8, 1.0])
    probabilities = np.array(data.draw(st.lists(share, min_size=number, max_size=number)))
    truth = np.array(data.draw(st.lists(st.booleans(), min_size=number, max_size=number)))
    if not truth.any():
        truth[0] = True

    def value(threshold):
        average = "macro" if macro else "binary"
        given = probabilities >= threshold
        return f1_score(
            truth, given, average=average, labels=[0, 1] if macro else None, zero_division=0
        )

    best = best_threshold(probabilities, truth, macro=macro)
    assert 0 < best <= 1
    others = [value(threshold) for threshold in np.unique(probabilities)]
    assert value(best) >= max(others) - 1e-9


def test_of_equally_good_ones_the_most_even_is_taken():
    truth = np.array([False, False, True])
    assert best_threshold(np.array([0.0, 0.4, 0.6]), truth) == pytest.approx(0.5)


def test_between_neighbouring_numbers():
    lower = 0.7
    probabilities = np.array([np.nextafter(lower, 1), lower])
    best = best_threshold(probabilities, np.array([True, False]))
    assert (probabilities >= best).tolist() == [True, False]


def test_each_frequent_label_has_its_own_and_rare_ones_share_one():
    random = np.random.default_rng(0)
    truth = random.random((400, 3)) < [0.3, 0, 0]
    truth[: FEWEST - 3, 1] = truth[20 : 20 + FEWEST - 3, 2] = True
    probabilities = np.where(truth, 0.4, 0.05)
    probabilities[:, 0] = np.where(truth[:, 0], 0.9, 0.8)
    found = tune(probabilities, encoded(truth), MANY).thresholds
    assert found[0] == pytest.approx(0.85)
    assert found[1] == found[2] == pytest.approx(0.225)


def test_too_few_records_choose_nothing():
    truth = np.zeros((50, 3), dtype=bool)
    truth[0] = True
    probabilities = np.where(truth, 0.4, 0.05)
    assert tune(probabilities, encoded(truth), MANY) == Decision.of(MANY)
    rare = np.array([0] * 50 + [1] * (FEWEST - 1))
    rows = np.c_[1 - rare * 0.4, rare * 0.4]
    assert tune(rows, rare, TWO) == Decision.of(TWO)


def test_of_two_classes_the_rarer_one_gets_the_best_macro_f1():
    targets = np.array([0] * 80 + [1] * 20)
    of_rarer = np.where(targets == 1, 0.3, 0.1)
    decision = tune(np.c_[1 - of_rarer, of_rarer], targets, TWO)
    assert decision.thresholds == (None, pytest.approx(0.2))
    swapped = tune(np.c_[of_rarer, 1 - of_rarer], 1 - targets, TWO)
    assert swapped.thresholds == (pytest.approx(0.2), None)
