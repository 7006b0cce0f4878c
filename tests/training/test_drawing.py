import numpy as np

from seqwise.data.labels import Labels
from seqwise.training.drawing import draw_records


def draw(lengths, targets, **most):
    return draw_records(np.array(lengths), np.array(targets), np.random.default_rng(0), **most)


def test_all_stay_where_they_may():
    assert draw([5, 5, 5], [0, 0, 1], most_steps=15).tolist() == [0, 1, 2]


def test_no_more_than_may_be_and_one_of_each_class():
    lengths, targets = [2] * 1_000, [0] * 998 + [1, 2]
    drawn = draw(lengths, targets, most_steps=100)
    assert len(drawn) == 50
    assert {998, 999} <= set(drawn.tolist())
    assert np.all(np.diff(drawn) > 0)
    assert len(draw(lengths, targets, most_steps=10**6, most_records=30)) == 30
    assert len(draw(lengths, targets, most_steps=1)) == 3


def test_of_labels_of_any_number_one_record_of_each_is_drawn():
    sets = [("a",)] * 500 + [("a", "b")] + [()] * 498 + [("c",)]
    targets = Labels(("a", "b", "c"), multilabel=True).encode(sets)
    lengths = np.full(1_000, 2)
    drawn = draw_records(lengths, targets, np.random.default_rng(0), most_steps=100)
    assert len(drawn) == 50
    assert {500, 999} <= set(drawn.tolist())
