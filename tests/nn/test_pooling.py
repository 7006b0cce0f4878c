import pytest
import torch

from seqwise.errors import ShapeError
from seqwise.nn import (
    POOLINGS,
    AttentionPooling,
    CombinedPooling,
    LastPooling,
    MaxPooling,
    MeanPooling,
    build_pooling,
)

NAN = float("nan")
X = torch.tensor(
    [
        [[1.0, -8.0], [3.0, -2.0], [NAN, NAN]],
        [[-1.0, 5.0], [NAN, NAN], [NAN, NAN]],
        [[0.0, 1.0], [6.0, 2.0], [3.0, 9.0]],
    ]
)
LENGTHS = torch.tensor([2, 1, 3])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (LastPooling(2, bidirectional=False), [[3, -2], [-1, 5], [3, 9]]),
        (LastPooling(2, bidirectional=True), [[3, -8], [-1, 5], [3, 1]]),
        (MeanPooling(2), [[2, -5], [-1, 5], [3, 4]]),
        (MaxPooling(2), [[3, -2], [-1, 5], [6, 9]]),
    ],
)
def test_by_hand(pooling, expected):
    assert pooling(X, LENGTHS).tolist() == expected


def test_attention_with_equal_scores_is_the_mean():
    pooling = AttentionPooling(2)
    torch.nn.init.zeros_(pooling.context.weight)
    torch.testing.assert_close(pooling(X, LENGTHS), MeanPooling(2)(X, LENGTHS))


def test_attention_prefers_the_higher_score():
    pooling = AttentionPooling(2)
    with torch.no_grad():
        pooling.projection.weight.copy_(torch.eye(2) * 0.1)
        pooling.projection.bias.zero_()
        pooling.context.weight.copy_(torch.tensor([[1000.0, 0.0]]))
    chosen = torch.tensor([[3.0, -2.0], [-1.0, 5.0], [6.0, 2.0]])
    torch.testing.assert_close(pooling(X, LENGTHS), chosen)


def test_combined_stands_side_by_side_in_order():
    pooling = CombinedPooling([MaxPooling(2), MeanPooling(2)])
    assert pooling.output_size == 4
    assert pooling(X, LENGTHS)[0].tolist() == [3, -2, 2, -5]


@pytest.mark.parametrize("poolings", [[], [MaxPooling(2), MeanPooling(3)]])
def test_poolings_of_other_sizes_are_refused(poolings):
    with pytest.raises(ShapeError, match="features"):
        CombinedPooling(poolings)


@pytest.mark.parametrize("name", [*POOLINGS, "last+max+mean+attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_sizes_are_what_they_say(name, bidirectional):
    pooling = build_pooling(name, 6, bidirectional=bidirectional)
    assert pooling.input_size == 6
    assert pooling(torch.randn(3, 3, 6), LENGTHS).shape == (3, pooling.output_size)


@pytest.mark.parametrize("name", [*POOLINGS, "last+max+mean+attention"])
def test_gradients_are_finite_with_nan_in_the_padding(name):
    x = X.clone().requires_grad_()
    build_pooling(name, 2, bidirectional=True)(x, LENGTHS).sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad[0, 2] == 0).all()
    assert (x.grad[1, 1:] == 0).all()
