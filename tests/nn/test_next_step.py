import pytest
import torch
from torch import nn

from seqwise.config import ModelConfig
from seqwise.errors import ShapeError
from seqwise.nn import Batch, NextStepModel, TokenHead

TOKENS = {"num_classes": 2, "vocab_size": 9, "embedding_dim": 6, "hidden_size": 5, "dropout": 0.0}
SERIES = {**TOKENS, "vocab_size": 0, "num_channels": 3}
COUNTS = torch.tensor([0, 1, 5, 9, 2, 2, 7, 1, 3])
CASES = [
    (encoder, kind, bidirectional)
    for encoder in ("rnn", "lstm", "gru", "mingru")
    for kind in ("tokens", "series")
    for bidirectional in (True, False)
]
every_case = pytest.mark.parametrize(("encoder", "kind", "bidirectional"), CASES)


def make(encoder="lstm", kind="tokens", bidirectional=True, **settings):
    torch.manual_seed(0)
    shape = {**(TOKENS if kind == "tokens" else SERIES), "bidirectional": bidirectional}
    config = ModelConfig.from_dict({**shape, "encoder": encoder, **settings})
    return NextStepModel.from_config(config, COUNTS).eval()


def make_batch(kind="tokens", lengths=(5, 1, 3), seed=1):
    random = torch.Generator().manual_seed(seed)
    size = (len(lengths), max(lengths))
    if kind == "tokens":
        inputs = torch.randint(2, 9, size, generator=random)
    else:
        inputs = torch.randn(*size, 3, generator=random)
    return Batch(inputs, torch.tensor(lengths))


def by_hand(model, batch):
    """Foretell step by step, each from a sequence that ends, or begins, beside it."""
    total = 0.0
    for row, length in zip(batch.inputs, batch.lengths.tolist(), strict=True):
        steps = row[:length]
        for t in range(length - 1):
            total += one(model, 0, steps[: t + 1], -1, steps[t + 1])
            if model.num_directions == 2:
                total += one(model, 1, steps[t + 1 :], 0, steps[t])
    return total


def one(model, direction, seen, place, target):
    x = model.encoder(model.embedding(seen[None]), torch.tensor([len(seen)]))
    state = x.chunk(model.num_directions, dim=-1)[direction][0, place]
    head = model.heads[direction]
    foretold = head.linear(state)
    if target.ndim:
        return float(((foretold - target) ** 2).mean())
    return -float(foretold.log_softmax(0)[head.ranks[target]])


@every_case
def test_each_step_is_foretold_from_those_on_one_side_alone(encoder, kind, bidirectional):
    model, batch = make(encoder, kind, bidirectional), make_batch(kind)
    with torch.no_grad():
        assert float(model(batch)) == pytest.approx(by_hand(model, batch), rel=1e-4)


@every_case
def test_padding_counts_for_nothing(encoder, kind, bidirectional):
    model, batch = make(encoder, kind, bidirectional), make_batch(kind, (2, 4))
    shape = (2, 3, *batch.inputs.shape[2:])
    filling = torch.full(shape, 77 if kind == "tokens" else torch.nan, dtype=batch.inputs.dtype)
    padded = Batch(torch.cat([batch.inputs, filling], dim=1), batch.lengths)
    totals, gradients = [], []
    for each in (batch, padded):
        model.zero_grad()
        total = model(each)
        total.backward()
        totals.append(float(total.detach()))
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)
    assert gradients[0].isfinite().all()


@pytest.mark.parametrize("kind", ["tokens", "series"])
@pytest.mark.parametrize("lengths", [(1,), (1, 1)])
def test_sequences_of_one_step_have_nothing_to_foretell(kind, lengths):
    total = make("gru", kind)(make_batch(kind, lengths))
    total.backward()
    assert float(total.detach()) == 0


@pytest.mark.parametrize(
    ("encoder", "settings"),
    [
        ("lstm", {"num_layers": 2}),
        ("lstm", {"kernel_size": 3}),
        ("lstm", {"kernel_size": 1, "stride": 2}),
        ("lstm", {"num_positions": 4}),
        ("lstm", {"kind": "series", "own_scale": True}),
        ("convolution", {}),
        ("residual", {}),
        ("transformer", {"hidden_size": 8}),
    ],
)
def test_a_state_that_may_have_seen_its_answer_is_refused(encoder, settings):
    with pytest.raises(ShapeError, match="might have seen"):
        make(encoder, **settings)


def test_layers_of_one_direction_and_of_mingru_do_not_meet():
    for model in (make("gru", num_layers=2, bidirectional=False), make("mingru", num_layers=3)):
        batch = make_batch()
        with torch.no_grad():
            assert float(model(batch)) == pytest.approx(by_hand(model, batch), rel=1e-4)


@pytest.mark.parametrize("vocab_size", [2_001, 12_000, 60_000])
@pytest.mark.parametrize("input_size", [3, 32])
def test_a_large_vocabulary_is_foretold_in_two_steps(vocab_size, input_size):
    torch.manual_seed(0)
    counts = torch.randperm(vocab_size)
    head = TokenHead(input_size, counts)
    assert head.ranks[counts.argmax()] == 0
    assert head.ranks[counts.argmin()] == vocab_size - 1
    num_weights = sum(weight.numel() for weight in head.parameters())
    assert num_weights < (input_size + 1) * vocab_size
    states, targets = torch.randn(4, input_size), torch.randint(0, vocab_size, (4,))
    beliefs = head.adaptive.log_prob(states)  # by rank
    assert torch.allclose(beliefs.exp().sum(dim=1), torch.ones(4), atol=1e-4)
    expected = -beliefs[torch.arange(4), head.ranks[targets]].sum()
    assert torch.allclose(head(states, targets), expected, rtol=1e-4)


def test_ranks_are_no_weights():
    head = TokenHead(4, COUNTS)
    assert "ranks" not in head.state_dict()
    assert all(isinstance(weight, nn.Parameter) for weight in head.parameters())
    assert head.ranks.tolist() == COUNTS.argsort(descending=True, stable=True).argsort().tolist()
