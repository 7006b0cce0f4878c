import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.errors import ShapeError
from seqwise.nn import mask_from_lengths, reverse_within_lengths, step_at, zero_padding

all_lengths = st.lists(st.integers(1, 8), min_size=1, max_size=5)
paddings = st.integers(0, 3)
quick = settings(max_examples=50)


def make(lengths, padding, features=2):
    time = max(lengths) + padding
    x = torch.arange(1.0, len(lengths) * time * features + 1).view(len(lengths), time, features)
    return x, torch.tensor(lengths)


def real_steps(x, lengths):
    return [row[:length].tolist() for row, length in zip(x, lengths.tolist(), strict=True)]


@quick
@given(all_lengths, paddings)
def test_mask_has_each_real_step(lengths, padding):
    time = max(lengths) + padding
    mask = mask_from_lengths(torch.tensor(lengths), time)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[step < length for step in range(time)] for length in lengths]


def test_mask_is_made_where_it_is_needed():
    assert mask_from_lengths(torch.tensor([1]), 2, torch.device("meta")).device.type == "meta"


@quick
@given(all_lengths, paddings)
def test_zero_padding_keeps_real_steps_and_nothing_else(lengths, padding):
    x, lengths = make(lengths, padding)
    mask = mask_from_lengths(lengths, x.size(1))
    x[~mask] = float("nan")
    zeroed = zero_padding(x, lengths)
    assert real_steps(zeroed, lengths) == real_steps(x, lengths)
    assert (zeroed[~mask] == 0).all()


def test_zero_padding_of_ids():
    ids = torch.tensor([[5, 10**12], [6, 7]])
    assert zero_padding(ids, torch.tensor([1, 2])).tolist() == [[5, 0], [6, 7]]


@quick
@given(all_lengths, paddings)
def test_reversing_turns_the_real_steps_round(lengths, padding):
    x, lengths = make(lengths, padding)
    turned = reverse_within_lengths(x, lengths)
    assert real_steps(turned, lengths) == [row[::-1] for row in real_steps(x, lengths)]


@quick
@given(all_lengths, paddings)
def test_reversing_twice_changes_nothing(lengths, padding):
    x, lengths = make(lengths, padding)
    twice = reverse_within_lengths(reverse_within_lengths(x, lengths), lengths)
    assert real_steps(twice, lengths) == real_steps(x, lengths)


@quick
@given(all_lengths, paddings)
def test_reversing_leaves_padding_behind_the_end(lengths, padding):
    x, lengths = make(lengths, padding)
    mask = mask_from_lengths(lengths, x.size(1))
    assert torch.equal(reverse_within_lengths(x, lengths)[~mask], x[~mask])


@quick
@given(all_lengths, paddings)
def test_step_at_picks_one_step_a_sequence(lengths, padding):
    x, lengths = make(lengths, padding)
    picked = step_at(x, lengths - 1)
    assert picked.tolist() == [steps[-1] for steps in real_steps(x, lengths)]


@pytest.mark.parametrize("index", [[-1, 0], [0, 3]])
def test_a_step_of_another_sequence_is_refused(index):
    with pytest.raises(ShapeError, match="0 to 2"):
        step_at(torch.zeros(2, 3, 1), torch.tensor(index))


def test_gradients_go_to_the_step_that_was_picked():
    x, lengths = make([2, 3], 0, features=1)
    x.requires_grad_()
    step_at(x, lengths - 1).sum().backward()
    assert x.grad.squeeze(-1).tolist() == [[0, 1, 0], [0, 0, 1]]
