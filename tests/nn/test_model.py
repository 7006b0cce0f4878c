import pytest
import torch
from torch import nn

from seqwise.config import WITH_DIRECTIONS, ModelConfig
from seqwise.errors import Code, ShapeError
from seqwise.nn import (
    ENCODERS,
    POOLINGS,
    Batch,
    LastPooling,
    MeanPooling,
    RecurrentEncoder,
    SequenceModel,
    TokenEmbedding,
    build_pooling,
)


def parts(*, embedding_dim=4, encoder_input=4, pooling_input=6, head_input=6):
    return (
        TokenEmbedding(9, embedding_dim),
        RecurrentEncoder("gru", encoder_input, 3, bidirectional=True),
        LastPooling(pooling_input, bidirectional=True),
        nn.Linear(head_input, 2),
    )


def test_parts_that_fit_make_a_model():
    batch = Batch(torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([3, 1]))
    assert SequenceModel(*parts())(batch).shape == (2, 2)


@pytest.mark.parametrize(
    ("sizes", "giver", "taker"),
    [
        ({"embedding_dim": 5}, "embedding gives 5", "4 that the encoder takes"),
        ({"pooling_input": 3}, "encoder gives 6", "3 that the pooling takes"),
        ({"head_input": 3}, "pooling gives 6", "3 that the head takes"),
    ],
)
def test_parts_of_other_sizes_are_refused(sizes, giver, taker):
    with pytest.raises(ShapeError) as caught:
        SequenceModel(*parts(**sizes))
    assert caught.value.code is Code.WRONG_SHAPE
    assert giver in caught.value.problem.found
    assert taker in caught.value.problem.expected


def test_a_head_must_fit_a_combined_pooling():
    embedding, encoder, _, head = parts()
    pooling = build_pooling("last+max", 6, bidirectional=True)
    with pytest.raises(ShapeError, match="pooling gives 12"):
        SequenceModel(embedding, encoder, pooling, head)


RECURRENT = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PARTS = {  # where each of the others has its layers
    "mingru": lambda encoder: encoder.directions[0].layers,
    "convolution": lambda encoder: encoder.layers,
    "residual": lambda encoder: encoder.blocks,
    "transformer": lambda encoder: encoder.blocks,
}


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["last", "max+last"])
def test_the_last_step_is_that_of_the_encoder_s_directions(bidirectional, pooling):
    embedding = TokenEmbedding(9, 4)
    encoder = RecurrentEncoder(
        "gru", 4, 6 // (2 if bidirectional else 1), bidirectional=bidirectional
    )
    right = build_pooling(pooling, 6, bidirectional=bidirectional)
    SequenceModel(embedding, encoder, right, nn.Linear(right.output_size, 2))
    wrong = build_pooling(pooling, 6, bidirectional=not bidirectional)
    with pytest.raises(ShapeError, match=f"bidirectional={bidirectional}, as the encoder has"):
        SequenceModel(embedding, encoder, wrong, nn.Linear(wrong.output_size, 2))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_configuration_describes_a_model(encoder, pooling):
    config = ModelConfig(
        num_classes=3,
        num_channels=2,
        encoder=encoder,
        pooling=pooling,
        embedding_dim=4,
        hidden_size=6,
        num_layers=2,
        bidirectional=encoder not in WITH_DIRECTIONS,
        dropout=0.25,
    )
    model = SequenceModel.from_config(config)
    if encoder in RECURRENT:
        assert isinstance(model.encoder.recurrence, RECURRENT[encoder])
        assert model.encoder.recurrence.num_layers == 2
    else:
        assert len(PARTS[encoder](model.encoder)) == 2
    assert model.encoder.output_size == (18 if encoder == "convolution" else 6)
    assert not model.encoder.bidirectional
    assert (model.head.out_features, model.dropout.p) == (3, 0.25)
    assert model(Batch(torch.randn(2, 3, 2), torch.tensor([3, 2]))).shape == (2, 3)


@pytest.mark.parametrize(
    ("settings", "inputs", "expected"),
    [
        ({"vocab_size": 9}, torch.zeros(1, 3, 2), r"int64 \(batch, time\)"),
        ({"num_channels": 2}, torch.zeros(1, 3, dtype=torch.int64), r"\(batch, time, 2\)"),
        ({"num_channels": 2}, torch.zeros(1, 3, 6), r"\(batch, time, 2\)"),
        ({"num_channels": 2, "own_scale": True}, torch.zeros(1, 3, 6), r"\(batch, time, 2\)"),
        ({"num_channels": 2, "stride": 2}, torch.zeros(1, 3, 3), r"\(batch, time, 2\)"),
        ({"num_channels": 2}, torch.zeros(1, 3, 2, dtype=torch.float64), "float32, as the weights"),
    ],
)
def test_inputs_that_it_does_not_read_are_refused(settings, inputs, expected):
    model = SequenceModel.from_config(ModelConfig(num_classes=2, **settings))
    with pytest.raises(ShapeError, match=expected):
        model(Batch(inputs, torch.tensor([3])))


@pytest.mark.parametrize("encoder", ["lstm", "mingru", "convolution", "transformer"])
def test_weights_may_be_in_half_precision(encoder):
    config = ModelConfig(num_classes=2, vocab_size=9, encoder=encoder, pooling="mean")
    model = SequenceModel.from_config(config).eval()
    batch = Batch(torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([3, 1]))
    expected = model(batch)
    logits = model.bfloat16()(batch)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, atol=0.02, rtol=0)


def test_dropout_works_in_training_only():
    model = SequenceModel(*parts(), dropout=0.5)
    batch = Batch(torch.tensor([[1, 2, 3]]), torch.tensor([3]))
    model.eval()
    assert torch.equal(model(batch), model(batch))
    model.train()
    assert not torch.equal(model(batch), model(batch))


def test_embedded_and_pooled_values_are_dropped():
    config = ModelConfig(num_classes=2, vocab_size=9, embedding_dim=64, hidden_size=64, dropout=0.5)
    model = SequenceModel.from_config(config).train()
    seen = {}
    model.encoder.register_forward_pre_hook(lambda _, args: seen.update(encoder=args[0]))
    model.head.register_forward_pre_hook(lambda _, args: seen.update(head=args[0]))
    model(Batch(torch.tensor([[1, 2, 3]]), torch.tensor([3])))
    for values in seen.values():
        assert 0.3 < float((values == 0).float().mean()) < 0.7


def test_a_plain_loop_of_ones_own_learns():
    torch.manual_seed(0)
    model = SequenceModel(
        TokenEmbedding(6, 8), RecurrentEncoder("lstm", 8, 8), MeanPooling(8), nn.Linear(8, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    inputs = torch.randint(1, 6, (32, 7))
    lengths = torch.randint(1, 8, (32,))
    targets = (inputs[:, 0] > 3).long()
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(Batch(inputs, lengths)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
