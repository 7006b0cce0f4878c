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
