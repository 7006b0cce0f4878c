import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.data.codecs import UNKNOWN_ID, build_codec
from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.data.store import RaggedStore
from seqwise.errors import CheckpointError, Code, ConfigError, DataError
from seqwise.evaluation.metrics import score
from seqwise.nn import SequenceModel
from seqwise.predictor import Predictor
from seqwise.training.chance import mix_seed
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore
from tests.training.examples import (
    BAD,
    GOOD,
    REFIT_PAIRS,
    make_noisy_run,
    make_refit_run,
    make_run,
)

LETTERS = {"text": "abcd", "dna": "ACGT", "protein": "MKTW", "events": "pqrs", "series": "0123"}


def make_task(kind, end, *, seed, number=192):
    """Sequences whose label stands at one end, between 2 and 7 steps."""
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(number):
        steps = random.integers(0, 4, random.integers(2, 8))
        label = "high" if steps[end] >= 2 else "low"
        letters = [LETTERS[kind][step] for step in steps]
        if kind == "series":
            pairs.append((steps[:, np.newaxis].astype(np.float64), label))
        elif kind in ("text", "events"):
            pairs.append((" ".join(letters), label))
        else:
            pairs.append(("".join(letters), label))
    return pairs


def train_to_the_end(kind, end, **settings):
    """Train, predict records never seen, and return the share that is right."""
    run = make_run(
        make_task(kind, end, seed=1),
        Kind(kind),
        epochs=30,
        learning_rate=0.01,
        kmer=1,
        bidirectional=False,
        pooling="last",
        num_positions=0,
        hidden_size=16,
        batch_size=16,
        **settings,
    )
    list(run)
    pairs = make_task(kind, end, seed=2)
    records = [Record(sequence, None, n) for n, (sequence, _) in enumerate(pairs, start=1)]
    artifact = run.artifact()
    (block,) = Predictor(artifact, device="cpu").predict(records)
    found = artifact.labels.decode(block.probabilities.argmax(axis=1))
    return np.mean([label == answer for label, (_, answer) in zip(found, pairs, strict=True)])


@pytest.mark.parametrize("encoder", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("end", [0, -1], ids=["first", "last"])
def test_what_stands_at_the_far_end_is_learned(encoder, end):
    assert train_to_the_end("events", end, encoder=encoder) == 1


@pytest.mark.parametrize("kind", LETTERS)
def test_every_kind_is_learned(kind):
    assert train_to_the_end(kind, -1, encoder="gru") == 1


@pytest.fixture(scope="module")
def finished():
    run = make_run(max_length=9)
    list(run)
    return run


def test_a_run_ends_with_its_reports(finished):
    assert [report.epoch for report in finished.reports] == [1, 2, 3]
    assert finished.seconds > 0


def test_the_artifact_has_what_was_trained(finished):
    artifact = finished.artifact()
    assert artifact.model is not finished.training.model
    assert not artifact.model.training
    assert artifact.labels.values == ("no", "yes")
    assert artifact.data.max_length == 9
    assert artifact.shape.num_classes == 2
    assert artifact.shape.vocab_size == artifact.codec.vocab_size
    assert artifact.train.epochs == 3
    assert artifact.train.valid_fraction == 0.25
    assert set(artifact.versions) == {"seqwise", "torch", "python"}


def test_the_artifact_carries_the_account(finished):
    account = finished.artifact().training
    best = finished.training.best
    assert account.file == "train.csv"
    assert (account.num_train, account.num_valid, account.num_cut) == (30, 10, 0)
    assert account.best_epoch == best.epoch
    assert account.valid_accuracy == best.valid.accuracy
    assert account.valid_macro_f1 == best.valid.macro_f1
    assert account.valid_log_loss == best.valid.log_loss
    assert [epoch["epoch"] for epoch in account.epochs] == [1, 2, 3]
    for epoch, report in zip(account.epochs, finished.reports, strict=True):
        assert epoch["train_loss"] == report.train_loss
        assert epoch["valid_accuracy"] == report.valid.accuracy
        assert epoch["valid_log_loss"] == report.valid.log_loss
    json.dumps(account.to_dict(), allow_nan=False)


def test_the_artifact_can_be_saved(finished, tmp_path):
    save_artifact(finished.artifact(), tmp_path / "model")
    assert load_artifact(tmp_path / "model").training == finished.artifact().training


def scores_of(artifact, pairs):
    records = [Record(sequence, label, n) for n, (sequence, label) in enumerate(pairs, start=1)]
    (block,) = Predictor(artifact, device="cpu").predict(records)
    targets = artifact.labels.encode([label for _, label in pairs])
    return score(block.probabilities, targets, artifact.labels.names)


def test_the_model_is_that_of_the_best_epoch():
    run, valid = make_noisy_run()
    list(run)
    assert run.training.best.epoch < len(run.reports), "the example needs an early best epoch"
    found = scores_of(run.artifact(), valid)
    assert found.log_loss == pytest.approx(run.training.best.valid.log_loss, abs=1e-6)


def test_the_model_is_that_of_the_best_epoch_when_the_loop_is_left_early():
    run, valid = make_noisy_run()
    for report in run:
        if report.epochs_since_best > 2:
            break
    artifact = run.artifact()
    assert artifact.training.best_epoch < len(run.reports)
    found = scores_of(artifact, valid)
    assert found.log_loss == pytest.approx(artifact.training.valid_log_loss, abs=1e-6)


def test_taking_the_artifact_does_not_disturb_the_training():
    (disturbed, _), (left_alone, _) = make_noisy_run(), make_noisy_run()
    for _ in disturbed:
        disturbed.artifact()
    list(left_alone)
    assert [each.train_loss for each in disturbed.reports] == [
        each.train_loss for each in left_alone.reports
    ]


def test_the_artifact_stays_as_it_is_when_training_goes_on():
    run, _ = make_noisy_run()
    epochs = iter(run)
    next(epochs)
    artifact = run.artifact()
    before = {name: weight.clone() for name, weight in artifact.model.state_dict().items()}
    next(epochs)
    for name, weight in artifact.model.state_dict().items():
        assert torch.equal(weight, before[name])


def test_a_run_may_be_left_early():
    run = make_run(epochs=30)
    for _ in run:
        break
    assert len(run.reports) == 1
    assert run.artifact().training.best_epoch == 1


def weights(run):
    return torch.cat([weight.detach().flatten() for weight in run.training.model.parameters()])


def test_the_same_seed_gives_the_same_model():
    first, second = make_run(seed=5, dropout=0.3), make_run(seed=5, dropout=0.3)
    torch.manual_seed(99)
    list(first)
    list(second)
    assert torch.equal(weights(first), weights(second))
    accounts = [replace(run.artifact().training, seconds=0) for run in (first, second)]
    assert accounts[0] == accounts[1]


def test_the_seed_draws_the_weights():
    assert torch.equal(weights(make_run(seed=5)), weights(make_run(seed=5)))
    assert not torch.equal(weights(make_run(seed=5)), weights(make_run(seed=6)))


def test_the_callers_random_numbers_are_left_alone():
    before = torch.random.get_rng_state()
    run = make_run()
    list(run)
    run.artifact()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_part_is_held_out():
    run = make_run(valid_fraction=0.25)
    assert len(run.prepared.train.targets) == 30
    assert np.bincount(run.prepared.valid.targets).tolist() == [5, 5]


def test_a_validation_file_chooses_the_epoch_instead():
    run = make_run(valid=[("good new", "yes"), ("bad old", "no"), ("bad", "no")])
    assert len(run.prepared.train.targets) == 40
    assert run.prepared.valid.targets.tolist() == [1, 0, 0]


def test_a_validation_file_with_another_label():
    with pytest.raises(DataError) as caught:
        make_run(valid=[("good", "maybe")])
    assert caught.value.code is Code.UNKNOWN_LABEL


def test_a_class_with_one_record():
    with pytest.raises(DataError) as caught:
        make_run([*GOOD, *BAD, ("other", "rare")])
    assert caught.value.code is Code.RARE_CLASS
    assert caught.value.problem.path == "train.csv"


def test_a_class_with_one_record_is_left_out():
    run = make_run([*GOOD, *BAD, ("other", "rare")], skip_bad=True)
    assert run.prepared.labels.values == ("no", "yes")
    assert len(run.prepared.train.targets) + len(run.prepared.valid.targets) == 40


def test_a_setting_that_there_is_not():
    with pytest.raises(ConfigError):
        make_run(learning_rate=-1)


def test_sequences_of_one_length_get_positions():
    same = [(f"{word} {n}", label) for n in range(5) for word, label in [("x", "a"), ("y", "b")]]
    assert make_run(same).shape.num_positions == 2
    assert make_run([*same, ("x y 3", "a")]).shape.num_positions == 0


def test_series_of_very_different_loudness_are_seen_by_their_own_scale():
    def shape_of(loudness):
        wave = np.sin(np.arange(20.0))[:, np.newaxis]
        pairs = [(wave * loudness ** (n % 4), "ab"[n % 2]) for n in range(16)]
        return make_run(pairs, Kind.SERIES).shape

    assert shape_of(10.0).own_scale
    assert not shape_of(1.5).own_scale


def test_long_series_have_steps_joined():
    def run_of(length):
        pairs = [(np.full((length, 1), float(n)), "ab"[n % 2]) for n in range(8)]
        return make_run(pairs, Kind.SERIES)

    long, short = run_of(1_600), run_of(300)
    assert (long.shape.stride, long.shape.num_positions) == (8, 200)
    assert (short.shape.stride, short.shape.num_positions) == (1, 300)


def test_what_was_left_out_is_listed():
    run = make_run([*GOOD, *BAD, ("other", "rare")], skip_bad=True)
    dropped = run.prepared.dropped
    assert [problem.code for problem in dropped.listed] == [Code.RARE_CLASS]
    assert dropped.count == 1


def test_a_class_with_one_record_will_do_beside_a_validation_file():
    make_run([*GOOD, *BAD, ("other", "rare")], valid=[("good", "yes"), ("bad", "no")])


def test_windows_and_positions_exclude_each_other():
    pairs = [(f"{word} a b c d e f {n}", label) for n in range(5) for word, label in ["xp", "yq"]]
    assert make_run(pairs, window=3).shape.num_positions == 0
    with pytest.raises(ConfigError, match=r"num_positions is 4 - 0, as parts of 3 steps"):
        make_run(pairs, window=3, num_positions=4)


# The refit


def weights_of(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def train_by_hand(run, pairs, epochs):
    """Train the model of a run from its beginnings on pairs, the rate falling over the epochs."""
    codec = build_codec(run.prepared.data).fit([sequence for sequence, _ in pairs])
    store = LabelledStore(
        RaggedStore.from_arrays(codec.encode([sequence for sequence, _ in pairs])),
        run.prepared.labels.encode([label for _, label in pairs]),
    )
    torch.manual_seed(mix_seed(run.config.seed))
    model = SequenceModel.from_config(replace(run.shape, vocab_size=codec.vocab_size))
    config = replace(run.config, epochs=epochs, patience=epochs)
    names = run.prepared.labels.names
    objective = Classification(store, store, class_names=names, config=config)
    assert list(Training(model, store, objective, config=config))
    return model


@pytest.fixture(scope="module")
def refitted():
    run = make_refit_run(class_weight="balanced", dropout=0.2, token_dropout=0.1, seed=14)
    list(run)
    assert 1 < run.training.best.epoch < len(run.reports), "the example needs a best epoch between"
    return run


def test_a_refit_is_a_training_on_all_records_that_stops_at_the_best_epoch(refitted):
    best = refitted.training.best.epoch
    by_hand = train_by_hand(refitted, REFIT_PAIRS, best)
    assert torch.equal(weights_of(refitted.artifact().model), weights_of(by_hand))
    for epochs in (best - 1, best + 1):
        other = train_by_hand(refitted, REFIT_PAIRS, epochs)
        assert not torch.equal(weights_of(other), weights_of(by_hand))


def test_a_refit_learns_from_the_part_held_out(refitted):
    assert len(refitted.prepared.valid.targets) == 15
    assert len(refitted.more[-1].train.targets) == len(REFIT_PAIRS)
    artifact = refitted.artifact()
    assert artifact.codec.vocab_size == artifact.shape.vocab_size
    assert artifact.codec.to_dict() != refitted.prepared.codec.to_dict()
    sequences = [sequence for sequence, _ in REFIT_PAIRS]
    assert UNKNOWN_ID not in np.concatenate(artifact.codec.encode(sequences))


def test_the_scores_stay_those_of_the_part_held_out(refitted):
    account = refitted.artifact().training
    best = refitted.training.best
    assert account.refitted
    assert (account.num_train, account.num_valid) == (45, 15)
    assert account.valid_log_loss == best.valid.log_loss
    assert [epoch["epoch"] for epoch in account.epochs] == [1, 2, 3, 4, 5, 6]


def test_a_refit_reports_its_epochs():
    run = make_refit_run()
    reports = list(run)
    first, second = reports[: len(run.reports)], reports[len(run.reports) :]
    assert first == run.reports
    assert all(report.valid is not None for report in first)
    assert [report.epoch for report in second] == [*range(1, run.training.best.epoch + 1)]
    assert all(report.valid is None for report in second)


def test_a_refitted_model_can_be_saved(refitted, tmp_path):
    save_artifact(refitted.artifact(), tmp_path / "model")
    loaded = load_artifact(tmp_path / "model")
    assert loaded.training == refitted.artifact().training
    assert torch.equal(weights_of(loaded.model), weights_of(refitted.artifact().model))


def test_a_run_with_a_refit_is_a_function_of_its_seed():
    runs = [make_refit_run(seed=5, dropout=0.3) for _ in range(2)]
    for run in runs:
        torch.manual_seed(len(runs))
        list(run)
    first, second = (weights_of(run.artifact().model) for run in runs)
    assert torch.equal(first, second)


def test_without_a_refit_the_weights_are_those_of_the_best_epoch():
    run = make_refit_run(refit=False)
    reports = list(run)
    assert reports == run.reports
    artifact = run.artifact()
    assert not artifact.training.refitted
    assert torch.equal(weights_of(artifact.model), weights_of(run.training.best_model()))
    assert artifact.codec is run.prepared.codec


def is_that_of_the_best_epoch(run):
    artifact = run.artifact()
    return (
        torch.equal(weights_of(artifact.model), weights_of(run.training.best_model()))
        and artifact.shape == run.shape
        and artifact.codec is run.prepared.codec
        and not artifact.training.refitted
    )


@pytest.mark.parametrize("number", [1, 4, 6, 7], ids=lambda number: f"left after {number}")
def test_a_run_left_before_its_refit_has_ended_keeps_the_best_epoch(number):
    run = make_refit_run(seed=13)
    list(islice(run, number))
    assert (bool(run.more)) == (number > 6)
    assert is_that_of_the_best_epoch(run)


def test_a_run_left_at_the_last_epoch_of_its_refit_is_refitted():
    run = make_refit_run(seed=13)
    for report in run:
        if report.valid is None and report.epoch == run.training.best.epoch:
            break
    assert run.artifact().training.refitted
    assert not is_that_of_the_best_epoch(run)


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_refit_leaves_the_best_epoch(epoch, monkeypatch):
    run = make_refit_run(seed=13)
    train_batch = Training._train_batch

    def interrupt(training, batches):
        if training in run.more and training.progress.epoch == epoch:
            raise KeyboardInterrupt
        return train_batch(training, batches)

    monkeypatch.setattr(Training, "_train_batch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(run)
    assert is_that_of_the_best_epoch(run)


def test_a_refit_needs_a_part_held_out():
    with pytest.raises(ConfigError, match="leave out --refit or --valid") as caught:
        make_run(valid=[("good", "yes"), ("bad", "no")], refit=True)
    assert caught.value.code is Code.BAD_SETTING


def test_a_refit_follows_where_nobody_says_anything():
    assert make_run(epochs=1, refit=None).config.refit
    assert not make_run(valid=[("good", "yes")], epochs=1, refit=None).config.refit


def test_a_refit_keeps_the_shape_whose_epoch_was_found():
    """One sequence of another length, held out: the model would have no positions with it."""
    even = [(f"{word} {n}", label) for n in range(6) for word, label in [("x", "a"), ("y", "b")]]
    runs = (make_run([*even, ("x y 3", "a")], refit=True, seed=seed) for seed in range(100))
    run = next(run for run in runs if max(run.prepared.valid.sequences.lengths) == 3)
    list(run)
    shape = run.artifact().shape
    assert run.artifact().training.refitted
    assert shape.num_positions == run.shape.num_positions == 2


def test_a_run_goes_on_with_as_many_epochs_alone():
    """Those that were asked for: a trial takes four of ten, and of eleven, too."""
    run = make_run(class_weight="auto", epochs=10)
    next(run.steps())
    with pytest.raises(CheckpointError, match="epochs is 11, and was 10"):
        make_run(class_weight="auto", epochs=11).restore(run.state())
