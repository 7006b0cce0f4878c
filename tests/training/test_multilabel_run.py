"""A whole training where a record may bear any number of labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqwise.artifact import load_artifact, save_artifact
from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.collate import collate
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.data.records import Record
from seqwise.data.store import RaggedStore
from seqwise.errors import ArtifactError, ConfigError, DataError, StoreError
from seqwise.evaluation.decision import Decision
from seqwise.evaluation.multilabel import MultilabelScores
from seqwise.nn import Ensemble, SequenceModel
from seqwise.predictor import Predictor
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore, load_prepared, prepare
from seqwise.training.reports import EpochReport
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from tests.artifact.folders import CONFIG, LABELS, change_config, replace_file
from tests.training.examples import FAST, SMALL, WORDS_OF_TOPIC, labelled, make_run, topical

NAMES = sorted(WORDS_OF_TOPIC)


def finish(**settings):
    run = make_run(topical(160), **{"epochs": 6, "batch_size": 8, **settings})
    list(run)
    return run


@pytest.fixture(scope="module")
def done():
    return finish(linear=True, refit=True)


@pytest.fixture
def folder(done, tmp_path):
    save_artifact(done.artifact(), tmp_path / "model")
    return tmp_path / "model"


def one_batch(**config):
    """A training of one batch, its logits before the first update, and its targets."""
    arrays = [np.array(ids, dtype=np.int32) for ids in ([2, 3], [4], [5, 2, 3], [3])]
    labels = Labels(("a", "b", "c"), multilabel=True)
    targets = labels.encode([("a",), (), ("a", "c"), ("b",)])
    store = LabelledStore(RaggedStore.from_arrays(arrays), targets)
    shape = ModelConfig.from_dict(
        {"num_classes": 3, "multilabel": True, "vocab_size": 8, "pooling": "mean", **SMALL}
    )
    settings = TrainConfig.from_dict({**FAST, "epochs": 1, "batch_size": 4, **config})
    torch.manual_seed(0)
    model = SequenceModel.from_config(shape)
    logits = model(collate(arrays)).detach()
    objective = Classification(store, store, class_names=list(labels.values), config=settings)
    training = Training(model, store, objective, config=settings)
    return training, logits, torch.tensor(targets.toarray().astype(np.float32))


# The loss


def test_the_loss_is_the_mean_over_records_and_labels():
    training, logits, targets = one_batch()
    expected = nn.functional.binary_cross_entropy_with_logits(logits, targets)
    report = next(iter(training))
    assert report.train_loss == pytest.approx(float(expected), rel=1e-5)
    assert isinstance(report.valid, MultilabelScores)


def test_labels_are_smoothed():
    training, logits, targets = one_batch(label_smoothing=0.2)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, targets * 0.8 + 0.1)
    assert next(iter(training)).train_loss == pytest.approx(float(expected), rel=1e-5)


def test_a_weight_is_that_of_records_with_a_label_beside_the_others():
    training, logits, targets = one_batch(class_weight={"a": 5.0})
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=torch.tensor([5.0, 1, 1]), reduction="none"
    ).mean(dim=0)
    expected = (losses[0] / 3 + losses[1] + losses[2]) / 3  # two of four weigh 5
    assert next(iter(training)).train_loss == pytest.approx(float(expected), rel=1e-5)


def test_the_epoch_with_the_lowest_log_loss_is_the_best(done):
    best = min(done.reports, key=lambda report: report.valid.log_loss)
    assert done.training.best.epoch == best.epoch


def test_reports_come_back_from_json(done):
    for report in done.reports:
        values = json.loads(json.dumps(report.to_dict()))
        assert EpochReport.from_dict(values) == report


# What comes of it


def test_topics_are_learned(done):
    records = [Record(*pair, number) for number, pair in enumerate(topical(200, seed=1), 1)]
    predictor = Predictor(done.artifact())
    (block,) = predictor.predict(records)
    targets = predictor.labels.encode([record.label for record in records])
    scores = predictor.decision.score(block.probabilities, targets, NAMES)
    assert scores.macro_f1 > 0.95
    assert isinstance(predictor.model, Ensemble)
    assert predictor.model.multilabel


def test_thresholds_are_those_of_the_records_held_out(done):
    plain = finish(linear=True, refit=True, tune_thresholds=False)
    assert plain.artifact().decision == Decision.of(done.prepared.labels)
    decision = done.artifact().decision
    assert decision == done.decision
    probabilities = done.companion.probabilities
    assert done.scores == decision.score(probabilities, done.prepared.valid.targets, NAMES)
    assert done.scores.macro_f1 >= plain.scores.macro_f1


def test_a_network_alone():
    run = finish(epochs=2)
    artifact = run.artifact()
    assert isinstance(artifact.model, SequenceModel)
    assert artifact.shape.multilabel
    assert artifact.training.valid_log_loss == pytest.approx(run.training.best.valid.log_loss)


def test_a_model_comes_back_from_its_folder(done, folder):
    artifact, loaded = done.artifact(), load_artifact(folder)
    assert (loaded.labels, loaded.decision) == (artifact.labels, artifact.decision)
    assert loaded.shape == artifact.shape
    records = [Record(text, None, 1) for text, _ in topical(9, seed=2)]
    expected = next(Predictor(artifact).predict(records)).probabilities
    assert np.array_equal(next(Predictor(loaded).predict(records)).probabilities, expected)


def test_each_label_has_its_own_probability(folder):
    records = [Record(text, None, 1) for text, _ in topical(30, seed=2)]
    found = next(Predictor.load(folder).predict(records)).probabilities
    assert found.shape == (30, 3)
    assert np.ptp(found.sum(axis=1)) > 1
    strict = Predictor.load(folder, deterministic=True)
    together = next(strict.predict(records)).probabilities
    alone = [next(strict.predict([record])).probabilities[0] for record in records]
    assert np.array_equal(together, alone)


def test_thresholds_of_the_user(folder):
    assert Predictor.load(folder, threshold=0.3).decision.thresholds == (0.3,) * 3
    assert Predictor.load(folder, threshold={"sea": 0.9}).decision.thresholds[2] == 0.9
    with pytest.raises(ConfigError, match="'rail'"):
        Predictor.load(folder, threshold={"rail": 0.9})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: replace_file(folder, LABELS, b'["food", "money", "sea"]'),
        lambda folder: replace_file(folder, LABELS, b'{"multilabel": ["food", "money"]}'),
        lambda folder: replace_file(folder, LABELS, b'{"multilabel": ["food", "food", "sea"]}'),
        lambda folder: replace_file(folder, LABELS, b'{"multilabel": ["food", "sea", ["x"]]}'),
        *[
            lambda folder, values=values: change_config(
                folder, lambda config: config.update({"thresholds": values})
            )
            for values in (None, [], [0.5, 0.5], [0.5, 0.5, 2], [0.5, 0.5, None], [0.5, 0.5, "1"])
        ],
        lambda folder: change_config(
            folder, lambda config: config["model"].update({"multilabel": False})
        ),
        lambda folder: change_config(
            folder, lambda config: config["model"].update({"multilabel": 1})
        ),
    ],
)
def test_folders_that_do_not_fit_together(spoil, folder):
    spoil(folder)
    with pytest.raises(ArtifactError):
        load_artifact(folder)


def test_a_model_from_before_there_were_thresholds(folder):
    change_config(folder, lambda config: config.pop("thresholds"))
    loaded = load_artifact(folder)
    assert loaded.decision == Decision.of(loaded.labels)
    assert CONFIG in {path.name for path in folder.iterdir()}


# Going on, and other ways to get there


@pytest.mark.parametrize("settings", [{"linear": True, "refit": True}, {"num_networks": 2}])
def test_a_run_that_goes_on_ends_with_the_same_model(settings):
    settings = {"epochs": 2, **settings}
    straight = finish(**settings)
    stopped = make_run(topical(160), batch_size=8, **settings)
    for _ in stopped.steps():
        if stopped.more:
            break
    other = make_run(topical(160), batch_size=8, **settings)
    other.restore(stopped.state())
    list(other)
    expected = straight.artifact()
    found = other.artifact()
    assert found.decision == expected.decision
    weights = expected.model.state_dict()
    for name, weight in found.model.state_dict().items():
        assert torch.equal(weight, weights[name]), name


def test_a_store_gives_the_model_of_memory(tmp_path):
    wishes = Wishes.sorted({**SMALL, **FAST, "encoder": "lstm", "epochs": 2, "refit": True})
    models = []
    for store in (None, tmp_path / "store"):
        prepared = prepare(labelled(topical(160)), Kind.TEXT, wishes, store=store)
        if store is not None:
            prepared = load_prepared(store)
        run = TrainingRun(prepared, wishes)
        list(run)
        models.append(run.artifact())
    assert models[0].labels == models[1].labels
    assert models[0].decision == models[1].decision
    for name, weight in models[0].model.state_dict().items():
        assert torch.equal(weight, models[1].model.state_dict()[name]), name


def test_a_store_whose_labels_were_changed(tmp_path):
    wishes = Wishes.sorted({})
    prepare(labelled(topical(40)), Kind.TEXT, wishes, store=tmp_path / "store")
    with pytest.raises(StoreError):
        prepare(labelled(topical(40, seed=3)), Kind.TEXT, wishes, store=tmp_path / "store")


def test_records_that_choose_the_epoch_bear_labels_of_the_same_form():
    train, wishes = labelled(topical(40)), Wishes.sorted({})
    valid = labelled([("x", "sea"), ("y", "food")], path="valid.csv")
    with pytest.raises(DataError, match="one label a record - any number of labels"):
        prepare(train, Kind.TEXT, wishes, valid=valid)
    unknown = labelled([("x", ("sea", "rail")), ("y", ())], path="valid.csv")
    with pytest.raises(DataError, match="'rail'"):
        prepare(train, Kind.TEXT, wishes, valid=unknown)


def test_series_of_several_events():
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(40):
        events = tuple(name for name in ("drop", "spike") if random.random() < 0.5)
        series = random.normal(0, 0.1, (20, 1))
        series[3] -= 3 * ("drop" in events)
        series[9] += 3 * ("spike" in events)
        pairs.append((series, events))
    run = make_run(pairs, Kind.SERIES, linear=True)
    list(run)
    assert run.artifact().shape.num_dilations
    assert run.artifact().model.multilabel


# One label a record


def test_a_threshold_of_two_classes_is_chosen_where_it_is_asked_for():
    random = np.random.default_rng(0)
    pairs = [
        (f"w{n % 7} {'x' * (n % 5 == 0)} {random.integers(9)}", "ab"[n % 5 == 0])
        for n in range(300)
    ]
    run = make_run(pairs, tune_thresholds=True, valid_fraction=0.4, epochs=1)
    list(run)
    first, second = run.artifact().decision.thresholds
    assert first is None
    assert 0 < second <= 1
    plain = make_run(pairs, valid_fraction=0.4, epochs=1)
    list(plain)
    assert plain.artifact().decision.thresholds == (None, None)
    assert run.scores.macro_f1 >= plain.scores.macro_f1


def test_of_more_classes_none_is_chosen():
    pairs = [(f"x {number}", "abc"[number % 3]) for number in range(30)]
    with pytest.raises(ConfigError, match="one of 3 classes"):
        make_run(pairs, tune_thresholds=True)


def test_labels_of_a_shape_are_told_apart():
    config = ModelConfig(num_classes=1, multilabel=True, vocab_size=5)
    assert ModelConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError):
        replace(config, multilabel=False)
