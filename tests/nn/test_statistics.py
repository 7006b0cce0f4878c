from itertools import pairwise

import numpy as np
import pytest
import torch

from seqwise.data.collate import collate
from seqwise.nn import count_statistics, measure_series

BANDS = 0.175 * np.expm1(np.linspace(0, np.log1p(1 / 0.175), 17))


def make_series(lengths, num_channels=2, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, num_channels)).astype(np.float32) for length in lengths]


def plain_statistics(series, num_levels, num_starts=0):
    """What `measure_series` gives of one series, step by step."""
    series = series.astype(np.float64)
    length = len(series)
    first = np.diff(series, axis=0, prepend=series[:1])
    second = np.diff(first, axis=0, prepend=first[:1])
    spectrum = np.abs(np.fft.rfft(series, axis=0)) / np.sqrt(length)
    found = [[length]]
    for view in (series, first, second, spectrum):
        for level in range(num_levels):
            for number in range(2 ** (level + 1) - 1):
                part = cut(view, number / 2 ** (level + 1), (number + 2) / 2 ** (level + 1))
                shares = np.linspace(0, 1, (8, 8, 4, 4)[level])
                quantiles = np.quantile(part, shares, axis=0)
                quantiles[1::2] -= part.mean(axis=0)
                found.append(quantiles.T.ravel())
    for view in (series, first, second):
        for steps in 8 * 2 ** np.arange(num_starts):
            for part in (view[:steps], view[min(steps, length - 1) : 2 * steps]):
                quantiles = np.quantile(part, np.linspace(0, 1, 8), axis=0)
                quantiles[1::2] -= part.mean(axis=0)
                found.append(quantiles.T.ravel())
    found.append(np.concatenate([powers(channel, 2 ** (num_levels - 1)) for channel in series.T]))
    return np.concatenate(found)


def cut(steps, start, stop):
    last = int(np.ceil(len(steps) * stop))
    return steps[min(int(len(steps) * start), last - 1) : last]


def powers(channel, parts):
    size = min(256, max(4, len(channel)))
    channel = np.pad(channel, (0, max(0, size - len(channel))))
    window = np.hanning(size + 2)[1:-1]
    frames = [
        channel[start : start + size] * window
        for start in range(0, len(channel) - size + 1, size // 2)
    ]
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.round(BANDS * (size // 2), 6)
    bands = np.stack(
        [
            power[:, int(low) : max(int(low) + 1, int(np.ceil(high)))].mean(axis=1)
            for low, high in pairwise(edges)
        ],
        axis=1,
    )
    logs = np.log(bands + 1e-8 * bands.mean() + 1e-30)
    unrest = np.abs(np.diff(logs, axis=0, prepend=logs[:1])).mean(axis=0)
    means = [
        cut(logs, number / parts, (number + 1) / parts).mean(axis=0) for number in range(parts)
    ]
    return np.concatenate([logs.mean(axis=0), logs.std(axis=0), unrest, *means])


@pytest.mark.parametrize(("num_levels", "num_starts"), [(1, 0), (2, 3), (4, 0), (4, 10)])
def test_statistics_equal_a_plain_loop(num_levels, num_starts):
    series = make_series([1, 2, 3, 9, 50, 700])
    batch = collate(series)
    sizes = {"num_levels": num_levels, "num_starts": num_starts}
    found = measure_series(batch.inputs, batch.lengths, **sizes)
    assert found.shape == (len(series), count_statistics(2, **sizes))
    for row, each in zip(found.numpy(), series, strict=True):
        np.testing.assert_allclose(row, plain_statistics(each, **sizes), rtol=1e-5, atol=1e-5)


def test_nothing_depends_on_the_batch():
    lengths = [7, 1, 40, 300, 12]
    series = make_series(lengths)
    batch = collate(series, pad_to=320)
    for row, length in zip(batch.inputs, lengths, strict=True):
        row[length:] = float("nan")
    together = measure_series(batch.inputs, batch.lengths, num_levels=4, num_starts=6)
    for row, each in zip(together, series, strict=True):
        alone = measure_series(
            torch.from_numpy(each)[None],
            torch.tensor([len(each)]),
            num_levels=4,
            num_starts=6,
        )
        torch.testing.assert_close(row, alone[0], rtol=1e-6, atol=1e-6)


def test_values_of_any_size_stay_finite():
    series = torch.tensor([3e38, -3e38, 0.0, 3e38]).view(1, 4, 1)
    assert measure_series(series, torch.tensor([4]), num_levels=4).isfinite().all()
    assert measure_series(torch.zeros(1, 1, 1), torch.tensor([1]), num_levels=4).isfinite().all()
