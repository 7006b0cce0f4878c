import numpy as np
import torch

from seqwise.data.collate import collate


def test_ids_are_padded_with_zero():
    batch = collate([np.array([4, 5], dtype=np.int32), np.array([6], dtype=np.int32)])
    assert batch.inputs.dtype == torch.int64
    assert batch.inputs.tolist() == [[4, 5], [6, 0]]
    assert batch.lengths.tolist() == [2, 1]
    assert batch.targets is None


def test_channels_are_padded_with_zero():
    batch = collate([np.ones((1, 2), dtype=np.float32), np.full((3, 2), 2.0, dtype=np.float32)])
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.tolist() == [[[1, 1], [0, 0], [0, 0]], [[2, 2]] * 3]
    assert batch.lengths.tolist() == [1, 3]


def test_padding_goes_as_far_as_asked():
    assert collate([np.array([4, 5])], pad_to=4).inputs.tolist() == [[4, 5, 0, 0]]


def test_targets_stand_beside_their_sequences():
    batch = collate([np.array([4]), np.array([5])], np.array([1, 0]))
    assert batch.targets.tolist() == [1, 0]


def test_the_batch_is_a_copy():
    sequence = np.array([4, 5])
    batch = collate([sequence])
    sequence[:] = 9
    assert batch.inputs.tolist() == [[4, 5]]


def test_numbers_with_a_point_are_no_ids():
    try:
        batch = collate([np.array([0.5, 1.5])])
    except ValueError:
        return
    assert 0.5 in batch.inputs.flatten().tolist()
