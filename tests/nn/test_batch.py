import numpy as np
import pytest
import torch

from seqwise.errors import Code, ShapeError
from seqwise.nn import Batch

IDS = torch.ones(2, 4, dtype=torch.int64)
VALUES = torch.ones(2, 4, 3)
LENGTHS = torch.tensor([4, 1])
TARGETS = torch.tensor([0, 1])


def refuse(*tensors):
    with pytest.raises(ShapeError) as caught:
        Batch(*tensors)
    assert caught.value.code is Code.WRONG_SHAPE
    return caught.value.problem


@pytest.mark.parametrize("inputs", [IDS, VALUES, VALUES.double()])
@pytest.mark.parametrize("targets", [None, TARGETS])
def test_ids_and_channels_are_taken(inputs, targets):
    batch = Batch(inputs, LENGTHS, targets)
    assert len(batch) == 2
    assert batch.inputs is inputs


@pytest.mark.parametrize(
    "inputs",
    [IDS.int(), IDS.float(), IDS[0], VALUES.long(), IDS[:0], IDS[:, :0], VALUES[:, :, :0]],
)
def test_other_inputs_are_refused(inputs):
    assert "inputs are" in refuse(inputs, LENGTHS[: len(inputs)]).found


@pytest.mark.parametrize(
    "lengths",
    [LENGTHS.int(), LENGTHS.double(), LENGTHS.bool(), LENGTHS[:1], LENGTHS.unsqueeze(1)],
)
def test_lengths_of_another_type_or_shape_are_refused(lengths):
    problem = refuse(IDS, lengths)
    assert "lengths are" in problem.found
    assert "int64 (2,)" in problem.expected


def test_lengths_on_another_device_are_refused():
    problem = refuse(IDS, LENGTHS.to("meta"))
    assert "on meta" in problem.found
    assert "on the CPU" in problem.expected
    assert "lengths.cpu()" in problem.remedy


@pytest.mark.parametrize("lengths", [[0, 4], [4, -1], [5, 1]])
def test_lengths_outside_of_the_steps_are_refused(lengths):
    problem = refuse(IDS, torch.tensor(lengths))
    assert str(min(lengths)) in problem.found
    assert str(max(lengths)) in problem.found
    assert "1 to 4" in problem.expected


def test_one_label_a_step_is_refused():
    problem = refuse(IDS, LENGTHS, torch.zeros(2, 4, dtype=torch.int64))
    assert "one a step" in problem.found
    assert "one a sequence" in problem.expected


@pytest.mark.parametrize("targets", [TARGETS.int(), TARGETS.float(), TARGETS[:1], IDS[:, :3]])
def test_other_targets_are_refused(targets):
    assert "class indices" in refuse(IDS, LENGTHS, targets).expected


def test_moving_a_batch_leaves_its_lengths_on_the_cpu():
    moved = Batch(IDS, LENGTHS, TARGETS).to("meta")
    assert moved.inputs.device.type == "meta"
    assert moved.targets.device.type == "meta"
    assert moved.lengths is LENGTHS
    assert Batch(IDS, LENGTHS).to("meta").targets is None


@pytest.mark.parametrize(
    "tensors",
    [
        ([[1, 2], [3, 4]], LENGTHS),
        (IDS, [4, 1]),
        (IDS, np.array([4, 1])),
        (IDS, LENGTHS, [0, 1]),
        (IDS, LENGTHS, ["a", "b"]),
    ],
)
def test_what_is_no_tensor_is_refused(tensors):
    found = refuse(*tensors).found
    assert "a list" in found or "a ndarray" in found


def test_batches_can_be_compared():
    assert Batch(IDS, LENGTHS) != Batch(IDS.clone(), LENGTHS.clone())


def test_targets_of_any_number_of_labels():
    inputs, lengths = torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 1])
    for width in (1, 3, 5):  # 3 are as many as there are steps
        batch = Batch(inputs, lengths, torch.zeros(2, width)).to("cpu")
        assert batch.targets.shape == (2, width)
    with pytest.raises(ShapeError):
        Batch(inputs, lengths, torch.zeros(3, 5))
