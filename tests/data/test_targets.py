import numpy as np
import pytest

from seqwise.data.labels import Labels
from seqwise.data.targets import class_counts, is_multilabel, join_targets, label_pairs, take

LABELS = Labels(("a", "b", "c"), multilabel=True)
SETS = LABELS.encode([("b", "a"), (), ("c",), ("a", "c")])
ONES = np.array([2, 0, 2])


def test_forms_are_told_apart():
    assert is_multilabel(SETS)
    assert not is_multilabel(ONES)


def test_a_batch_is_dense():
    batch = take(SETS, np.array([3, 1]))
    assert batch.dtype == np.float32
    assert batch.tolist() == [[1, 0, 1], [0, 0, 0]]
    assert take(ONES, np.array([1, 0])).tolist() == [0, 2]


def test_pairs_and_counts():
    records, classes = label_pairs(SETS)
    assert list(zip(records.tolist(), classes.tolist(), strict=True)) == [
        *((0, 0), (0, 1), (2, 2), (3, 0), (3, 2)),
    ]
    assert class_counts(SETS, 3).tolist() == [2, 1, 2]
    assert label_pairs(ONES)[0].tolist() == [0, 1, 2]
    assert class_counts(ONES, 4).tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("targets", [SETS, ONES], ids=["sets", "ones"])
def test_parts_are_joined_again(targets):
    joined = join_targets([targets[:1], targets[1:]])
    every = np.arange(targets.shape[0])
    assert np.array_equal(take(joined, every), take(targets, every))
