import numpy as np
import pytest
import torch

from seqwise.nn import RecurrentEncoder
from seqwise.speed.contenders import (
    ALL,
    SEQWISE,
    SORTED,
    USUAL,
    PackedModel,
    Shape,
    build_contenders,
    check_agreement,
    count_steps,
    lognormal_lengths,
    padding,
)

CPU = torch.device("cpu")
CELLS = ("rnn", "lstm", "gru")
LENGTHS = np.array([3, 1, 40, 7, 7, 22, 5, 2, 90, 11])


def build(cell="lstm", *, bidirectional=False, lengths=LENGTHS, batch_size=4, **options):
    shape = Shape(cell=cell, input_size=3, hidden_size=5, bidirectional=bidirectional)
    return build_contenders(shape, lengths, batch_size=batch_size, device=CPU, **options)


def rows(batches):
    """List the sequences of batches without padding, each with its target."""
    return sorted(
        (inputs[:length].tolist(), int(target))
        for batch in batches
        for inputs, length, target in zip(
            batch.inputs, batch.lengths.tolist(), batch.targets, strict=True
        )
    )


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_contenders_agree(cell, bidirectional):
    check_agreement(build(cell, bidirectional=bidirectional))


def test_a_contender_that_computes_something_else_is_found_out():
    usual, _, seqwise = build()
    usual.model.head = torch.nn.Linear(5, 2)
    with pytest.raises(AssertionError, match="not close"):
        check_agreement([usual, seqwise])


def test_gradients_are_compared_as_well():
    usual, _, seqwise = build()
    seqwise.model.embedding.table.weight.register_hook(lambda gradient: 2 * gradient)
    other = build()[0]
    with pytest.raises(AssertionError, match=r"embedding\.table\.weight"):
        check_agreement([other, seqwise])
    assert isinstance(usual.model, PackedModel)


def test_all_have_the_same_sequences_and_targets():
    usual, *others = build()
    expected = rows(usual.batches)
    assert len(expected) == len(LENGTHS)
    for contender in (usual, *others):
        assert rows(contender.batches) == rows(contender.inference_batches) == expected


def test_seqwise_infers_in_the_batches_of_prediction():
    usual, _, seqwise = build(lengths=np.arange(300, 0, -1))
    assert [len(batch) for batch in seqwise.inference_batches] == [128, 79, 61, 32]
    for batch in seqwise.inference_batches:
        assert batch.lengths.tolist() == sorted(batch.lengths.tolist(), reverse=True)
    assert usual.inference_batches == usual.batches


def test_all_have_the_same_weights():
    usual, in_order, seqwise = build()
    weights = {id(weight) for weight in seqwise.model.parameters()}
    assert {id(weight) for weight in usual.model.parameters()} == weights
    assert {id(weight) for weight in in_order.model.parameters()} == weights


def test_the_batches_of_each():
    usual, in_order, seqwise = build()
    assert [each.name for each in (usual, in_order, seqwise)] == [USUAL, SORTED, SEQWISE]
    assert [len(batch) for batch in usual.batches] == [4, 4, 2]
    descending = torch.cat([batch.lengths for batch in in_order.batches]).tolist()
    assert descending == sorted(LENGTHS.tolist(), reverse=True)
    assert isinstance(seqwise.model.encoder, RecurrentEncoder)
    assert seqwise.model.encoder.path == "auto"


def test_some_contenders_only():
    [seqwise] = build(names=(SEQWISE,))
    assert seqwise.name == SEQWISE


@pytest.mark.parametrize("name", ALL)
def test_real_steps_are_counted(name):
    [contender] = build(names=(name,))
    assert count_steps(contender.batches) == LENGTHS.sum() == 188


def test_padding_is_a_share_of_what_is_computed():
    # A single short neighbour is not worth another call: 90 + 90 steps for 90 + 80.
    [seqwise] = build(lengths=np.array([90, 80]), names=(SEQWISE,))
    assert len(seqwise.batches) == 1
    assert seqwise.padding == padding(seqwise.batches) == pytest.approx(10 / 180)
    [usual] = build(lengths=np.array([90, 80]), names=(USUAL,))
    assert usual.padding == 0


def test_the_seed_decides():
    one, two, other = (rows(build(seed=seed)[0].batches) for seed in (0, 0, 1))
    assert one == two != other


@pytest.mark.parametrize("num_sequences", [2, 33, 512])
def test_lognormal_lengths(num_sequences):
    lengths = lognormal_lengths(num_sequences)
    assert lengths.shape == (num_sequences,)
    assert lengths.dtype == np.int64
    assert (lengths[0] >= 1, lengths[-1]) == (True, 600)
    assert num_sequences == 2 or np.median(lengths) == pytest.approx(64, abs=1)


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_operations_of_a_step(cell, gates):
    shape = Shape(cell=cell, input_size=3, hidden_size=5)
    weights = torch.nn.RNNBase(cell.upper() if cell != "rnn" else "RNN_TANH", 3, 5, bias=False)
    assert shape.step_flops == 2 * sum(each.numel() for each in weights.parameters())
    both = Shape(cell=cell, input_size=3, hidden_size=5, bidirectional=True)
    assert both.step_flops == 2 * shape.step_flops
    assert shape.step_flops == 2 * gates * 5 * (3 + 5)
    assert both.step_bytes == 2 * shape.step_bytes == 2 * 4 * (3 + 5)
