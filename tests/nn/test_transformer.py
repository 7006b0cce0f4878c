import pytest
import torch

from seqwise.errors import ShapeError
from seqwise.nn import EndMarks, TransformerEncoder, transformer
from seqwise.nn.transformer import count_heads, rotary_table, rotate


def build(hidden_size=8, **settings):
    torch.manual_seed(0)
    return TransformerEncoder(3, hidden_size, num_layers=2, **settings).double().eval()


def make_x(batch, time):
    return torch.randn(batch, time, 3, dtype=torch.float64)


def test_products_depend_on_the_distance_alone():
    query, key = torch.randn(2, 8, dtype=torch.float64)
    table = rotary_table(30, 8, query)
    queries, keys = rotate(query.expand(30, 8), table), rotate(key.expand(30, 8), table)
    products = queries @ keys.T
    for distance in (0, 3, 11):
        same = products.diagonal(distance)
        torch.testing.assert_close(same, same[:1].expand_as(same), rtol=0, atol=1e-12)
    assert products[0].std() > 1e-3


def test_the_first_and_the_last_real_step_are_marked():
    ends = EndMarks(2)
    with torch.no_grad():
        ends.marks.copy_(torch.tensor([[1.0, 0.0], [0.0, 10.0]]))
    marked = ends(torch.zeros(3, 4, 2), torch.tensor([4, 2, 1])).sum(-1)
    assert marked.tolist() == [[1, 0, 0, 10], [1, 10, 0, 0], [11, 0, 0, 0]]


def test_each_step_sees_all_of_its_sequence_and_no_padding():
    encoder = build()
    x = make_x(2, 9).requires_grad_()
    encoder(x, torch.tensor([5, 9]))[0, 0].sum().backward()
    reached = x.grad.abs().sum(2) > 0
    assert reached[0].tolist() == [True] * 5 + [False] * 4
    assert not reached[1].any()


@pytest.mark.parametrize("hidden_size", [64, 96, 100])
def test_several_heads_are_several_attentions(hidden_size):
    encoder = build(hidden_size)
    block = encoder.blocks[0]
    x = torch.randn(1, 7, hidden_size, dtype=torch.float64)
    queries, keys, values = block.queries_keys_values(block.norm(x))[0].chunk(3, dim=1)
    size = hidden_size // count_heads(hidden_size)
    heads = []
    for start in range(0, hidden_size, size):
        own = slice(start, start + size)
        table = rotary_table(7, size, x)
        scores = rotate(queries[:, own], table) @ rotate(keys[:, own], table).T
        heads.append((scores / size**0.5).softmax(1) @ values[:, own])
    expected = x + block.projection(torch.cat(heads, dim=1))
    expected = expected + block.network(expected)
    mask = torch.ones(1, 1, 1, 7, dtype=torch.bool)
    got = block(x, mask, rotary_table(7, size, x))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


def test_a_long_sequence_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(transformer, "PIECE", 4)
    encoder = build()
    x = make_x(3, 11)
    steps = encoder(x, torch.tensor([11, 4, 6]))
    assert steps.shape == (3, 11, 8)
    for row, start, stop in ((0, 0, 4), (0, 4, 8), (0, 8, 11), (1, 0, 4), (2, 4, 6)):
        alone = encoder(x[row : row + 1, start:stop], torch.tensor([stop - start]))
        torch.testing.assert_close(steps[row, start:stop], alone[0], rtol=0, atol=1e-12)


def test_pieces_beyond_the_end_spoil_no_gradient(monkeypatch):
    monkeypatch.setattr(transformer, "PIECE", 4)
    encoder = build()
    x = make_x(2, 11)
    x[0, 2:] = float("nan")
    steps = encoder(x, torch.tensor([2, 11]))
    (steps[0, :2].sum() + steps[1].sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@pytest.mark.parametrize("chunk_steps", [1, 3, 4, 9, 100])
def test_pieces_are_the_same_however_the_chunks_are_cut(monkeypatch, chunk_steps):
    monkeypatch.setattr(transformer, "PIECE", 4)
    encoder = build()
    for time in (1, 4, 8, 11):
        x = make_x(1, time)
        pieces = list(encoder.read(x.split(chunk_steps, dim=1), backward=False))
        assert max(piece.size(1) for piece in pieces) <= 4
        whole = encoder(x, torch.tensor([time]))
        torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)


def test_no_table_of_all_pairs_is_made(monkeypatch):
    """Of 4,096 steps, one of 16 million numbers for each head would be."""
    encoder = build(64).float()
    x = torch.randn(1, 4_096, 3)
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
        encoder(x, torch.tensor([4_000]))
    largest = max(event.cpu_memory_usage for event in profile.events())
    assert largest < 4_096**2


def test_odd_sizes_are_refused():
    with pytest.raises(ShapeError, match="hidden_size is 7"):
        build(7)


def test_dropout_while_training():
    encoder = build(dropout=0.5)
    x, lengths = make_x(1, 9), torch.tensor([9])
    assert torch.equal(encoder(x, lengths), encoder(x, lengths))
    encoder.train()
    assert not torch.equal(encoder(x, lengths), encoder(x, lengths))


def test_another_number_of_features_is_refused():
    with pytest.raises(ShapeError, match=r"\(batch, time, 3\)"):
        build()(torch.zeros(1, 2, 4), torch.tensor([2]))
