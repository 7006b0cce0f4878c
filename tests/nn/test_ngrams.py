import math
from collections import Counter

import numpy as np
import pytest
import torch

from seqwise.data.collate import collate
from seqwise.errors import ShapeError
from seqwise.nn import Batch, NgramModel, ngram_pieces, ngrams

SEQUENCES = [[5, 6, 5, 6, 5], [7], [6, 6, 9, 5, 5, 5, 5], [5, 6]]


def plain_ngrams(sequence, longest, positions=False):
    """The n-grams as tuples, the ends of the sequence among their tokens."""
    tokens = ["start", *sequence, "end"]
    grams = [
        tuple(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    ]
    placed = [
        ("at", start, *tokens[start : start + size])
        for size in (1, 2)
        for start in range(len(tokens) - size + 1)
        if positions and size <= longest
    ]
    return grams + placed


def batch_of(sequences, pad_to=None):
    return collate([np.array(each, dtype=np.int32) for each in sequences], pad_to=pad_to)


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("longest", [1, 2, 3, 9])
def test_keys_tell_apart_what_differs_and_nothing_else(longest, positions):
    batch = batch_of(SEQUENCES)
    keys, mask = next(
        ngram_pieces(batch.inputs, batch.lengths, longest=longest, positions=positions)
    )
    name_of = {}
    for row, kept, sequence in zip(keys, mask, SEQUENCES, strict=True):
        found = Counter(row[kept].tolist())
        expected = Counter(plain_ngrams(sequence, longest, positions))
        assert sorted(found.values()) == sorted(expected.values())
        for key in found:
            name_of.setdefault(key, None)
    distinct = {gram for each in SEQUENCES for gram in plain_ngrams(each, longest, positions)}
    assert len(name_of) == len(distinct)


def make_model(longest=2, num_classes=3, positions=False, known=SEQUENCES, **settings):
    batch = batch_of(known)
    keys, mask = next(
        ngram_pieces(batch.inputs, batch.lengths, longest=longest, positions=positions)
    )
    size = len(keys[mask].unique())
    model = NgramModel(size, num_classes, longest=longest, positions=positions, **settings)
    torch.manual_seed(0)
    model.keys = keys[mask].unique()
    model.idf = torch.rand(len(model.keys)) + 0.5
    with torch.no_grad():
        model.weight.normal_()
        model.bias.normal_()
    return model


def plain_logits(model, sequence):
    one = batch_of([sequence])
    keys, mask = next(ngram_pieces(one.inputs, one.lengths, longest=model.longest, positions=False))
    counts = Counter(keys[mask].tolist())
    values = {
        row: float(model.idf[row]) * (1 + model.repeats * math.log(counts[key]))
        for row, key in enumerate(model.keys.tolist())
        if key in counts
    }
    length = math.sqrt(sum(value**2 for value in values.values())) or 1.0
    logits = model.bias.detach().double().clone()
    for row, value in values.items():
        logits += value / length * model.weight[row].detach().double()
    return logits


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("piece_steps", [1, 2, 3, 7])
def test_pieces_of_long_sequences_have_the_n_grams_of_the_whole(
    positions, piece_steps, monkeypatch
):
    batch = batch_of(SEQUENCES)

    def read():
        pieces = ngram_pieces(batch.inputs, batch.lengths, longest=3, positions=positions)
        return [
            sorted(key for row, real in found for key in row[real].tolist())
            for found in zip(*(zip(*each, strict=True) for each in pieces), strict=True)
        ]

    whole = read()
    monkeypatch.setattr(ngrams, "PIECE_STEPS", piece_steps)
    assert read() == whole


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("piece_steps", [1, 2, 3, 7])
def test_logits_do_not_depend_on_the_pieces(repeats, piece_steps, monkeypatch):
    model = make_model(longest=3, repeats=repeats)
    batch = batch_of([*SEQUENCES, [8, 8, 8], [5, 8, 6, 6]])
    whole = model(batch)
    monkeypatch.setattr(ngrams, "PIECE_STEPS", piece_steps)
    assert torch.equal(model(batch), whole)


@pytest.mark.parametrize("repeats", [False, True])
def test_logits_equal_a_plain_loop_and_do_not_depend_on_the_batch(repeats):
    model = make_model(repeats=repeats)
    sequences = [*SEQUENCES, [8, 8, 8], [5, 8, 6, 6]]  # 8 was never seen
    logits = model(batch_of(sequences))
    for row, sequence in zip(logits, sequences, strict=True):
        torch.testing.assert_close(row.double(), plain_logits(model, sequence), atol=1e-5, rtol=0)
        torch.testing.assert_close(row, model(batch_of([sequence]))[0], atol=1e-6, rtol=0)
    spoiled = batch_of(sequences, pad_to=20)
    for row, sequence in zip(spoiled.inputs, sequences, strict=True):
        row[len(sequence) :] = 5
    torch.testing.assert_close(model(spoiled), logits, atol=1e-6, rtol=0)


def test_a_sequence_of_nothing_known_gets_the_bias():
    model = make_model(longest=1, known=[[5]])
    keys, mask = next(
        ngram_pieces(torch.tensor([[5]]), torch.tensor([1]), longest=1, positions=False)
    )
    model.keys = keys[mask].unique()
    unknown = make_model(longest=1, known=[[5]])
    unknown.keys = unknown.keys[:1] * 0 + 12345
    unknown.idf = unknown.idf[:1]
    logits = unknown(batch_of([[9, 9]]))
    assert torch.equal(logits[0], unknown.bias)


def test_gradients_reach_all_weights():
    model = make_model()
    model(batch_of(SEQUENCES)).square().sum().backward()
    assert (model.weight.grad.abs().sum(1) > 0).all()
    assert (model.bias.grad != 0).all()


def test_a_series_is_refused():
    with pytest.raises(ShapeError, match="reads no series"):
        make_model()(Batch(torch.zeros(1, 2, 3), torch.tensor([2])))
