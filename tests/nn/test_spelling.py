import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.collate import collate
from seqwise.errors import ShapeError
from seqwise.nn import Batch, NgramModel, SpelledModel, Spelling, ngram_pieces, spelling

TOKENS = ["?", "?", " the", " sea", "⇧", "s", " \N{GRINNING FACE}", " the"]
sequences = st.lists(st.integers(1, len(TOKENS) - 1), min_size=1, max_size=9)


def batch_of(rows, pad_to=None):
    return collate([np.array(row, dtype=np.int32) for row in rows], pad_to=pad_to)


def texts_of(batch):
    rows = zip(batch.inputs.tolist(), batch.lengths.tolist(), strict=True)
    return ["".join(map(chr, row[:length])) for row, length in rows]


@given(rows=st.lists(sequences, min_size=1, max_size=5), more=st.integers(0, 3))
def test_each_token_is_spelled_out_in_its_place(rows, more):
    batch = batch_of(rows, pad_to=max(map(len, rows)) + more)
    found = Spelling(TOKENS)(batch)
    assert texts_of(found) == ["".join(TOKENS[token] for token in row) for row in rows]


def test_padding_is_not_read():
    padded = Batch(torch.tensor([[2, 7, 7], [3, 4, 2]]), torch.tensor([1, 3]))
    assert texts_of(Spelling(TOKENS)(padded)) == [" the", " sea⇧ the"]


def test_of_a_long_token_and_of_a_long_sequence_the_beginning_counts(monkeypatch):
    assert texts_of(Spelling(["", "a" * 99])(batch_of([[1, 1]]))) == ["a" * 128]
    monkeypatch.setattr(spelling, "MOST_READ", 6)
    assert texts_of(Spelling(TOKENS)(batch_of([[2, 3, 4], [5]]))) == [" the s", "s"]


def test_a_series_is_refused():
    with pytest.raises(ShapeError, match="reads no series"):
        Spelling(TOKENS)(Batch(torch.zeros(2, 3, 1), torch.tensor([3, 3])))


def test_nothing_depends_on_the_padding():
    model = make_model()
    rows = torch.tensor([[2, 3, 4, 5], [6, 2, 10**9, -7]])
    batch, lengths = rows.clone(), torch.tensor([4, 2])
    batch[1, 2:] = 0
    assert torch.equal(model(Batch(rows, lengths)), model(Batch(batch, lengths)))


def make_model(num_classes=3):
    everything = batch_of([[2, 3, 4, 5, 6, 2, 3]])
    characters = Spelling(TOKENS)(everything)
    keys, _ = next(
        ngram_pieces(
            characters.inputs, characters.lengths, longest=spelling.LONGEST, positions=False
        )
    )
    keys = keys.unique()
    model = NgramModel(len(keys), num_classes, longest=spelling.LONGEST)
    model.keys = keys
    with torch.no_grad():
        model.weight.normal_(generator=torch.Generator().manual_seed(0))
    return SpelledModel(Spelling(TOKENS), model).eval()


@torch.no_grad()
@pytest.mark.parametrize("at_once", [1, 30, 1 << 17])
def test_an_answer_is_that_of_the_characters_alone(at_once, monkeypatch):
    monkeypatch.setattr(spelling, "AT_ONCE", at_once)
    rows = [[2, 3], [5], [4, 6, 2, 2, 3, 5, 5, 5], [3, 5]]
    model = make_model()
    together = model(batch_of(rows))
    for row, answer in zip(rows, together, strict=True):
        text = "".join(TOKENS[token] for token in row)
        alone = batch_of([list(map(ord, text))])
        assert torch.equal(model.model(alone)[0], answer)


@torch.no_grad()
def test_words_that_are_spelled_alike_get_the_same_answer():
    model = make_model()
    assert torch.equal(model(batch_of([[2, 3]])), model(batch_of([[7, 3]])))
    assert not torch.equal(model(batch_of([[2, 3]])), model(batch_of([[3, 2]])))


def test_how_tokens_are_spelled_is_no_weight():
    assert not any("spelling" in name for name in make_model().state_dict())
