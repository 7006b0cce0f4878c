import pytest
import torch

from seqwise.nn.dropout import Dropout


def test_a_share_is_dropped_and_the_mean_kept():
    torch.manual_seed(0)
    dropped = Dropout(0.3)(torch.ones(100, 1000))
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    assert abs((dropped == 0).float().mean() - 0.3) < 0.01


def test_the_gradient_passes_where_the_value_did():
    x = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.5)(x)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


def test_nothing_is_dropped_when_not_training_or_not_asked():
    x = torch.randn(100)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_all_is_dropped_if_asked():
    assert torch.equal(Dropout(1.0)(torch.ones(3, 4)), torch.zeros(3, 4))


@pytest.mark.parametrize("p", [-0.5, 1.5])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="probability"):
        Dropout(p)


def test_a_small_share_is_dropped_in_half_precision():
    """Of the 256 numbers that bfloat16 has between 0 and 1 no few are below any p."""
    torch.manual_seed(0)
    dropped = Dropout(0.001)(torch.ones(1_000_000, dtype=torch.bfloat16)) == 0
    assert 0.0008 < dropped.float().mean() < 0.0012
