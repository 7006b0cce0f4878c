import pytest
import torch

from seqwise.config import MOST_DEPTH
from seqwise.data.collate import collate
from seqwise.errors import ShapeError
from seqwise.nn import Batch, ForestModel
from tests.nn.test_statistics import make_series


def make_forest():
    """Two trees: a single leaf, and one that asks for the length, then for the length again."""
    forest = ForestModel(2, 3, num_levels=1, num_trees=2, num_nodes=6)
    forest.roots = torch.tensor([0, 1])
    forest.questions = torch.tensor([-1, 0, -2, 0, -2, -3])
    forest.thresholds = torch.tensor([0.0, 5.0, 0.0, 8.0, 0.0, 0.0])
    forest.successors = torch.tensor([[0, 0], [2, 3], [0, 0], [4, 5], [0, 0], [0, 0]])
    return forest


def test_each_tree_has_a_vote_and_one_is_shared():
    logits = make_forest()(collate(make_series([5, 8, 9])))
    third = 1 / 3
    expected = [
        [1 + third, 1 + third, third],
        [1 + third, 1 + third, third],
        [1 + third, third, 1 + third],
    ]
    torch.testing.assert_close(logits.exp() * 3, torch.tensor(expected))


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("questions", 1, 10_000),
        ("questions", 2, -4),
        ("roots", 0, 6),
        ("roots", 0, -1),
        ("successors", 1, torch.tensor([1, 2])),
        ("successors", 3, torch.tensor([4, 6])),
        ("successors", 3, torch.tensor([4, 4])),  # two ways to one node
        ("roots", 0, 3),
    ],
)
def test_walks_that_would_not_end_are_seen(name, index, value):
    forest = make_forest()
    assert forest.is_sound()
    getattr(forest, name)[index] = value
    assert not forest.is_sound()


def test_walks_that_are_too_long_are_seen():
    def chain(depth):
        forest = ForestModel(2, 3, num_levels=1, num_trees=1, num_nodes=2 * depth + 1)
        for node in range(0, 2 * depth, 2):
            forest.questions[node] = 0
            forest.successors[node] = torch.tensor([node + 1, node + 2])
        return forest

    assert chain(MOST_DEPTH - 1).is_sound()
    assert not chain(MOST_DEPTH).is_sound()


def test_other_channels_are_refused():
    with pytest.raises(ShapeError, match=r"\(batch, time, 2\)"):
        make_forest()(Batch(torch.zeros(1, 2, 4), torch.tensor([2])))
