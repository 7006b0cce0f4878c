from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
import torch

from seqwise.data.collate import collate
from seqwise.errors import ShapeError
from seqwise.nn import Batch, KernelModel, kernels, measure_series

NUM_CHANNELS = 3


def make_series(lengths, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, NUM_CHANNELS)).astype(np.float32) for length in lengths]


def make_model(num_classes=3, num_levels=0):
    model = KernelModel(
        NUM_CHANNELS, num_classes, num_dilations=2, num_thresholds=2, num_levels=num_levels
    )
    torch.manual_seed(0)
    model.dilations = torch.tensor([1, 3])
    model.channels = (torch.rand(model.channels.shape) > 0.4).float()
    model.thresholds.normal_()
    model.rivals.normal_()
    model.rival_channels = (torch.rand(model.rival_channels.shape) > 0.4).float()
    model.mean.normal_()
    model.scale = torch.rand(model.scale.shape) + 0.5
    with torch.no_grad():
        model.weight.normal_(std=0.05)
        model.bias.normal_()
    return model.eval()


def plain_features(model, series):
    """The features of one series, step by step."""
    features = [np.log(len(series))]
    for number, dilation in enumerate(model.dilations.tolist()):
        shares, means = [], []
        for index, chosen in enumerate(combinations(range(9), 3)):
            weights = [2.0 if step in chosen else -1.0 for step in range(9)]
            results = lay(weights, series, model.channels[number, index], dilation)
            for threshold in model.thresholds[number, index].tolist():
                above = np.clip(np.array(results) - threshold, 0, None)
                shares.append((above > 0).mean())
                means.append(above.mean())
        features += [*shares, *means, *compete(model, series, number, dilation)]
    return np.array(features)


def lay(weights, series, channels, dilation):
    """Lay a kernel over a series of which it reads some channels."""
    mixed = series.astype(np.float64) @ channels.double().numpy()
    results = []
    for time in range(len(series)):
        total = 0.0
        for step, weight in enumerate(weights):
            place = time + (step - 4) * dilation
            if 0 <= place < len(series):
                total += weight * mixed[place]
        results.append(total)
    return results


def compete(model, series, number, dilation):
    """What the kernels of each group score."""
    first, last = [], []
    for kernels_, channels in zip(model.rivals[number], model.rival_channels[number], strict=True):
        weights = kernels_.double().tolist()
        answers = np.array([lay(each, series, channels, dilation) for each in weights])
        for answer in answers:
            first.append(np.clip(answer[answer == answers.max(0)], 0, None).sum())
            last.append((answer == answers.min(0)).sum())
    return np.sqrt(np.array([*first, *last]) / len(series))


def test_features_equal_a_plain_loop():
    model, series = make_model(), make_series([1, 5, 30])
    for row, each in zip(model.measure(collate(series)).numpy(), series, strict=True):
        np.testing.assert_allclose(row, plain_features(model, each), atol=1e-12)


def test_what_is_constant_is_no_competition():
    """Kernels that add up to nothing answer 0 to zeros, all of them, whatever the rounding."""
    model = make_model()
    features = model.measure(Batch(torch.zeros(2, 30, NUM_CHANNELS), torch.tensor([30, 20])))
    torch.testing.assert_close(features[0, 1:], features[1, 1:])
    num_last = kernels.NUM_GROUPS * kernels.NUM_RIVALS
    assert (features[:, -num_last:] == 1).all()  # each is as much the last as any other


def test_values_in_double_precision_do_not_depend_on_the_batch():
    """Where such a series stands still, sums in another order would decide who wins."""
    model = make_model()
    model.rivals = (model.rivals * 64).round() / 64
    model.rivals[..., -1] -= model.rivals.sum(dim=-1)
    inputs = torch.tensor([0.1, 0.7, 1 / 3], dtype=torch.float64).repeat(2, 60, 1)
    features = model.measure(Batch(inputs, torch.tensor([60, 31])))
    alone = model.measure(Batch(inputs[1:, :31], torch.tensor([31])))
    torch.testing.assert_close(features[1:], alone, atol=1e-9, rtol=0)


def test_statistics_come_last():
    model, batch = make_model(num_levels=2), collate(make_series([4, 20]))
    statistics = measure_series(batch.inputs, batch.lengths, num_levels=2)
    last = model.measure(batch)[:, -model.num_statistics :]
    torch.testing.assert_close(last, statistics.double().asinh())


@pytest.mark.parametrize("num_levels", [0, 4])
def test_nothing_depends_on_the_batch_or_on_pieces(num_levels):
    model, lengths = make_model(num_levels=num_levels), [7, 1, 40, 40, 12]
    series = make_series(lengths)
    batch = collate(series, pad_to=64)
    for row, length in zip(batch.inputs, lengths, strict=True):
        row[length:] = float("nan")
    logits = model(batch)
    one_by_one = torch.cat([model(collate([each])) for each in series])
    torch.testing.assert_close(logits, one_by_one, atol=1e-6, rtol=0)
    for steps in (5, 80):  # some steps of a series, and several series
        with patch.object(kernels, "PIECE_STEPS", steps):
            torch.testing.assert_close(model(batch), logits, atol=1e-6, rtol=0)


def test_gradients_reach_all_weights():
    model = make_model()
    model(collate(make_series([9, 20]))).square().sum().backward()
    assert (model.weight.grad != 0).float().mean() > 0.9
    assert (model.bias.grad != 0).all()


def test_other_channels_are_refused():
    with pytest.raises(ShapeError, match=r"\(batch, time, 3\)"):
        make_model()(Batch(torch.zeros(1, 2, 4), torch.tensor([2])))
