import pytest
import torch

from seqwise.errors import ShapeError
from seqwise.nn import MinGRUEncoder


def build(**settings):
    torch.manual_seed(0)
    return MinGRUEncoder(3, 4, **settings).double().eval()


@pytest.mark.parametrize("num_layers", [1, 3])
def test_single_steps_give_what_the_whole_gives(num_layers):
    encoder = build(num_layers=num_layers, bidirectional=True)
    x = torch.randn(1, 150, 3, dtype=torch.float64)
    whole = encoder(x, torch.tensor([150]))
    forward = torch.cat(list(encoder.read(x.split(1, dim=1), backward=False)), dim=1)
    backward = torch.cat(list(encoder.read(x.flip(1).split(1, dim=1), backward=True)), dim=1)
    read = torch.cat([forward, backward.flip(1)], dim=-1)
    torch.testing.assert_close(read, whole, rtol=0, atol=1e-12)


def test_a_chunk_is_read_when_it_comes():
    encoder = build()
    asked = []

    def chunks():
        for number in range(3):
            asked.append(number)
            yield torch.randn(1, 5, 3, dtype=torch.float64)

    reader = encoder.read(chunks(), backward=False)
    next(reader)
    assert asked == [0]


def test_memories_are_of_many_lengths_at_the_start():
    layer = MinGRUEncoder(3, 65).directions[0].layers[0]
    kept = (-layer.gate.bias).sigmoid().detach()
    assert kept[0] == pytest.approx(0.5)  # half of the state is gone after a step
    assert kept[-1] == pytest.approx(64 / 65)
    assert kept.diff().gt(0).all()


def test_layers_are_dropped_between_only():
    shallow, deep = build(dropout=0.9).train(), build(num_layers=2, dropout=0.9).train()
    x, lengths = torch.randn(2, 9, 3, dtype=torch.float64), torch.tensor([9, 9])
    assert torch.equal(shallow(x, lengths), shallow(x, lengths))
    assert not torch.equal(deep(x, lengths), deep(x, lengths))


def test_another_number_of_features_is_refused():
    with pytest.raises(ShapeError, match=r"\(batch, time, 3\)"):
        build()(torch.zeros(1, 2, 4), torch.tensor([2]))
