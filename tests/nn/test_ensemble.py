from dataclasses import replace

import numpy as np
import pytest
import torch

from seqwise import predictor
from seqwise.config import ModelConfig
from seqwise.data.collate import collate
from seqwise.errors import ShapeError
from seqwise.nn import Ensemble, NgramModel, SequenceModel, build_model
from seqwise.predictor import infer_logits

CPU = torch.device("cpu")
TOKENS = ModelConfig(num_classes=3, vocab_size=12, embedding_dim=4, hidden_size=4, num_ngrams=5)
SERIES = ModelConfig(
    num_classes=3, num_channels=2, embedding_dim=4, hidden_size=4, num_dilations=1, num_thresholds=1
)


def sequences_for(config, lengths):
    random = np.random.default_rng(0)
    if config.vocab_size:
        return [random.integers(2, 12, length).astype(np.int32) for length in lengths]
    return [random.normal(size=(length, 2)).astype(np.float32) for length in lengths]


def make_ensemble(config):
    torch.manual_seed(0)
    model = build_model(config).eval()
    with torch.no_grad():
        for weight in model.members[1].parameters():
            weight.normal_()
    model.weights = torch.tensor([0.5, 1.5])
    return model


@pytest.mark.parametrize("config", [TOKENS, SERIES], ids=["tokens", "series"])
def test_members_are_believed_by_their_weights(config):
    model = make_ensemble(config)
    batch = collate(sequences_for(config, [3, 8, 1]))
    probabilities = model(batch).softmax(1)
    network, linear = (member(batch).softmax(1) for member in model.members)
    expected = network**0.5 * linear**1.5
    torch.testing.assert_close(probabilities, expected / expected.sum(1, keepdim=True))


@pytest.mark.parametrize("config", [TOKENS, SERIES], ids=["tokens", "series"])
def test_deterministic_logits_are_equal_to_the_bit(config):
    model = make_ensemble(config)
    sequences = sequences_for(config, [1, 2, 17, 18, 19, 40, 100, 100, 41] * 2)
    expected = infer_logits(model, sequences, device=CPU, deterministic=True)
    for index in range(len(sequences)):
        alone = infer_logits(model, sequences[index : index + 1], device=CPU, deterministic=True)
        assert np.array_equal(alone[0], expected[index])


@pytest.mark.parametrize("config", [TOKENS, SERIES], ids=["tokens", "series"])
def test_a_long_sequence_is_read_in_chunks(config, monkeypatch):
    model = make_ensemble(config)
    sequences = sequences_for(config, [90])
    expected = infer_logits(model, sequences, device=CPU)
    monkeypatch.setattr(predictor, "STREAM_STEPS", 16)
    read = []
    original = predictor.stream_logits

    def noting(*arguments, **options):
        read.append(arguments[0])
        return original(*arguments, **options)

    monkeypatch.setattr(predictor, "stream_logits", noting)
    streamed = infer_logits(model, sequences, device=CPU)
    assert read == [model.members[0]]
    assert np.abs(streamed - expected).max() < 1e-5


def test_a_network_alone_is_no_ensemble():
    alone = ModelConfig(num_classes=3, vocab_size=12, embedding_dim=4, hidden_size=4)
    assert isinstance(build_model(alone), SequenceModel)


def test_members_of_different_classes_are_refused():
    with pytest.raises(ShapeError, match="members of 2, 3 classes"):
        Ensemble([NgramModel(1, 3, longest=1), NgramModel(1, 2, longest=1)])


@pytest.mark.parametrize("config", [TOKENS, SERIES], ids=["tokens", "series"])
def test_labels_of_any_number_are_believed_each_for_itself(config):
    model = make_ensemble(replace(config, multilabel=True))
    batch = collate(sequences_for(config, [3, 8, 1]))
    probabilities = model(batch).sigmoid()
    network, linear = (member(batch).sigmoid() for member in model.members)
    yes = network**0.5 * linear**1.5
    no = (1 - network) ** 0.5 * (1 - linear) ** 1.5
    torch.testing.assert_close(probabilities, yes / (yes + no))
    alone = infer_logits(model, sequences_for(config, [8]), device=CPU)
    assert alone.shape == (1, 3)
