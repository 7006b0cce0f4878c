import itertools

import numpy as np
import pytest
import torch

from seqwise.config import DataConfig, TrainConfig
from seqwise.data.codecs import FIRST_ID, UNKNOWN_ID, build_codec
from seqwise.data.store import RaggedStore
from seqwise.training.augmentation import Augmentation
from seqwise.training.distribution import ALONE, World
from seqwise.training.loading import Loader
from seqwise.training.preparation import LabelledStore

CPU = torch.device("cpu")
SETTINGS = {
    "dna": {"mutation": 0.2, "strand_flip": 0.5, "token_dropout": 0.1, "window": 9},
    "series": {"jitter": 0.3, "scaling": 0.3, "window": 9},
}
every_kind = pytest.mark.parametrize("kind", SETTINGS)


def codec(training="ACGTN", kmer=1):
    return build_codec(DataConfig(kind="dna", kmer=kmer)).fit([training])


def make_store(kind):
    random = np.random.default_rng(0)
    lengths = random.integers(1, 20, 23).tolist()
    if kind == "dna":
        arrays = codec().encode(["".join(random.choice(list("ACGTN"), n)) for n in lengths])
    else:
        arrays = [random.normal(size=(n, 2)).astype(np.float32) for n in lengths]
    return LabelledStore(RaggedStore.from_arrays(arrays), np.zeros(len(arrays), dtype=np.int64))


def make_loader(kind, world=ALONE, **settings):
    config = TrainConfig.from_dict(
        {"token_dropout": 0.0, "batch_size": 4, **SETTINGS[kind], **settings}
    )
    encoded = codec() if kind == "dna" else None
    return Loader(make_store(kind), config, world=world, device=CPU, codec=encoded)


def read(loader, epoch=0, first=0):
    """What an epoch reads, batch by batch."""
    batches = []
    for share in loader.load(epoch, loader.batches(epoch), first):
        batch = share.batch
        rows = zip(batch.inputs.numpy(), batch.lengths.tolist(), strict=True)
        batches.append([] if share.is_idle else [row[:n].tolist() for row, n in rows])
    return batches


@every_kind
def test_what_is_read_is_a_function_of_seed_and_epoch(kind):
    loader = make_loader(kind)
    first = read(loader)
    assert read(loader) == read(make_loader(kind)) == first
    assert read(loader, first=3) == first[3:]
    assert read(loader, epoch=1) != first != read(make_loader(kind, seed=1))


@every_kind
@pytest.mark.parametrize("size", [2, 3])
def test_processes_read_what_one_would(kind, size):
    expected = read(make_loader(kind))
    shares = [read(make_loader(kind, World(rank, size))) for rank in range(size)]
    together = [[*itertools.chain(*parts)] for parts in zip(*shares, strict=True)]
    assert [sorted(batch) for batch in together] == [sorted(batch) for batch in expected]


@every_kind
def test_nothing_is_changed_for_good_and_nothing_that_is_not_asked_for(kind):
    loader = make_loader(kind)
    before = loader.store.sequences.values.copy()
    read(loader)
    assert np.array_equal(loader.store.sequences.values, before)
    plain = make_loader(kind, **dict.fromkeys(SETTINGS[kind], 0) | {"window": 100})
    rows = [row for batch in read(plain) for row in batch]
    store = plain.store.sequences
    assert sorted(rows) == sorted(store[index].tolist() for index in range(len(store)))


def change(sequence, seed=0, **settings):
    """Change one sequence once; a series where it has channels."""
    is_series = sequence.ndim == 2
    config = TrainConfig.from_dict({"token_dropout": 0.0, "window": 100_000, **settings})
    made = Augmentation(
        config,
        num_channels=sequence.shape[1] if is_series else 0,
        codec=None if is_series else codec(),
    )
    return made.draw(len(sequence), np.random.default_rng(seed))(sequence)


def test_letters_are_read_as_other_letters_alike():
    ids = codec().encode(["ACGT" * 10_000])[0]
    changed = change(ids, mutation=0.3)
    hit = changed != ids
    assert 0.29 < hit.mean() < 0.31
    for letter in range(FIRST_ID, FIRST_ID + 4):
        others, counts = np.unique(changed[hit & (ids == letter)], return_counts=True)
        assert len(others) == 3
        assert letter not in others
        assert counts.min() > 0.9 * counts.max()


def test_what_is_no_letter_stays():
    ids = codec().encode(["NNRR-" * 400])[0]
    assert set(ids.tolist()) == {UNKNOWN_ID, codec().encode(["N"])[0][0]}
    assert np.array_equal(change(ids, mutation=0.9), ids)
    few = Augmentation(TrainConfig(mutation=0.9, token_dropout=0.0), codec=codec("AAA"))
    only = codec("AAA").encode(["AAAA"])[0]
    assert np.array_equal(few.draw(4, np.random.default_rng(0))(only), only)


@pytest.mark.parametrize("kmer", [1, 3])
def test_the_other_strand_is_that_of_the_letters(kmer):
    letters, turned = "AACGTTACCAG", "CTGGTAACGTT"
    made = build_codec(DataConfig(kind="dna", kmer=kmer)).fit([letters, turned])
    ids, other = made.encode([letters, turned])
    config = TrainConfig(strand_flip=0.5, token_dropout=0.0)
    augmentation = Augmentation(config, codec=made)
    random = np.random.default_rng(0)
    seen = [augmentation.draw(len(ids), random)(ids).tolist() for _ in range(200)]
    assert {*map(tuple, seen)} == {tuple(ids.tolist()), tuple(other.tolist())}
    assert 60 < seen.count(other.tolist()) < 140


def test_noise_is_in_deviations_of_each_value_on_its_own():
    values = np.full((20_000, 2), 3.0, dtype=np.float32)
    noise = change(values, jitter=0.5) - values
    assert noise.dtype == np.float32
    assert np.abs(noise.std(axis=0) - 0.5).max() < 0.02
    assert np.abs(noise.mean(axis=0)).max() < 0.02
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03


def test_a_series_is_scaled_as_a_whole():
    values = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    factors = []
    for seed in range(400):
        changed = change(values, seed, scaling=0.4)
        assert changed.dtype == np.float32
        factor = changed[0, 0] / values[0, 0]
        assert np.allclose(changed, factor * values)
        factors.append(float(factor))
    assert min(factors) > 0
    assert abs(np.log(factors).std() - 0.4) < 0.05
    assert abs(np.log(factors).mean()) < 0.06
