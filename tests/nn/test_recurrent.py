import itertools
from functools import partial
from threading import Thread
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.errors import Code, ConfigError, ShapeError
from seqwise.nn import RecurrentEncoder, mask_from_lengths, recurrent, segments, use_path

CELLS = ("rnn", "lstm", "gru")
SHAPES = list(itertools.product(CELLS, (1, 3), (False, True)))
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
every_cell = pytest.mark.parametrize("cell", CELLS)
PATHS = ("narrowed", "padded", "packed")
every_path = pytest.mark.parametrize("path", PATHS)


def build(cell, *, path="auto", num_layers=1, bidirectional=False, dropout=0.0):
    torch.manual_seed(0)
    return RecurrentEncoder(
        cell,
        3,
        4,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        path=path,
    )


def run(encoder, path, x, lengths, loss_weights):
    """Return the real steps and the gradients of the input and of each weight."""
    encoder.path = path
    encoder.zero_grad()
    x = x.clone().requires_grad_()
    mask = mask_from_lengths(lengths, x.size(1))
    steps = encoder(x, lengths)
    (steps[mask] * loss_weights[mask]).sum().backward()
    return [steps[mask], x.grad[mask], *(weight.grad.clone() for weight in encoder.parameters())]


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@settings(max_examples=6)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), padding=st.integers(0, 3))
def test_the_paths_agree(cell, num_layers, bidirectional, dtype, lengths, padding):
    encoder = build(cell, num_layers=num_layers, bidirectional=bidirectional).to(dtype)
    x = torch.randn(len(lengths), max(lengths) + padding, 3, dtype=dtype)
    loss_weights = torch.randn(*x.shape[:2], encoder.output_size, dtype=dtype)
    lengths = torch.tensor(lengths)
    packed = run(encoder, "packed", x, lengths, loss_weights)
    # A call that costs nothing is made wherever a sequence ends.
    for path, call_steps in (("padded", 100), ("narrowed", 100), ("narrowed", 0)):
        with patch.object(segments, "CALL_STEPS", call_steps):
            other = run(encoder, path, x, lengths, loss_weights)
        for one, two in zip(packed, other, strict=True):
            torch.testing.assert_close(one, two, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SHAPES)
@every_path
def test_one_step_out_for_each_step_in(cell, num_layers, bidirectional, path):
    encoder = build(cell, path=path, num_layers=num_layers, bidirectional=bidirectional)
    steps = encoder(torch.zeros(2, 7, 3), torch.tensor([5, 1]))
    assert steps.shape == (2, 7, encoder.output_size)
    assert encoder.output_size == (8 if bidirectional else 4)


@every_cell
@every_path
def test_padding_with_nan_spoils_no_gradient(cell, path):
    encoder = build(cell, path=path, num_layers=2, bidirectional=True)
    lengths = torch.tensor([2, 4])
    x = torch.randn(2, 4, 3)
    x[0, 2:] = float("nan")
    encoder(x, lengths)[mask_from_lengths(lengths, 4)].sum().backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@every_cell
@every_path
def test_dropout_works_between_layers_and_in_training_only(cell, path):
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    plain = build(cell, path=path, num_layers=2)
    dropping = build(cell, path=path, num_layers=2, dropout=0.5)
    assert torch.equal(dropping.eval()(x, lengths)[0], plain.eval()(x, lengths)[0])
    dropping.train()
    assert not torch.equal(dropping(x, lengths)[0], plain(x, lengths)[0])
    assert not torch.equal(dropping(x, lengths)[0], dropping(x, lengths)[0])


@every_cell
@every_path
def test_a_single_layer_drops_nothing(cell, path):
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    dropping = build(cell, path=path, dropout=0.5).train()
    assert torch.equal(dropping(x, lengths)[0], build(cell, path=path)(x, lengths)[0])


@every_cell
def test_a_direction_sees_nothing_from_the_other_side(cell):
    encoder = build(cell)
    x, lengths = torch.randn(1, 6, 3), torch.tensor([6])
    changed = x.clone()
    changed[0, 3:] += 1
    before, after = encoder(x, lengths), encoder(changed, lengths)
    assert torch.equal(before[0, :3], after[0, :3])
    assert not torch.equal(before[0, 3:], after[0, 3:])


@every_path
@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 3), (4, 3)])
def test_other_features_are_refused(path, shape):
    with pytest.raises(ShapeError, match=r"\(batch, time, 3\)") as caught:
        build("gru", path=path)(torch.zeros(shape), torch.tensor([1, 1]))
    assert caught.value.code is Code.WRONG_SHAPE


def test_a_path_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="'pack'"):
        build("lstm", path="pack")
    with pytest.raises(ConfigError, match="'pack'"), use_path("pack"):
        pass


def test_weights_are_those_of_torch():
    names = build("lstm", num_layers=2, bidirectional=True).state_dict().keys()
    torch_names = torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True).state_dict().keys()
    assert {name.removeprefix("recurrence.") for name in names} == set(torch_names)


@pytest.mark.parametrize("path", ["narrowed", "padded"])
@pytest.mark.parametrize("bidirectional", [False, True])
@every_cell
def test_chunks_carry_the_state_on(cell, bidirectional, path, monkeypatch):
    encoder = build(cell, num_layers=2, bidirectional=bidirectional).double()
    lengths = torch.tensor([11, 1, 4, 8])
    x = torch.randn(4, 11, 3, dtype=torch.float64)
    loss_weights = torch.randn(4, 11, encoder.output_size, dtype=torch.float64)
    whole = run(encoder, path, x, lengths, loss_weights)
    monkeypatch.setattr(recurrent, "CHUNK_STEPS", 4)
    in_chunks = run(encoder, path, x, lengths, loss_weights)
    for expected, got in zip(whole, in_chunks, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_a_path_is_used_for_a_while_and_by_one_thread_only(monkeypatch):
    encoder = build("gru", path="narrowed")
    taken = []
    monkeypatch.setattr(encoder, "_packed", lambda x, lengths: taken.append("packed"))
    monkeypatch.setattr(encoder, "_narrowed", lambda x, lengths: taken.append("narrowed"))
    call = partial(encoder, torch.zeros(1, 2, 3), torch.tensor([2]))
    with use_path("packed"):
        call()
        other = Thread(target=call)
        other.start()
        other.join()
    call()
    assert taken == ["packed", "narrowed", "narrowed"]


@every_cell
def test_the_order_of_the_batch_is_kept(cell):
    encoder = build(cell, path="narrowed")
    x, lengths = torch.randn(3, 6, 3), torch.tensor([2, 6, 4])
    steps = encoder(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(x[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(steps[row, :length], alone[0])
