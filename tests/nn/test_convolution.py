import pytest
import torch

from seqwise.errors import ShapeError
from seqwise.nn import ConvolutionEncoder, ResidualEncoder, StepConvolution

ENCODERS = {"convolution": ConvolutionEncoder, "residual": ResidualEncoder}
every_encoder = pytest.mark.parametrize("name", ENCODERS)


def build(name, **settings):
    torch.manual_seed(0)
    return ENCODERS[name](3, 16, **settings).double().eval()


@pytest.mark.parametrize(("width", "dilation"), [(3, 1), (4, 1), (5, 4), (2, 3), (1, 1)])
def test_a_step_for_each_step(width, dilation):
    convolution = StepConvolution(1, 1, width, dilation=dilation)
    with torch.no_grad():
        convolution.weight.fill_(1)
        convolution.bias.zero_()
        steps = convolution(2.0 ** torch.arange(20).view(1, 20, 1)).flatten()
    before = (width - 1) // 2 * dilation
    for step, value in enumerate(steps.tolist()):
        seen = range(step - before, step - before + width * dilation, dilation)
        assert value == sum(2.0**place for place in seen if 0 <= place < 20)


@every_encoder
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_a_step_depends_on_its_context_and_on_nothing_beyond(name, num_layers):
    encoder = build(name, num_layers=num_layers)
    x = torch.randn(1, 201, 3, dtype=torch.float64, requires_grad=True)
    loss_weights = torch.randn(encoder.output_size, dtype=torch.float64)
    (encoder(x, torch.tensor([201]))[0, 100] @ loss_weights).backward()
    reached = x.grad[0].abs().sum(1).nonzero().flatten()
    # Of an even number of steps that a filter sees, the odd one lies behind.
    before = num_layers * 2 if name == "convolution" else encoder.context
    assert (reached.min(), reached.max()) == (100 - before, 100 + encoder.context)


def test_dilations_double_and_begin_anew():
    encoder = ResidualEncoder(3, 4, num_layers=12)
    dilations = [block.convolution.dilation[0] for block in encoder.blocks]
    assert dilations == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1, 2]
    assert encoder.context == 2 * sum(dilations)


def test_sizes():
    assert build("convolution").output_size == 48
    assert build("residual").output_size == 16


@every_encoder
def test_dropout_while_training(name):
    encoder = build(name, num_layers=2, dropout=0.5)
    x, lengths = torch.randn(1, 9, 3, dtype=torch.float64), torch.tensor([9])
    assert torch.equal(encoder(x, lengths), encoder(x, lengths))
    encoder.train()
    assert not torch.equal(encoder(x, lengths), encoder(x, lengths))


@every_encoder
def test_padding_with_nan_spoils_no_gradient(name):
    encoder = build(name, num_layers=3)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    x[0, 2:] = float("nan")
    steps = encoder(x, torch.tensor([2, 6]))
    (steps[0, :2].sum() + steps[1].sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@every_encoder
def test_another_number_of_features_is_refused(name):
    with pytest.raises(ShapeError, match=r"\(batch, time, 3\)"):
        build(name)(torch.zeros(1, 2, 4), torch.tensor([2]))
