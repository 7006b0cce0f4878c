import pytest
import torch
from torch.autograd import gradcheck

from seqwise.nn.scan import CHUNK, scan, scan_by_loop

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}
TIMES = [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7]
# From gates that forget all to gates that forget nothing, and any between.
KEEPS = {
    "any": torch.rand,
    "long": lambda shape: 1 - 1e-3 * torch.rand(shape),
    "short": lambda shape: 1e-6 * torch.rand(shape),
    "zeros and ones": lambda shape: torch.randint(0, 2, shape).float(),
}


def results(run, inputs, loss_weights):
    """Return the states and the gradients of all inputs."""
    inputs = [each.clone().requires_grad_() for each in inputs]
    states = run(*inputs)
    (states * loss_weights).sum().backward()
    return [states.detach(), *(each.grad for each in inputs)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("time", TIMES)
def test_the_scan_is_the_loop(dtype, keeps, time):
    torch.manual_seed(time)
    shape = (3, time, 4)
    inputs = [KEEPS[keeps](shape).to(dtype), torch.randn(shape, dtype=dtype)]
    inputs.append(torch.randn(3, 4, dtype=dtype))
    loss_weights = torch.randn(shape, dtype=dtype)
    expected = results(scan_by_loop, inputs, loss_weights)
    for one, two in zip(results(scan, inputs, loss_weights), expected, strict=True):
        # A difference is measured against the largest value: single ones may be near 0 by chance.
        assert (one - two).abs().max() <= TOLERANCE[dtype] * two.abs().max()


def test_gradients_are_those_of_differences():
    shape = (2, CHUNK + 3, 2)
    inputs = [torch.rand(shape), torch.randn(shape), torch.randn(2, 2)]
    assert gradcheck(scan, [each.double().requires_grad_() for each in inputs], fast_mode=True)


def test_the_states_of_a_start_do_not_depend_on_what_follows():
    keep, added, start = torch.rand(2, 300, 3), torch.randn(2, 300, 3), torch.zeros(2, 3)
    whole = scan(keep, added, start)
    for time in (1, 63, 65, 200):
        assert torch.equal(scan(keep[:, :time], added[:, :time], start), whole[:, :time])


def test_few_calls():
    keep = torch.rand(1, 4_096, 1)
    with torch.profiler.profile() as profile:
        scan(keep, keep, torch.zeros(1, 1))
    calls = {event.key: event.count for event in profile.key_averages()}
    assert calls["aten::addcmul"] < 200
