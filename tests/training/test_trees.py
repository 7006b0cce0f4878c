from unittest.mock import patch

import numpy as np
import pytest
import torch

from seqwise.data.collate import collate
from seqwise.nn import choose_levels, choose_starts, count_statistics
from seqwise.training import trees
from seqwise.training.trees import grow_forest


def make_waves(number=60, num_channels=1, seed=0):
    """Series of three classes, which differ in their frequency."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, 3, number)
    targets[:3] = [0, 1, 2]
    series = []
    for target in targets.tolist():
        steps = np.arange(random.integers(20, 60))[:, None]
        waves = np.sin(steps * (0.3 + 0.4 * target) + random.uniform(0, 6))
        series.append((waves + random.normal(0, 0.2, (1, num_channels))).astype(np.float32))
    return series, np.array([len(each) for each in series]), targets


def grow(series, lengths, targets, **settings):
    return grow_forest(series, lengths, targets, num_channels=1, num_classes=3, **settings)


def test_a_forest_tells_frequencies_apart():
    forest = grow(*make_waves())
    series, _, targets = make_waves(seed=1)
    assert (forest(collate(series)).argmax(1).numpy() == targets).mean() > 0.9


def test_its_votes_are_those_of_scikit_learn():
    grown = []
    fit = trees.ExtraTreesClassifier.fit

    def spy(self, x, y):
        grown.append(fit(self, x, y))
        return grown[-1]

    with patch.object(trees.ExtraTreesClassifier, "fit", spy):
        forest = grow(*make_waves())
    statistics = forest.measure(collate(make_waves(seed=2)[0]))
    expected = grown[0].predict_proba(statistics.numpy()) * 200 + 1 / 3
    np.testing.assert_allclose(forest.vote(statistics).exp().numpy() * 201, expected, rtol=1e-5)
    assert forest.is_sound()


@pytest.mark.parametrize("growing_bytes", [1, 8 * 120 * 3 * 77])
def test_trees_are_the_same_in_however_many_turns(growing_bytes, monkeypatch):
    expected = grow(*make_waves()).state_dict()
    monkeypatch.setattr(trees, "GROWING_BYTES", growing_bytes)
    found = grow(*make_waves()).state_dict()
    assert all(torch.equal(each, found[name]) for name, each in expected.items())


def test_the_same_seed_grows_the_same_trees():
    forests = [grow(*make_waves(), seed=seed) for seed in (0, 0, 1)]
    first, second, other = (forest.state_dict() for forest in forests)
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())
    assert any(not torch.equal(weight, other[name]) for name, weight in first.items())


def test_a_class_of_great_weight_is_named_more_often():
    series, lengths, targets = make_waves()
    targets = np.where(np.arange(60) % 3, 0, 1) + (np.arange(60) == 7)  # as good as noise
    plain = grow(series, lengths, targets)
    weighted = grow(series, lengths, targets, class_weight=np.array([1.0, 50.0, 1.0]))
    fresh = collate(make_waves(seed=3)[0])
    assert weighted(fresh)[:, 1].mean() > plain(fresh)[:, 1].mean()


def test_of_many_records_some_are_drawn_and_trees_fit_into_their_bounds():
    series, lengths, targets = make_waves(100)
    with patch.object(trees, "MOST_RECORDS", 30), patch.object(trees, "MOST_NODES", 600):
        forest = grow(series, lengths, targets)
    assert len(forest.roots) == 10
    assert len(forest.questions) <= 600


def test_many_channels_are_described_by_less():
    levels = [choose_levels(number) for number in (1, 30, 60, 100, 500)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 4
    assert levels[-1] == 0
    assert count_statistics(60, levels[2]) <= 20_000


def test_beginnings_are_as_long_as_half_of_the_series():
    def choose(length, num_channels=1):
        return choose_starts(np.array([1, length, length]), num_channels, num_levels=1)

    assert [choose(length) for length in (1, 16, 31, 32, 300, 10**6)] == [1, 2, 2, 3, 6, 10]
    assert choose(10**6, num_channels=60) < 10
    assert count_statistics(60, 1, choose(10**6, num_channels=60)) <= 20_000


def test_what_happens_at_the_beginning_is_seen_however_long_the_series():
    def make(seed):
        random = np.random.default_rng(seed)
        targets = np.arange(90) % 3
        series = [random.normal(size=(length, 1)) for length in random.integers(200, 2_000, 90)]
        for each, target in zip(series, targets.tolist(), strict=True):
            each[8 * target : 8 * target + 8] += 4
        series = [each.astype(np.float32) for each in series]
        return series, np.array([len(each) for each in series]), targets

    forest = grow(*make(0))
    series, _, targets = make(1)
    assert (forest(collate(series)).argmax(1).numpy() == targets).mean() > 0.9
