import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from seqwise.data.collate import collate
from seqwise.data.labels import Labels
from seqwise.data.store import RaggedStore
from seqwise.evaluation.multilabel import score_multilabel
from seqwise.training import ridge
from seqwise.training.ridge import choose_kernels, fit_kernels


def make_waves(num_records=60, num_channels=1, seed=0):
    """Slow and fast waves in noise, of any phase and length."""
    random = np.random.default_rng(seed)
    series, targets = [], random.integers(0, 2, num_records)
    for target in targets:
        length = random.integers(30, 80)
        time = np.arange(length) + random.uniform(0, 20)
        wave = np.sin(time * (0.5, 1.1)[target])
        noise = random.normal(size=(length, num_channels))
        series.append((wave[:, None] + 0.7 * noise).astype(np.float32))
    return series, targets


def fit(series, targets, **options):
    store = RaggedStore.from_arrays(series)
    settings = {"num_channels": series[0].shape[1], "num_classes": 2, **options}
    return fit_kernels(store, store.lengths, targets, **settings)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_it_tells_waves_apart_and_knows_how_sure_it_may_be(num_channels):
    model = fit(*make_waves(num_channels=num_channels))
    series, targets = make_waves(num_records=200, num_channels=num_channels, seed=1)
    with torch.no_grad():
        probabilities = model(collate(series)).softmax(1).numpy()
    assert (probabilities.argmax(1) == targets).mean() > 0.95
    assert -np.log(probabilities[np.arange(200), targets]).mean() < 0.2


def test_one_record_that_weighs_anything_is_what_is_known():
    series, targets = make_waves(num_records=5)
    targets[:] = [0, 0, 0, 0, 1]
    model = fit(series, targets, class_weight=np.array([0.0, 5.0]))
    assert (model(collate(series)).argmax(1) == 1).all()


def test_what_it_says_is_what_ridge_regression_says(monkeypatch):
    monkeypatch.setattr(ridge, "PENALTIES", [0.1])
    series, targets = make_waves(num_records=25)
    model = fit(series, targets)
    features = (model.measure(collate(series)) - model.mean) / model.scale
    peer = Ridge(alpha=0.1).fit(features.numpy(), np.eye(2)[targets] * 2 - 1)
    logits = model(collate(series)).detach().numpy()
    scores = peer.predict(features.numpy())
    factor = (logits * scores).sum() / (scores**2).sum()
    np.testing.assert_allclose(logits, factor * scores, atol=1e-3 * factor)


def test_left_out_scores_are_those_of_a_fit_without_the_record(monkeypatch):
    monkeypatch.setattr(ridge, "PENALTIES", [0.1])
    seen = {}
    original = ridge._least_surprise

    def noting(scores, targets, record_weight):
        seen["scores"] = scores
        return original(scores, targets, record_weight)

    monkeypatch.setattr(ridge, "_least_surprise", noting)
    series, targets = make_waves(num_records=25)
    model = fit(series, targets)
    features = ((model.measure(collate(series)) - model.mean) / model.scale).numpy()
    classes = np.eye(2)[targets] * 2 - 1
    for index in (0, 7, 24):
        kept = np.arange(25) != index
        peer = Ridge(alpha=0.1).fit(features[kept], classes[kept])
        expected = peer.predict(features[index : index + 1])[0]
        np.testing.assert_allclose(seen["scores"][index], expected, atol=1e-6)


def test_class_weights_are_heeded():
    series, targets = make_waves(num_records=40)
    random = np.random.default_rng(0)
    noise = [random.normal(size=each.shape).astype(np.float32) for each in series]

    def share(class_weight):
        model = fit(noise, targets, class_weight=class_weight)
        return float(model(collate(noise)).detach().softmax(1)[:, 1].mean())

    assert share(np.array([1.0, 9.0])) > share(None) + 0.1


def test_records_without_weight_are_not_learned_from():
    series, targets = make_waves(num_records=40)
    targets[:10] = 1 - targets[:10]
    strange = [np.full_like(each, 100) for each in series[:5]]
    both = np.concatenate([targets, np.full(5, 2)])
    model = fit([*series, *strange], both, num_classes=3, class_weight=np.array([1.0, 1.0, 0.0]))
    plain = fit(series, targets, num_classes=3)
    with torch.no_grad():
        found, expected = (each(collate(series)) for each in (model, plain))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-3)


def test_what_all_records_have_alike_says_nothing():
    series, targets = make_waves(num_records=100)
    series = [np.resize(each, (37, 1)) for each in series]  # of one length, whose logarithm rounds
    model = fit(series, targets)
    constant = model.measure(collate(series)).std(dim=0) < 1e-9
    assert constant[0]
    reach = (model.weight / model.scale.unsqueeze(1))[constant].abs().max()
    assert reach < 1e-6  # times by how much a longer series differs


def test_dilations_fill_a_series_of_the_usual_length():
    assert choose_kernels(np.array([7, 16, 29]))[0] == 1
    num_dilations, num_thresholds = choose_kernels(np.full(5, 1_000))
    assert (num_dilations, num_thresholds) == (7, 2)
    assert ridge._dilations(np.full(5, 1_000))[-1] * 8 < 1_000


def test_of_too_many_records_some_are_drawn(monkeypatch):
    monkeypatch.setattr(ridge, "MOST_RECORDS", 10)
    series, targets = make_waves()
    assert torch.isfinite(fit(series, targets)(collate(series))).all()


def test_any_number_of_labels_a_series():
    random = np.random.default_rng(0)
    labels = Labels(("fast", "slow"), multilabel=True)

    def make(num_records):
        series, sets = [], []
        for _ in range(num_records):
            time = np.arange(random.integers(40, 80)) + random.uniform(0, 20)
            names = tuple(name for name in labels.values if random.random() < 0.5)
            speeds = {"fast": 1.3, "slow": 0.4}
            wave = sum((np.sin(time * speeds[name]) for name in names), np.zeros(len(time)))
            noise = random.normal(size=len(time))
            series.append((wave + 0.3 * noise)[:, None].astype(np.float32))
            sets.append(names)
        return series, labels.encode(sets)

    series, targets = make(80)
    model = fit(series, targets, class_weight=np.ones((2, 2)))
    series, targets = make(120)
    with torch.no_grad():
        probabilities = model(collate(series)).sigmoid().numpy()
    found = score_multilabel(probabilities, targets, labels.names)
    assert found.micro_f1 > 0.95
    assert found.log_loss < 0.25
