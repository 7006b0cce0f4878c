import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from seqwise.data.labels import Labels
from seqwise.errors import ConfigError
from seqwise.training.weighting import class_weights, record_weights

NAMES = ["a", "b"]
ONES = np.array([0, 0, 0, 1])
SETS = Labels(("a", "b"), multilabel=True).encode([("a",), ("a", "b"), ("a",), ()])


def test_all_weigh_the_same_unless_it_is_asked_for():
    assert class_weights("none", ONES, NAMES) is None
    assert record_weights(None, SETS) is None


def test_balanced_classes_weigh_as_in_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.arange(2), y=ONES)
    assert class_weights("balanced", ONES, NAMES) == pytest.approx(expected)


def test_each_label_is_balanced_against_its_absence():
    found = class_weights("balanced", SETS, NAMES)
    for index in range(2):
        answers = SETS.toarray()[:, index].astype(int)
        expected = compute_class_weight("balanced", classes=np.arange(2), y=answers)
        assert found[index] == pytest.approx(expected)


def test_a_table_says_how_much_records_with_a_label_weigh_beside_the_others():
    found = class_weights({"b": 6.0}, SETS, NAMES)
    assert found[0].tolist() == [1, 1]
    assert found[1, 1] / found[1, 0] == pytest.approx(6)
    weights = record_weights(found, SETS)
    assert weights.mean(axis=0) == pytest.approx([1, 1])
    assert weights[:, 1].argmax() == 1


def test_weights_of_records():
    assert record_weights(np.array([1.0, 3.0]), ONES).tolist() == [1, 1, 1, 3]


@pytest.mark.parametrize("targets", [ONES, SETS], ids=["one", "many"])
def test_a_weight_for_no_class(targets):
    with pytest.raises(ConfigError, match="'maybe'"):
        class_weights({"maybe": 2.0}, targets, NAMES)


def test_weights_that_are_still_to_be_chosen():
    with pytest.raises(ConfigError, match="only a whole run can try"):
        class_weights("auto", ONES, NAMES)


def test_nothing_that_counts():
    with pytest.raises(ConfigError, match="above 0"):
        class_weights({"a": 0.0, "b": 0.0}, ONES, NAMES)
