import itertools

import pytest
import torch

from seqwise.config import WITH_DIRECTIONS, ModelConfig
from seqwise.errors import ShapeError
from seqwise.nn import (
    ENCODERS,
    Batch,
    SequenceModel,
    can_stream,
    stream_logits,
)
from tests.laws.reference import logits as reference_logits

SHAPES = {
    "one-direction": {"bidirectional": False, "num_layers": 1},
    "deep": {"bidirectional": False, "num_layers": 2},
    "two-directions": {"bidirectional": True, "num_layers": 1},
    "two-directions-deep": {"bidirectional": True, "num_layers": 2},
}
INPUTS = {
    "tokens": {"vocab_size": 20},
    "convolution": {"vocab_size": 20, "kernel_size": 5},
    "channels": {"num_channels": 3},
    "own-scale": {"num_channels": 3, "own_scale": True},
    "strided": {"num_channels": 3, "own_scale": True, "stride": 8},
    "strided-tokens": {"vocab_size": 20, "stride": 4},
}
POOLINGS = ("last", "mean", "max", "last+max+mean")


def build(**settings):
    torch.manual_seed(0)
    config = ModelConfig(num_classes=4, embedding_dim=6, hidden_size=6, **settings)
    return SequenceModel.from_config(config).double().eval()


CASES = [
    case
    for case in itertools.product(ENCODERS, SHAPES, INPUTS, POOLINGS)
    if case[0] in WITH_DIRECTIONS or case[1] in ("two-directions", "two-directions-deep")
    if case[0] not in ("rnn", "lstm", "gru") or case[1] != "two-directions-deep"
    if case[2] in ("tokens", "convolution", "channels") or case[3] == "last+max+mean"
]


@pytest.mark.parametrize(("encoder", "shape", "inputs", "pooling"), CASES)
def test_chunks_give_what_the_whole_gives(encoder, shape, inputs, pooling):
    model = build(encoder=encoder, pooling=pooling, **SHAPES[shape], **INPUTS[inputs])
    assert can_stream(model)
    for time in (1, 7, 8, 23):
        if "num_channels" in INPUTS[inputs]:
            sequence = torch.randn(1, time, 3, dtype=torch.float64)
        else:
            sequence = torch.randint(1, 20, (1, time))
        expected = reference_logits(model, pooling, sequence[0])
        for chunk_steps in (1, 4, 8, 100):
            got = stream_logits(model, sequence, chunk_steps=chunk_steps)
            torch.testing.assert_close(got[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"pooling": "last+attention"},
        {"num_positions": 9},
        {"num_layers": 2, "bidirectional": True},
    ],
)
def test_what_needs_the_whole_sequence_is_not_streamed(settings):
    model = build(vocab_size=20, **settings)
    assert not can_stream(model)
    with pytest.raises(ShapeError, match="can_stream"):
        stream_logits(model, torch.ones(1, 9, dtype=torch.int64), chunk_steps=4)


@pytest.mark.parametrize(
    "inputs", [torch.ones(2, 9, dtype=torch.int64), torch.ones(1, 9, 3)], ids=["two", "series"]
)
def test_what_is_not_one_sequence_of_the_model_is_not_streamed(inputs):
    with pytest.raises(ShapeError):
        stream_logits(build(vocab_size=20), inputs, chunk_steps=4)


def test_no_more_than_a_chunk_is_embedded_at_once(monkeypatch):
    model = build(vocab_size=20, kernel_size=5)
    seen = []
    forward = model.embedding.forward
    monkeypatch.setattr(
        model.embedding, "forward", lambda inputs: seen.append(inputs.size(1)) or forward(inputs)
    )
    inputs = torch.randint(1, 20, (1, 100))
    streamed = stream_logits(model, inputs, chunk_steps=10)
    assert max(seen) == 14  # two neighbours on either side
    monkeypatch.undo()
    torch.testing.assert_close(streamed, model(Batch(inputs, torch.tensor([100]))))


@pytest.mark.parametrize("encoder", ["convolution", "residual"])
def test_no_more_than_a_chunk_and_its_neighbours_is_encoded_at_once(monkeypatch, encoder):
    model = build(vocab_size=20, encoder=encoder, num_layers=2)
    seen = []
    forward = model.encoder.forward
    monkeypatch.setattr(
        model.encoder, "forward", lambda x, lengths: seen.append(x.size(1)) or forward(x, lengths)
    )
    inputs = torch.randint(1, 20, (1, 100))
    stream_logits(model, inputs, chunk_steps=10)
    assert max(seen) == 10 + 2 * model.encoder.context
    assert len(seen) == 10
