"""The laws that hold in bfloat16 too, in its own accuracy: three decimal digits.

Logits of these models are below 1. A value of a hidden state is rounded at each step to 2^-8 of
itself; what is then pooled has errors of some thousandths.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqwise.data.collate import collate
from seqwise.nn import SequenceModel, in_precision
from seqwise.predictor import infer_logits
from tests.laws.test_laws import (
    CASES,
    COMBINED,
    CPU,
    assert_close,
    build,
    make_sequences,
    spoil,
)

TOLERANCE = 0.02


def lacks_kernel(encoder: str) -> bool:
    """Tell whether oneDNN has no LSTM in bfloat16 here: it wants AVX-512."""
    if encoder != "lstm":
        return False
    try:
        with in_precision("bfloat16", CPU), torch.no_grad():
            nn.LSTM(2, 2)(torch.zeros(1, 1, 2))
    except RuntimeError:
        return True
    return False


def computed(*values):
    """Make a case; one that this processor cannot compute is skipped."""
    lacks = pytest.mark.skipif(lacks_kernel(values[0].encoder), reason="no bfloat16 LSTM here")
    return pytest.param(*values, marks=lacks)


# The poolings compute in float32: all of them side by side see all that an encoder gives.
for_every_encoder = pytest.mark.parametrize(
    ("config", "path"),
    [computed(*case.values) for case in CASES if case.values[0].pooling == COMBINED],
)


@for_every_encoder
def test_logits_in_bfloat16_are_those_in_float32(config, path):
    model = build(config, path)
    sequences = make_sequences(config)
    with torch.no_grad():
        expected = model(collate(sequences))
        with in_precision("bfloat16", CPU):
            found = model(collate(sequences))
            spoiled = model(spoil(collate(sequences, pad_to=17)))
            with_mates = model(collate(sequences + make_sequences(config, [30, 1, 4])))
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    for each in (found, spoiled, with_mates[: len(sequences)]):
        assert_close(each, expected, TOLERANCE)


@for_every_encoder
def test_gradients_in_bfloat16_point_where_those_in_float32_do(config, path):
    model = build(config, path)
    batch = spoil(collate(make_sequences(config)))
    gradients = []
    for precision in ("float32", "bfloat16"):
        twin: SequenceModel = copy.deepcopy(model)
        with in_precision(precision, CPU):
            logits = twin(batch)
        nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
        assert all(weight.grad.isfinite().all() for weight in twin.parameters())
        gradients.append(torch.cat([weight.grad.flatten() for weight in twin.parameters()]))
    assert (
        torch.cosine_similarity(*gradients, dim=0) > 0.99
    )  # the largest value may stand at another step


@pytest.mark.parametrize(
    "config", [computed(case.values[0]) for case in CASES if case.values[1] == "padded"][::7]
)
def test_deterministic_logits_in_bfloat16_are_equal_to_the_bit(config):
    model = build(replace(config, embedding_dim=32, hidden_size=48), "auto")
    sequences = make_sequences(config, [1, 2, 3, 17, 18, 19, 40, 41, 64, 100, 100, 100])
    how = {"device": CPU, "deterministic": True, "precision": "bfloat16"}
    expected = infer_logits(model, sequences, **how)
    for index, sequence in enumerate(sequences):
        assert np.array_equal(infer_logits(model, [sequence], **how)[0], expected[index])
    usual = infer_logits(model, sequences, device=CPU)
    assert np.abs(usual - expected).max() <= TOLERANCE
    assert not np.array_equal(usual, expected)


def test_a_stream_in_bfloat16(monkeypatch):
    for case in CASES:
        config, path = case.values
        if config.pooling != "max" or path != "padded" or lacks_kernel(config.encoder):
            continue
        model = build(config, "auto")
        sequences = make_sequences(config, [50])
        expected = infer_logits(model, sequences, device=CPU)
        with monkeypatch.context() as patch:
            patch.setattr("seqwise.predictor.STREAM_STEPS", 7)
            found = infer_logits(model, sequences, device=CPU, precision="bfloat16")
        assert 0 < np.abs(found - expected).max() <= TOLERANCE, case.id
