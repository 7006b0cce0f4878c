import threading

import pytest
import torch

from seqwise.training.loading import Loader
from tests.training.examples import Task, make_refit_run, make_store

CHANCE = {"token_dropout": 0.2, "window": 5, "batch_size": 3}


def weights(model):
    return {name: each.numpy().tobytes() for name, each in model.state_dict().items()}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_change_no_bit(workers):
    results = []
    for number in (0, workers):
        run = make_refit_run(
            workers=number, dropout=0.3, epochs=3, token_dropout=0.2, window=2, batch_size=4
        )
        results.append(([report.train_loss for report in run], weights(run.artifact().model)))
    assert results[0] == results[1]


def loader(workers):
    return Task(make_store(41, seed=1, length=12)).start(workers=workers, **CHANCE)._loader


def contents(shares):
    return [(share.batch.inputs.tolist(), share.batch.targets.tolist()) for share in shares]


@pytest.mark.parametrize("first", [0, 5, 13, 14])
def test_batches_come_in_their_order(first):
    plain, ahead = loader(0), loader(2)
    batches = plain.batches(3)
    assert len(batches) == 14
    expected = contents(plain.load(3, batches, 0))[first:]
    assert contents(ahead.load(3, batches, first)) == expected


def prepared_by(workers, monkeypatch):
    """The threads that prepare batches, and how many are ready when the first is taken."""
    names, prepare = [], Loader.prepare

    def watch(self, *arguments):
        names.append(threading.current_thread().name)
        return prepare(self, *arguments)

    monkeypatch.setattr(Loader, "prepare", watch)
    made = loader(workers)
    shares = made.load(0, made.batches(0), 0)
    next(shares)
    shares.close()
    return names


def test_without_workers_a_batch_is_prepared_when_it_is_asked_for(monkeypatch):
    assert prepared_by(0, monkeypatch) == [threading.current_thread().name]


def test_workers_prepare_a_few_batches_ahead_and_not_all(monkeypatch):
    names = prepared_by(2, monkeypatch)
    assert threading.current_thread().name not in names
    assert 1 < len(names) <= 5


def test_no_thread_is_left_when_training_is_left():
    before = threading.active_count()
    training = Task().start(workers=3, **CHANCE)
    steps = training.steps()
    next(steps)
    assert threading.active_count() > before
    steps.close()
    assert threading.active_count() == before


def test_an_error_in_a_worker_is_raised(monkeypatch):
    def fail(self, *arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(Loader, "prepare", fail)
    with pytest.raises(MemoryError, match="no room"):
        list(Task().start(workers=2))


def test_a_worker_leaves_the_random_numbers_of_torch_alone():
    made = loader(2)
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    list(made.load(0, made.batches(0), 0))
    assert torch.equal(torch.random.get_rng_state(), before)
