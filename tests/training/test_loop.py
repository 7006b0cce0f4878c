import random as python_random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqwise.data.codecs import UNKNOWN_ID
from seqwise.data.collate import collate
from seqwise.data.store import RaggedStore
from seqwise.errors import Code, ConfigError
from seqwise.evaluation.metrics import score
from seqwise.nn import Batch
from seqwise.predictor import infer_logits, softmax
from seqwise.training import loading
from seqwise.training.chance import mix_seed
from seqwise.training.optimizer import rate
from seqwise.training.preparation import LabelledStore
from tests.training.examples import CLASSES, CPU, Task, make_store

NOISE = Task(make_store(40, seed=1, noise=True), make_store(20, seed=2, noise=True))


def weights(training):
    return torch.cat([weight.detach().flatten() for weight in training.model.parameters()])


def run(task=None, **config):
    training = (task or Task()).start(**config)
    return training, list(training)


def essence(reports):
    return [(each.epoch, each.train_loss, each.valid.to_dict()) for each in reports]


def one_batch(**config):
    """A training whose epoch is one batch, and the logits of this batch before its update."""
    training = Task(valid=make_store(4, seed=3)).start(
        epochs=1, batch_size=100, batch_steps=10_000, **config
    )
    store = training.train.sequences
    with torch.no_grad():
        logits = training.model(collate([store[index] for index in range(len(store))]))
    return training, logits, torch.from_numpy(training.train.targets)


def with_scores(training, monkeypatch, *pairs):
    """Let the validation of each epoch give an accuracy and a loss."""
    some = score(np.array([[0.5, 0.5]]), np.array([0]), CLASSES)
    given = iter([replace(some, accuracy=pair[0], log_loss=pair[1]) for pair in pairs])
    monkeypatch.setattr(training.objective, "validate", lambda model, **_: next(given))
    return training


def watch_collate(monkeypatch):
    """Record the sequences that training reads."""
    seen = []

    def watch(sequences, targets):
        seen.append(([sequence.tolist() for sequence in sequences], targets.tolist()))
        return collate(sequences, targets)

    monkeypatch.setattr(loading, "collate", watch)
    return seen


def watch_updates(training, monkeypatch):
    """Record the learning rate and the norm of the gradient of each update."""
    seen = []
    original = training._optimizer.step

    def watch():
        gradients = [weight.grad.flatten() for weight in training.model.parameters()]
        rates = {group["lr"] for group in training._optimizer.param_groups}
        seen.append((*rates, torch.cat(gradients).norm().item()))
        original()

    monkeypatch.setattr(training._optimizer, "step", watch)
    return seen


# Chance


def global_states():
    return (
        torch.random.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the global state is the point
        python_random.getstate(),
    )


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_same_seed_gives_the_same_bits(dropout):
    task = Task(shape={"dropout": dropout})
    (first, reports), (second, again) = run(task, seed=3), run(task, seed=3)
    assert torch.equal(weights(first), weights(second))
    assert essence(reports) == essence(again)


@pytest.mark.parametrize("change", [{"seed": 4}, {"learning_rate": 0.02}, {"weight_decay": 1.0}])
def test_other_settings_give_other_weights(change):
    (first, _), (second, _) = (
        run(seed=3, batch_size=8),
        run(**{"seed": 3, "batch_size": 8, **change}),
    )
    assert not torch.equal(weights(first), weights(second))


def test_the_seed_draws_what_is_dropped():
    task = Task(shape={"dropout": 0.5})
    whole = {"epochs": 1, "batch_size": 100}
    (first, _), (second, _) = run(task, seed=3, **whole), run(task, seed=4, **whole)
    assert not torch.allclose(weights(first), weights(second), atol=1e-4)


def test_each_epoch_draws_what_is_dropped_anew():
    store = LabelledStore(RaggedStore.from_arrays([np.full(9, 2, dtype=np.int32)]), np.array([0]))
    _, reports = run(Task(store, store, {"dropout": 0.5}), epochs=3, learning_rate=1e-12)
    assert len({round(report.train_loss, 4) for report in reports}) == 3


def test_the_callers_random_numbers_are_left_alone():
    training = Task(shape={"dropout": 0.5}).start()
    before = global_states()
    for _ in training:
        assert global_states() == before


def test_the_callers_random_numbers_do_not_matter():
    task = Task(shape={"dropout": 0.5})
    undisturbed, _ = run(task)
    disturbed = task.start()
    for report in disturbed:
        torch.manual_seed(report.epoch)
        torch.rand(7)
    assert torch.equal(weights(undisturbed), weights(disturbed))


def test_seeds_are_mixed():
    seeds = [mix_seed(seed, epoch, 1) for seed in range(20) for epoch in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix_seed(1, 2) == mix_seed(1, 2) != mix_seed(2, 1)


# What an epoch reads


def test_each_record_is_read_once_an_epoch_with_its_target(monkeypatch):
    seen = watch_collate(monkeypatch)
    training = Task().start(batch_size=8, epochs=1)
    list(training)
    read = sorted(
        pair for sequences, targets in seen for pair in zip(sequences, targets, strict=True)
    )
    store = training.train
    assert read == sorted(
        (store.sequences[index].tolist(), int(store.targets[index])) for index in range(40)
    )


def test_batches_keep_to_the_settings(monkeypatch):
    seen = watch_collate(monkeypatch)
    run(batch_size=6, batch_steps=24, epochs=2)
    sizes = [(len(sequences), max(map(len, sequences))) for sequences, _ in seen]
    assert max(size for size, _ in sizes) > 1
    assert all(size <= 6 and size * longest <= 24 for size, longest in sizes)


def counting_task(length):
    """One long sequence a class, of ids that count upwards."""
    arrays = [np.arange(length, dtype=np.int32) % 97, np.array([5, 6], dtype=np.int32)]
    store = LabelledStore(RaggedStore.from_arrays(arrays), np.array([0, 1]))
    return Task(store, store, {"vocab_size": 97})


def test_a_long_sequence_is_read_in_windows_drawn_anew(monkeypatch):
    seen = watch_collate(monkeypatch)
    run(counting_task(97), window=10, epochs=8, batch_size=1)
    read = [sequence for sequences, _ in seen for sequence in sequences]
    windows = [sequence for sequence in read if sequence != [5, 6]]
    assert len(windows) == 8
    assert read.count([5, 6]) == 8
    for window in windows:
        assert window == list(range(window[0], window[0] + 10))
    assert len({window[0] for window in windows}) >= 5


def test_windows_reach_both_ends(monkeypatch):
    seen = watch_collate(monkeypatch)
    run(counting_task(4), window=3, epochs=12, batch_size=1)
    starts = {sequence[0] for sequences, _ in seen for sequence in sequences if len(sequence) == 3}
    assert starts == {0, 1}


def test_the_budget_counts_the_steps_of_a_window(monkeypatch):
    seen = watch_collate(monkeypatch)
    arrays = [np.full(length, 2, dtype=np.int32) for length in (97, 50)]
    store = LabelledStore(RaggedStore.from_arrays(arrays), np.array([0, 1]))
    run(Task(store, store), window=10, batch_steps=20, epochs=1)
    assert [len(sequences) for sequences, _ in seen] == [2]


def test_a_sequence_as_long_as_the_window_is_read_whole(monkeypatch):
    seen = watch_collate(monkeypatch)
    run(counting_task(10), window=10, epochs=2)
    assert all(list(range(10)) in sequences for sequences, _ in seen)


def test_validation_reads_sequences_whole():
    training, reports = run(counting_task(50), window=4, epochs=1)
    store = training.objective.valid.sequences
    logits = infer_logits(training.model, [store[0], store[1]], device=CPU)
    assert reports[0].valid.to_dict() == score(softmax(logits), np.array([0, 1]), CLASSES).to_dict()


def test_some_tokens_are_read_as_unknown_drawn_anew(monkeypatch):
    seen = watch_collate(monkeypatch)
    run(counting_task(2_000), token_dropout=0.3, epochs=2, batch_size=1)
    whole = np.arange(2_000) % 97
    epochs = [np.array(each) for sequences, _ in seen for each in sequences if len(each) > 2]
    dropped = [epoch != whole for epoch in epochs]
    for epoch, missing in zip(epochs, dropped, strict=True):
        assert set(epoch[missing]) == {UNKNOWN_ID}
        assert 0.25 < missing.mean() < 0.35
    assert not np.array_equal(*dropped)


def test_no_token_is_dropped_for_good():
    task = Task()
    before = task.train.sequences.values.copy()
    run(task, token_dropout=0.5)
    assert np.array_equal(task.train.sequences.values, before)


def test_no_value_of_a_series_is_dropped(monkeypatch):
    seen = watch_collate(monkeypatch)
    arrays = [np.full((50, 2), 7.0, dtype=np.float32), np.full((9, 2), 3.0, dtype=np.float32)]
    store = LabelledStore(RaggedStore.from_arrays(arrays), np.array([0, 1]))
    run(Task(store, store, {"vocab_size": 0, "num_channels": 2}), token_dropout=0.5)
    assert {value for sequences, _ in seen for each in sequences for value in np.unique(each)} == {
        3,
        7,
    }


def test_validation_drops_no_token():
    settings = {"learning_rate": 1e-12, "epochs": 1}
    (_, plain), (_, dropping) = run(**settings), run(token_dropout=0.9, **settings)
    assert dropping[0].valid.log_loss == pytest.approx(plain[0].valid.log_loss, abs=1e-6)
    assert dropping[0].train_loss != pytest.approx(plain[0].train_loss, abs=1e-4)


def test_progress_is_kept():
    training = Task().start(batch_size=8, epochs=2)
    for report in training:
        now = training.progress
        assert now.epoch == report.epoch
        assert now.batch == now.num_batches == 5
        assert now.steps == training.train.sequences.lengths.sum()
        assert now.seconds > 0
        assert np.isfinite(now.loss)
        assert not now.validating
        assert report.steps_per_second > 0
        assert report.seconds > 0


# The loss


def test_the_loss_is_the_mean_over_records(monkeypatch):
    training, logits, targets = one_batch(learning_rate=1e-12)
    expected = nn.functional.cross_entropy(logits, targets)
    assert next(iter(training)).train_loss == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_of_unequal_batches_is_the_mean_over_records():
    settings = {"epochs": 1, "learning_rate": 1e-12}
    _, whole = run(batch_size=100, **settings)
    _, parts = run(batch_size=7, **settings)
    assert parts[0].train_loss == pytest.approx(whole[0].train_loss, rel=1e-5)


@pytest.mark.parametrize(
    ("class_weight", "by_hand"),
    [
        ("balanced", lambda counts: counts.sum() / (2 * counts)),
        ({"yes": 5.0}, lambda counts: np.array([1.0, 5.0])),
        ({"no": 0.5, "yes": 0.0}, lambda counts: np.array([0.5, 0.0])),
    ],
)
def test_classes_are_weighed(class_weight, by_hand):
    training, logits, targets = one_batch(class_weight=class_weight)
    weight = by_hand(np.bincount(targets)).astype(np.float32)[targets]
    losses = nn.functional.cross_entropy(logits, targets, reduction="none").numpy()
    expected = (weight * losses).sum() / weight.sum()
    assert next(iter(training)).train_loss == pytest.approx(float(expected), rel=1e-5)


def test_the_weight_of_a_class_moves_the_answers():
    train = make_store(60, seed=1, noise=True)

    def share_of_yes(weight):
        task = Task(train, train)
        _, reports = run(task, class_weight={"yes": weight}, epochs=2)
        return reports[-1].valid.confusion[:, 1].sum()

    assert share_of_yes(0.02) < 10 < 50 < share_of_yes(50.0)


def test_a_weight_for_a_class_that_there_is_not():
    with pytest.raises(ConfigError, match="'maybe'") as caught:
        Task().start(class_weight={"maybe": 2.0})
    assert caught.value.code is Code.BAD_SETTING


def test_labels_are_smoothed():
    training, logits, targets = one_batch(label_smoothing=0.2)
    soft = torch.full((len(targets), 2), 0.1)
    soft[torch.arange(len(targets)), targets] = 0.9
    expected = -(soft * logits.log_softmax(dim=1)).sum(dim=1).mean()
    assert next(iter(training)).train_loss == pytest.approx(float(expected), rel=1e-5)


# The updates


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
def test_the_rate_rises_and_falls(warmup):
    positions = np.linspace(0, 1, 101)
    rates = np.array([rate(position, warmup) for position in positions])
    assert (rates > 0)[:-1].all()
    assert (rates <= 1).all()
    rising = positions < warmup
    assert (np.diff(rates[rising]) >= 0).all()
    assert (np.diff(rates[~rising]) <= 0).all()
    if warmup < 1:
        assert rate(warmup, warmup) == pytest.approx(1)
        assert rate(1.0, warmup) == pytest.approx(0, abs=1e-9)
        assert rate((1 + warmup) / 2, warmup) == pytest.approx(0.5)
    if warmup:
        assert rate(warmup / 2, warmup) == pytest.approx(0.5)


def test_the_rate_is_that_of_the_curve(monkeypatch):
    training = Task().start(batch_size=8, epochs=4, learning_rate=0.02, warmup_fraction=0.25)
    seen = watch_updates(training, monkeypatch)
    list(training)
    rates = [rate for rate, _ in seen]
    assert len(rates) == 4 * 5
    assert rates == pytest.approx([0.02 * rate(step / 20, 0.25) for step in range(20)])
    assert max(rates) == pytest.approx(0.02)
    assert rates[-1] < 0.001


def test_gradients_are_clipped(monkeypatch):
    free, clipped = Task().start(clip_norm=1e9), Task().start(clip_norm=0.01)
    norms = [watch_updates(training, monkeypatch) for training in (free, clipped)]
    list(free), list(clipped)
    assert min(norm for _, norm in norms[0]) > 0.02
    assert all(norm == pytest.approx(0.01, rel=1e-3) for _, norm in norms[1])


def test_weights_decay_but_biases_do_not():
    groups = Task().start(weight_decay=0.25)._optimizer.param_groups
    decays = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    model = Task().start().model
    assert len(decays) == len(list(model.parameters()))
    for group in groups:
        for weight in group["params"]:
            assert decays[id(weight)] == (0.25 if weight.dim() > 1 else 0.0)


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_divergence_is_told(part, monkeypatch):
    training = Task().start()
    if part == "loss":
        nn.init.constant_(training.model.head.weight, float("nan"))
    else:
        training.model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(ConfigError, match="--learning-rate") as caught:
        list(training)
    assert caught.value.code is Code.DIVERGED
    assert "epoch 1" in caught.value.problem.found


def test_no_weight_is_spoiled_by_the_update_that_diverges():
    training = Task().start()
    training.model.head.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(ConfigError):
        list(training)
    assert weights(training).isfinite().all()


# The best epoch


def test_the_best_epoch_is_put_back():
    training, reports = run(NOISE, epochs=12, learning_rate=0.1)
    assert training.best in reports
    assert training.best.epoch < len(reports), "the example needs a best epoch before the last"
    last = weights(training)
    training.restore_best()
    assert not torch.equal(weights(training), last)
    store = training.objective.valid.sequences
    sequences = [store[index] for index in range(len(store))]
    logits = infer_logits(training.model, sequences, device=CPU)
    again = score(softmax(logits), training.objective.valid.targets, CLASSES)
    assert again.to_dict() == training.best.valid.to_dict()
    ranks = [(report.valid.accuracy, -report.valid.log_loss) for report in reports]
    assert ranks[training.best.epoch - 1] == max(ranks)


def test_a_training_that_is_over_keeps_nothing_that_an_update_needs():
    training, _ = run()
    assert not training._optimizer.state
    assert all(weight.grad is None for weight in training.model.parameters())


def test_with_nothing_held_out_the_last_epoch_is_the_best():
    task = Task(NOISE.train, None)
    training, reports = run(task, epochs=5, patience=1, learning_rate=0.1)
    assert [(each.epoch, each.valid, each.epochs_since_best) for each in reports] == [
        (epoch, None, 0) for epoch in range(1, 6)
    ]
    assert training.best == reports[-1]
    best = torch.cat([weight.flatten() for weight in training.best_model().parameters()])
    assert torch.equal(best, weights(training))


def test_what_is_held_out_teaches_nothing():
    (with_it, _), (without_it, _) = run(), run(Task(valid=None))
    assert torch.equal(weights(with_it), weights(without_it))


@pytest.mark.parametrize(
    ("scores", "since_best", "best"),
    [
        ([(0.5, 1.0), (0.6, 2.0), (0.6, 3.0), (0.4, 0.1)], [0, 0, 1, 2], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.9), (0.5, 1.0)], [0, 0, 1, 2], 2),
        ([(0.5, 1.0), (0.4, 0.1), (0.6, 9.0), (0.1, 1.0), (0.2, 1.0)], [0, 1, 0, 1, 2], 3),
    ],
)
def test_training_stops_when_nothing_has_improved_for_a_while(
    monkeypatch, scores, since_best, best
):
    training = Task().start(epochs=50, patience=2)
    reports = list(with_scores(training, monkeypatch, *scores))
    assert [report.epochs_since_best for report in reports] == since_best
    assert [report.epoch for report in reports] == list(range(1, len(scores) + 1))
    assert training.best.epoch == best


def test_training_ends_after_its_epochs():
    assert len(run(epochs=4)[1]) == 4


def test_the_loop_may_be_left_early():
    training = Task().start(epochs=50)
    for report in training:
        if report.epoch == 2:
            break
    trained = weights(training)
    assert training.best.epoch in (1, 2)
    training.restore_best()
    assert weights(training).isfinite().all()
    assert torch.equal(weights(training), trained) == (training.best.epoch == 2)


def test_there_is_no_best_epoch_before_the_first():
    with pytest.raises(RuntimeError, match="no epoch"):
        assert Task().start().best


def test_training_learns():
    _, reports = run(epochs=40, batch_size=8)
    assert reports[-1].train_loss < 0.1 * reports[0].train_loss
    assert reports[-1].valid.accuracy == 1


def test_a_batch_may_be_used_by_ones_own_loop():
    training = Task().start()
    batch = training._loader.prepare(0, 0, np.array([0, 1])).batch
    assert isinstance(batch, Batch)
    assert training.model(batch).shape == (2, 2)


def test_a_batch_of_a_class_without_weight_is_no_divergence():
    _, reports = run(class_weight={"yes": 0.0}, batch_size=1)
    assert np.isfinite(reports[-1].train_loss)


def test_a_gradient_that_is_not_finite_is_called_so():
    training = Task().start()
    training.model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(ConfigError, match="gradient"):
        list(training)
