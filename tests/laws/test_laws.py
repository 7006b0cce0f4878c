"""The laws of the house, for every encoder, pooling and kind of input that there is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqwise.artifact import load_artifact, save_artifact
from seqwise.config import WITH_DIRECTIONS, ModelConfig
from seqwise.data.collate import collate
from seqwise.nn import ENCODERS, POOLINGS, Batch, SequenceModel
from seqwise.predictor import infer_logits
from tests.laws import reference
from tests.training.examples import SEQUENCES, make_artifact

VOCAB_SIZE, NUM_CHANNELS, NUM_CLASSES = 20, 3, 4
LENGTHS = [5, 1, 9, 3, 9, 2]
TOLERANCE = 1e-6
CPU = torch.device("cpu")

TOKENS = ModelConfig(
    num_classes=NUM_CLASSES, vocab_size=VOCAB_SIZE, embedding_dim=6, hidden_size=6, dropout=0.0
)
INPUTS = {
    "tokens": TOKENS,
    "channels": replace(TOKENS, vocab_size=0, num_channels=NUM_CHANNELS),
    "own-scale": replace(TOKENS, vocab_size=0, num_channels=NUM_CHANNELS, own_scale=True),
    "strided-tokens": replace(TOKENS, stride=2),
    "strided-channels": replace(TOKENS, vocab_size=0, num_channels=NUM_CHANNELS, stride=8),
    "positions": replace(TOKENS, num_positions=4),
    "convolution": replace(TOKENS, kernel_size=3),
}
SHAPES = {
    "one-direction": {"bidirectional": False, "num_layers": 1},
    "shallow": {"bidirectional": True, "num_layers": 1},
    "deep": {"bidirectional": True, "num_layers": 2},
}
COMBINED = "last+mean+max+attention"
RECURRENT = ("rnn", "lstm", "gru")


def shapes(encoder: str) -> tuple[str, str]:
    return ("one-direction" if encoder in WITH_DIRECTIONS else "shallow"), "deep"


def paths(encoder: str) -> tuple[str, ...]:
    return ("narrowed", "padded", "packed") if encoder in RECURRENT else ("padded",)


CASES = [
    pytest.param(
        replace(INPUTS[inputs], encoder=encoder, pooling=pooling, **SHAPES[shape]),
        path,
        id=f"{encoder}-{pooling}-{inputs}-{shape}-{path}",
    )
    for encoder, pooling, inputs in itertools.product(ENCODERS, [*POOLINGS, COMBINED], INPUTS)
    for shape, path in itertools.product(shapes(encoder), paths(encoder))
    if inputs not in ("own-scale", "strided-tokens", "strided-channels") or pooling == COMBINED
]
for_every_model = pytest.mark.parametrize(("config", "path"), CASES)


def build(config: ModelConfig, path: str) -> SequenceModel:
    torch.manual_seed(0)
    model = SequenceModel.from_config(config)
    if config.encoder in RECURRENT:
        model.encoder.path = path
    return model.eval()


def make_sequences(config: ModelConfig, lengths: list[int] = LENGTHS) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    if config.vocab_size:
        return [random.integers(1, VOCAB_SIZE, length).astype(np.int32) for length in lengths]
    return [random.normal(size=(length, NUM_CHANNELS)).astype(np.float32) for length in lengths]


def spoil(batch: Batch) -> Batch:
    """Put into the padding what would do the most harm."""
    inputs = batch.inputs.clone()
    harm = 10**9 if inputs.dtype == torch.int64 else float("nan")
    for row, length in zip(inputs, batch.lengths.tolist(), strict=True):
        row[length:] = harm
    return replace(batch, inputs=inputs)


def assert_close(got: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> None:
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= tolerance


@for_every_model
def test_logits_do_not_depend_on_the_batch(config, path):
    model = build(config, path)
    sequences = make_sequences(config)
    with torch.no_grad():
        expected = model(collate(sequences))
        one_by_one = torch.cat([model(collate([sequence])) for sequence in sequences])
        order = [3, 0, 5, 1, 4, 2]
        reordered = model(collate([sequences[index] for index in order]))
        longer = collate(sequences, pad_to=17)
        padded = model(longer)
        spoiled = model(spoil(longer))
        with_mates = model(collate(sequences + make_sequences(config, [30, 1, 4])))
    assert_close(one_by_one, expected)
    assert_close(reordered, expected[order])
    assert_close(padded, expected)
    assert_close(spoiled, expected)
    assert_close(with_mates[: len(sequences)], expected)


@for_every_model
def test_logits_and_gradients_equal_the_plain_reference(config, path):
    model = build(config, path).double()
    sequences = make_sequences(config)
    batch = spoil(collate(sequences))
    if batch.inputs.is_floating_point():
        batch = replace(batch, inputs=batch.inputs.double())
    logits = model(batch)
    loss_weights = torch.randn(logits.shape, dtype=logits.dtype)
    (logits * loss_weights).sum().backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}

    model.zero_grad()
    kind = torch.int64 if config.vocab_size else torch.float64
    rows = [
        reference.logits(model, config.pooling, torch.tensor(sequence, dtype=kind))
        for sequence in sequences
    ]
    expected = torch.stack(rows)
    (expected * loss_weights).sum().backward()
    assert_close(logits, expected, 1e-12)
    for name, weight in model.named_parameters():
        assert_close(gradients[name], weight.grad, 1e-10)


@for_every_model
def test_gradients_reach_every_parameter(config, path):
    model = build(config, path).train()
    logits = model(collate(make_sequences(config)))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


@for_every_model
def test_a_sequence_of_length_one(config, path):
    model = build(config, path)
    with torch.no_grad():
        logits = model(collate(make_sequences(config, [1])))
    assert logits.shape == (1, NUM_CLASSES)
    assert logits.isfinite().all()


@pytest.mark.parametrize("config", [case.values[0] for case in CASES if case.values[1] == "padded"])
def test_deterministic_logits_are_equal_to_the_bit(config):
    model = build(replace(config, embedding_dim=32, hidden_size=48), "auto")
    lengths = [1, 2, 3, 17, 18, 19, 40, 41, 64, 100, 100, 100] * 2
    sequences = make_sequences(config, lengths)
    expected = infer_logits(model, sequences, device=CPU, deterministic=True)
    for index in range(len(sequences)):
        alone = infer_logits(model, [sequences[index]], device=CPU, deterministic=True)
        assert np.array_equal(alone[0], expected[index])
    random = np.random.default_rng(2)
    for size in (5, 11, 20):
        chosen = random.permutation(len(sequences))[:size]
        mates = infer_logits(
            model, [sequences[index] for index in chosen], device=CPU, deterministic=True
        )
        assert np.array_equal(mates, expected[chosen])
    # The usual mode agrees, but for the last digits.
    usual = infer_logits(model, sequences, device=CPU)
    assert np.abs(usual - expected).max() <= TOLERANCE


@pytest.mark.parametrize("kind", ["text", "series", "dna"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_saved_and_loaded_is_the_same_to_the_byte(encoder, kind, tmp_path):
    shape = {"kernel_size": 3} if kind == "dna" else {}
    artifact = make_artifact(kind, encoder=encoder, num_layers=2, **shape)
    save_artifact(artifact, tmp_path / "once")
    loaded = load_artifact(tmp_path / "once")
    save_artifact(loaded, tmp_path / "twice")
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "twice" / file.name).read_bytes()
    sequences = artifact.codec.encode(SEQUENCES[kind])
    logits = infer_logits(artifact.model, sequences, device=CPU)
    assert np.array_equal(infer_logits(loaded.model, sequences, device=CPU), logits)
