import pytest
import torch

from seqwise.nn import (
    ChannelProjection,
    Channels,
    ConvolutionEmbedding,
    OwnScale,
    PositionEmbedding,
    StridedEmbedding,
    TokenEmbedding,
)


def test_tokens_are_looked_up():
    embedding = TokenEmbedding(5, 3)
    ids = torch.tensor([[4, 0], [4, 1]])
    vectors = embedding(ids)
    assert vectors.shape == (2, 2, 3)
    assert torch.equal(vectors[0, 0], vectors[1, 0])
    assert not torch.equal(vectors[0, 1], vectors[1, 1])


def test_the_vector_of_padding_is_zero_and_stays_so():
    embedding = TokenEmbedding(5, 3)
    vectors = embedding(torch.tensor([[0, 2]]))
    assert (vectors[0, 0] == 0).all()
    vectors.sum().backward()
    assert (embedding.table.weight.grad[0] == 0).all()
    assert (embedding.table.weight.grad[2] == 1).all()


def test_a_convolution_sees_as_many_neighbours_as_it_should():
    embedding = ConvolutionEmbedding(9, 64, kernel_size=3)
    ids = torch.tensor([[1, 2, 3, 4, 5, 6, 7]])
    changed = ids.clone()
    changed[0, 3] = 8
    differs = (embedding(ids) != embedding(changed)).any(dim=-1)[0]
    assert differs.tolist() == [False, False, True, True, True, False, False]


@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_a_convolution_gives_a_vector_a_step_whatever_the_padding(kernel_size):
    embedding = ConvolutionEmbedding(9, 4, kernel_size=kernel_size)
    ids = torch.tensor([[1, 2, 3]])
    vectors = embedding(ids)
    padded = embedding(torch.tensor([[1, 2, 3, 0, 0]]))
    assert vectors.shape == (1, 3, 4)
    assert (vectors >= 0).all()
    torch.testing.assert_close(padded[:, :3], vectors)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd"):
        ConvolutionEmbedding(9, 4, kernel_size=2)


def test_channels_are_projected():
    embedding = ChannelProjection(Channels(4), 3)
    values = torch.randn(2, 5, 4)
    expected = values @ embedding.linear.weight.T + embedding.linear.bias
    torch.testing.assert_close(embedding(values), expected)


def test_loud_and_soft_series_look_alike_by_their_own_scale():
    embedding = ChannelProjection(OwnScale(2), 3)
    soft = 0.02 * torch.randn(1, 50, 2)
    seen = [embedding.prepare(each, torch.tensor([50])) for each in (soft, 1_000 * soft + 700)]
    torch.testing.assert_close(seen[0][:, :, 2:4], seen[1][:, :, 2:4], rtol=0, atol=5e-3)
    louder = seen[1][:, :, 4:] - seen[0][:, :, 4:]
    torch.testing.assert_close(louder.exp(), torch.full((1, 50, 2), 1_000.0), rtol=0.05, atol=0)
    assert torch.equal(seen[0][:, :, :2], soft)


def test_a_series_that_does_not_change_has_finite_views():
    embedding = ChannelProjection(OwnScale(1), 3)
    for value in (0.0, 1e-30, -1e6, 1e6):
        seen = embedding.prepare(torch.full((1, 1_000, 1), value), torch.tensor([1_000]))
        assert seen.isfinite().all()
        assert (seen[:, :, 1].abs() < 1e-3).all()


def test_positions_leave_the_scale_to_the_embedding_below():
    embedding = PositionEmbedding(ChannelProjection(OwnScale(2), 4), 3)
    seen = embedding.prepare(torch.randn(2, 5, 2), torch.tensor([5, 3]))
    assert (seen[1, 3:, 2:] == 0).all()
    assert embedding(seen).shape == (2, 5, 4)


@pytest.mark.parametrize(("stride", "context"), [(2, 2), (4, 4), (8, 8), (16, 16), (64, 64)])
def test_a_vector_of_joined_steps_depends_on_these_and_on_its_context(stride, context):
    torch.manual_seed(0)
    embedding = StridedEmbedding(TokenEmbedding(9, 8), 16, stride=stride, kernel_size=3)
    assert (embedding.stride, embedding.context) == (stride, context)
    ids = torch.randint(1, 9, (1, 6 * stride))
    vectors = embedding(ids)
    assert vectors.shape == (1, 6, 16)
    for step in (3 * stride, 4 * stride - 1):
        changed = ids.clone()
        changed[0, step] = 1 + ids[0, step] % 8
        differs = (embedding(changed) != vectors).any(dim=-1)[0]
        assert not differs[:2].any()
        assert not differs[5:].any()


def test_a_vector_that_is_begun_counts():
    embedding = StridedEmbedding(Channels(2), 4, stride=4)
    lengths = torch.tensor([1, 4, 5, 12])
    assert embedding.shorten(lengths).tolist() == [1, 1, 2, 3]
    seen = embedding.prepare(torch.randn(4, 12, 2), lengths)
    assert embedding(seen).shape == (4, 3, 4)


def test_positions_are_added_to_vectors_of_joined_steps():
    embedding = PositionEmbedding(StridedEmbedding(TokenEmbedding(9, 4), 4, stride=4), 3)
    assert embedding.shorten(torch.tensor([9])).tolist() == [3]
    assert embedding(torch.randint(1, 9, (2, 9))).shape == (2, 3, 4)


@pytest.mark.parametrize("stride", [-2, 0, 1, 3, 6])
def test_a_stride_that_is_no_power_of_two_is_refused(stride):
    with pytest.raises(ValueError, match="power of two"):
        StridedEmbedding(Channels(1), 4, stride=stride)


def positions(num_positions, time):
    """Return what positions add to the vectors of equal tokens."""
    tokens = TokenEmbedding(3, 4)
    embedding = PositionEmbedding(tokens, num_positions)
    ids = torch.ones(2, time, dtype=torch.int64)
    added = embedding(ids) - tokens(ids)
    assert torch.equal(added[0], added[1])
    return added[0]


def test_each_position_has_its_vector():
    added = positions(4, 4)
    assert len(added.round(decimals=4).unique(dim=0)) == 4


def test_later_positions_share_the_last_vector():
    added = positions(3, 6)
    assert len(added.round(decimals=4).unique(dim=0)) == 3
    for position in (3, 4, 5):
        torch.testing.assert_close(added[position], added[2])


def test_positions_count_from_the_start():
    embedding = PositionEmbedding(TokenEmbedding(3, 4), 8)
    ids = torch.ones(1, 6, dtype=torch.int64)
    assert torch.equal(embedding(ids)[:, :2], embedding(ids[:, :2]))


def test_positions_are_added_to_channels_too():
    embedding = PositionEmbedding(ChannelProjection(Channels(2), 4), 3)
    assert embedding(torch.zeros(2, 5, 2)).shape == (2, 5, 4)
    assert embedding.embedding_dim == 4
