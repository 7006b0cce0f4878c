"""A sequence and its reverse complement: one answer, for every encoder and kind of input."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise import predictor
from seqwise.artifact import load_artifact, save_artifact
from seqwise.config import DataConfig, ModelConfig
from seqwise.data.codecs import build_codec
from seqwise.data.collate import collate
from seqwise.nn import (
    ENCODERS,
    BothStrands,
    Ensemble,
    NgramModel,
    build_network,
    ngram_pieces,
    read_alike,
)
from seqwise.predictor import infer_logits
from tests.laws import reference
from tests.laws.test_laws import assert_close, spoil
from tests.training.examples import make_artifact

CPU = torch.device("cpu")
FACES = dict(zip("ACGTURYSWKMBDHVN-.", "TGCAAYRSWMKVHDBN-.", strict=True))
LETTERS = "".join(FACES)
INPUTS = {
    "letters": {},
    "positions": {"num_positions": 5},
    "convolution": {"kernel_size": 5},
    "strided": {"kernel_size": 5, "stride": 4},
}
CASES = list(itertools.product(ENCODERS, INPUTS))
every_model = pytest.mark.parametrize(("encoder", "inputs"), CASES)


def turn(sequence: str) -> str:
    """The plain twin: letter by letter from the end."""
    return "".join(FACES[letter] for letter in reversed(sequence.upper()))


def make_codec(kmer: int = 1, training=("ACGTRYSWKMBDHVN-",)):
    return build_codec(DataConfig(kind="dna", kmer=kmer)).fit(training)


def build(codec, encoder="lstm", size=6, **shape):
    torch.manual_seed(0)
    config = ModelConfig(
        num_classes=3,
        vocab_size=codec.vocab_size,
        encoder=encoder,
        embedding_dim=size,
        hidden_size=size,
        both_strands=True,
        **shape,
    )
    return build_network(config, torch.from_numpy(codec.complements())).eval()


def with_ngrams(network, codec, sequences):
    """Put a linear model beside a network that knows the n-grams of some sequences."""
    batch = collate(codec.encode(sequences))
    keys, mask = next(ngram_pieces(batch.inputs, batch.lengths, longest=3, positions=False))
    linear = NgramModel(len(keys[mask].unique()), 3, longest=3)
    linear.keys = keys[mask].unique()
    with torch.no_grad():
        linear.weight.normal_()
    ensemble = Ensemble([network, read_alike(linear, network)])
    ensemble.weights = torch.tensor([0.7, 0.9])
    return ensemble.eval()


def random_dna(lengths, letters="ACGT", seed=0):
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(letters), length)) for length in lengths]


def infer(model, codec, sequences, **how):
    return infer_logits(model, codec.encode(sequences), device=CPU, **how)


@every_model
def test_both_strands_get_the_same_bits(encoder, inputs):
    codec = make_codec()
    model = build(codec, encoder, 24, num_layers=2, **INPUTS[inputs])
    sequences = random_dna([1, 2, 3, 17, 18, 19, 40, 41, 64, 100, 100, 31] * 2, LETTERS)
    model = with_ngrams(model, codec, sequences)
    expected = infer(model, codec, sequences, deterministic=True)
    assert len(np.unique(expected, axis=0)) > len(sequences) // 2
    order = np.random.default_rng(1).permutation(len(sequences))
    turned = [turn(sequences[index]) for index in order]
    assert np.array_equal(infer(model, codec, turned, deterministic=True), expected[order])
    mixed = [turn(each) if index % 2 else each for index, each in enumerate(sequences)]
    assert np.array_equal(infer(model, codec, mixed, deterministic=True), expected)
    usual = infer(model, codec, turned)
    assert np.abs(usual - infer(model, codec, sequences)[order]).max() <= 1e-6


@every_model
def test_logits_are_the_mean_of_the_plain_reference(encoder, inputs):
    codec = make_codec()
    model = build(codec, encoder, **INPUTS[inputs]).double()
    sequences = random_dna([5, 1, 9, 3, 9, 2])
    found = model(spoil(collate(codec.encode(sequences), pad_to=11)))
    rows = []
    for sequence in sequences:
        both = codec.encode([sequence, turn(sequence)])
        logits = [
            reference.logits(model.model, "last+max+mean", torch.tensor(each, dtype=torch.int64))
            for each in both
        ]
        rows.append(torch.stack(logits).mean(0))
    assert_close(found, torch.stack(rows), 1e-12)


@pytest.mark.parametrize("kmer", [1, 3, 5])
@settings(max_examples=60)
@given(
    training=st.lists(st.text("ACGT", min_size=1, max_size=40), min_size=1, max_size=4),
    sequences=st.lists(st.text(LETTERS, min_size=1, max_size=30), min_size=1, max_size=6),
)
def test_whatever_the_training_part_has_seen(kmer, training, sequences):
    """A k-mer that was seen on one strand only is told on neither."""
    codec = make_codec(kmer, training)
    model = build(codec)
    expected = infer(model, codec, sequences, deterministic=True)
    turned = infer(model, codec, list(map(turn, sequences)), deterministic=True)
    assert np.array_equal(turned, expected)


@pytest.mark.parametrize("encoder", ["lstm", "convolution"])
def test_long_sequences_are_read_in_chunks(encoder, monkeypatch):
    codec = make_codec()
    model = build(codec, encoder, kernel_size=3)
    sequences = random_dna([100, 120, 7])
    whole = infer(model, codec, sequences)
    called = []
    stream = predictor.stream_logits
    monkeypatch.setattr(predictor, "STREAM_STEPS", 32)
    monkeypatch.setattr(
        predictor,
        "stream_logits",
        lambda *args, **how: called.append(1) or stream(*args, **how),
    )
    chunked = infer(model, codec, sequences, deterministic=True)
    assert called
    assert np.abs(chunked - whole).max() <= 1e-6
    turned = infer(model, codec, list(map(turn, sequences)), deterministic=True)
    assert np.array_equal(turned, chunked)


def test_gradients_reach_every_parameter():
    codec = make_codec()
    model = build(codec, num_layers=2).train()
    logits = model(collate(codec.encode(random_dna([5, 9, 4]))))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_what_is_saved_and_loaded_is_the_same(tmp_path):
    artifact = make_artifact("dna")
    model = BothStrands(artifact.model, torch.from_numpy(artifact.codec.complements())).eval()
    shape = replace(artifact.shape, both_strands=True)
    save_artifact(replace(artifact, model=model, shape=shape), tmp_path / "once")
    loaded = load_artifact(tmp_path / "once")
    save_artifact(loaded, tmp_path / "twice")
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "twice" / file.name).read_bytes()
    sequences = random_dna([3, 9, 30])
    assert np.array_equal(
        infer(loaded.model, loaded.codec, list(map(turn, sequences)), deterministic=True),
        infer(model, artifact.codec, sequences, deterministic=True),
    )
