import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqwise import predictor as module
from seqwise.artifact import save_artifact
from seqwise.data import sampler
from seqwise.data.records import Record
from seqwise.errors import ArtifactError, Code, ConfigError, Problem
from seqwise.nn import ENCODERS, SequenceModel
from seqwise.predictor import Predictor, choose_device, infer_logits, length_band, softmax
from tests.training.examples import CPU, SEQUENCES, make_artifact, make_records

PROBLEM = Problem(Code.EMPTY_SEQUENCE, "nothing", "something", "mend it", line=3)
WORDS = ["good", "bad", "day", "night", "one", "so", "1"]


def make_predictor(kind="text", *, deterministic=False, **shape):
    return Predictor(make_artifact(kind, **shape), device="cpu", deterministic=deterministic)


def random_records(number, *, longest=40, seed=0):
    random = np.random.default_rng(seed)
    return [
        Record(" ".join(random.choice(WORDS, random.integers(1, longest))), None, index + 1)
        for index in range(number)
    ]


def probabilities(predictor, records):
    return np.concatenate([block.probabilities for block in predictor.predict(records)])


# From a setting to a device, from logits to probabilities


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device cpu") as caught:
        choose_device("cuda")
    assert caught.value.code is Code.BAD_SETTING
    assert choose_device("auto") == CPU


def test_a_gpu_that_is_there_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cuda").type == "cuda"
    assert choose_device("cpu") == CPU


def test_softmax_in_double_precision():
    logits = np.array([[0.0, np.log(3.0)], [1e30, 0.0], [-1e30, -1e30]], dtype=np.float32)
    found = softmax(logits)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[0.25, 0.75], [1, 0], [0.5, 0.5]], atol=1e-7)


@given(st.integers(1, 10**9))
def test_a_length_band_reaches_the_length_and_little_more(length):
    band = length_band(length)
    assert length <= band <= length * 1.125
    assert length_band(band) == band


@given(st.integers(1, 10**6), st.integers(0, 100))
def test_length_bands_grow_with_the_length(length, more):
    assert length_band(length) <= length_band(length + more)


def test_there_are_few_length_bands():
    bands = {length_band(length) for length in range(1, 1025)}
    assert bands >= set(range(1, 17))
    assert len(bands) <= 16 + 8 * 6


# The stream of records


@pytest.mark.parametrize("kind", SEQUENCES)
@pytest.mark.parametrize("deterministic", [False, True])
def test_each_record_gets_its_own_probabilities_in_order(kind, deterministic):
    predictor = make_predictor(kind, deterministic=deterministic)
    records = make_records(kind)
    together = probabilities(predictor, records)
    alone = np.concatenate([probabilities(predictor, [record]) for record in records])
    assert together.shape == (len(records), 3)
    assert together.dtype == np.float64
    assert len(np.unique(together.round(9), axis=0)) == len(records)
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-12)


def test_probabilities_are_those_of_the_model():
    predictor = make_predictor()
    logits = infer_logits(predictor.model, predictor.codec.encode(["so bad"]), device=CPU)
    expected = torch.tensor(logits).double().softmax(dim=1).numpy()
    assert np.array_equal(probabilities(predictor, [Record("so bad", None, 1)]), expected)


def test_many_lengths_keep_their_order(monkeypatch):
    monkeypatch.setattr(sampler, "INFERENCE_BATCH_SIZE", 4)
    predictor = make_predictor()
    records = random_records(50)
    alone = np.concatenate([probabilities(predictor, [record]) for record in records])
    np.testing.assert_allclose(probabilities(predictor, records), alone, atol=1e-6)


@pytest.mark.parametrize("number", [1, 4, 5, 11])
def test_blocks_are_cut_by_their_number_of_records(monkeypatch, number):
    monkeypatch.setattr(module, "BLOCK_RECORDS", 5)
    records = random_records(number)
    blocks = list(make_predictor().predict(records))
    assert list(itertools.chain.from_iterable(block.records for block in blocks)) == records
    assert [len(block.records) for block in blocks[:-1]] == [5] * ((number - 1) // 5)


def test_blocks_grow_from_a_small_first_one(monkeypatch):
    monkeypatch.setattr(module, "FIRST_BLOCK_RECORDS", 2)
    monkeypatch.setattr(module, "BLOCK_RECORDS", 7)
    records = random_records(25)
    predictor = make_predictor(deterministic=True)
    blocks = list(predictor.predict(records))
    assert [len(block.records) for block in blocks] == [2, 4, 7, 7, 5]
    together = np.concatenate([block.probabilities for block in blocks])
    alone = np.concatenate([probabilities(predictor, [record]) for record in records])
    assert np.array_equal(together, alone)


def test_the_size_of_a_series_counts_all_channels(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_SIZE", 12)
    records = [Record(np.zeros((3, 2)), None, number) for number in range(5)]
    blocks = make_predictor("series").predict(records)
    assert [len(block.records) for block in blocks] == [2, 2, 1]


@pytest.mark.parametrize("bad", [[3], [0, 24], [4, 5], list(range(5, 10))])
def test_bad_records_keep_their_places_in_all_blocks(monkeypatch, bad):
    records = random_records(25)
    predictor = make_predictor()
    expected = probabilities(predictor, records)
    expected[bad] = np.nan
    monkeypatch.setattr(module, "BLOCK_RECORDS", 5)
    for position in bad:
        records[position] = Record(None, None, position + 1, problem=PROBLEM)
    blocks = list(predictor.predict(records))
    np.testing.assert_allclose(
        np.concatenate([block.probabilities for block in blocks]), expected, atol=1e-6
    )
    problems = [problem for block in blocks for problem in block.problems]
    assert np.flatnonzero(problems).tolist() == bad


def test_blocks_are_cut_by_their_size(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_SIZE", 10)
    texts = ["12345", "12345", "1234567890123", "1", "2"]
    records = [Record(text, None, number) for number, text in enumerate(texts)]
    sizes = [len(block.records) for block in make_predictor().predict(records)]
    assert sizes == [2, 1, 2]


def test_records_are_read_no_further_than_a_block(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RECORDS", 5)
    read = []

    def endless():
        for number in itertools.count(1):
            read.append(number)
            yield Record("good day", None, number)

    blocks = make_predictor().predict(endless())
    assert read == []
    next(blocks)
    assert len(read) == 5
    next(blocks)
    assert len(read) == 10


def test_no_records():
    assert list(make_predictor().predict([])) == []


def test_a_bad_record_keeps_its_place_with_its_problem():
    first, second = make_records()[:2]
    records = [
        Record(None, "x", 0, problem=PROBLEM),
        first,
        Record(None, None, 2, 3, PROBLEM),
        second,
    ]
    (block,) = make_predictor().predict(records)
    assert block.records == records
    assert block.problems == [PROBLEM, None, PROBLEM, None]
    assert block.usable.tolist() == [1, 3]
    assert np.isnan(block.probabilities[[0, 2]]).all()
    expected = probabilities(make_predictor(), [first, second])
    assert np.array_equal(block.probabilities[[1, 3]], expected)


def test_nothing_but_bad_records():
    (block,) = make_predictor().predict([Record(None, None, 1, problem=PROBLEM)])
    assert np.isnan(block.probabilities).all()
    assert block.encoded.num_steps == 0


def test_another_number_of_channels_is_a_problem_in_its_place():
    good = make_records("series")[0]
    bad = Record(np.zeros((4, 5)), None, 2, line=9)
    (block,) = make_predictor("series").predict([good, bad])
    problem = block.problems[1]
    assert problem.code is Code.CHANNEL_COUNT
    assert (problem.line, problem.record) == (9, 2)
    assert np.isfinite(block.probabilities[0]).all()


def test_what_max_length_cuts_is_counted():
    predictor = Predictor(make_artifact(max_length=2), device="cpu")
    records = [Record(text, None, 1) for text in ("good", "good day night", "good day")]
    (block,) = predictor.predict(records)
    assert (block.encoded.num_cut, block.encoded.num_steps) == (1, 5)
    assert np.array_equal(block.probabilities[1], block.probabilities[2])


def test_unknown_tokens_are_counted():
    records = [Record("good zebra", None, 1), Record("yak zebra day", None, 2)]
    (block,) = make_predictor().predict(records)
    assert (block.encoded.num_unknown, block.encoded.num_steps) == (3, 5)


# The same bits


@pytest.mark.parametrize("encoder", ENCODERS)
def test_deterministic_bits_do_not_depend_on_blocks_or_mates(monkeypatch, encoder):
    predictor = make_predictor(deterministic=True, encoder=encoder, hidden_size=32)
    records = random_records(60)
    expected = probabilities(predictor, records)
    for size in (1, 7, 33):
        monkeypatch.setattr(module, "BLOCK_RECORDS", size)
        assert np.array_equal(probabilities(predictor, records), expected)
    monkeypatch.undo()
    order = np.random.default_rng(1).permutation(60)
    shuffled = probabilities(predictor, [records[index] for index in order])
    assert np.array_equal(shuffled, expected[order])


def test_deterministic_and_usual_agree():
    records = random_records(40)
    usual = probabilities(make_predictor(hidden_size=32), records)
    exact = probabilities(make_predictor(hidden_size=32, deterministic=True), records)
    np.testing.assert_allclose(usual, exact, atol=1e-6)


def test_deterministic_shapes_depend_on_the_length_alone(monkeypatch):
    shapes = set()
    original = SequenceModel.forward

    def watch(self, batch):
        shapes.add(tuple(batch.inputs.shape))
        return original(self, batch)

    monkeypatch.setattr(SequenceModel, "forward", watch)
    list(make_predictor(deterministic=True).predict(random_records(50)))
    rows, times = {shape[0] for shape in shapes}, [shape[1] for shape in shapes]
    assert len(rows) == 1
    assert len(times) == len(set(times))
    assert all(length_band(time) == time for time in times)


def test_a_batch_stays_within_its_budget(monkeypatch):
    for each in (sampler, module):
        monkeypatch.setattr(each, "INFERENCE_BATCH_STEPS", 64)
    original, sizes = SequenceModel.forward, []

    def watch(self, batch):
        sizes.append(batch.inputs.shape)
        return original(self, batch)

    monkeypatch.setattr(SequenceModel, "forward", watch)
    for deterministic in (False, True):
        list(make_predictor(deterministic=deterministic).predict(random_records(30, longest=90)))
    assert all(rows * time <= 64 or rows == 1 for rows, time in sizes)


def test_prediction_is_without_dropout_and_gradients():
    predictor = make_predictor(dropout=0.5)
    predictor.model.train()
    records = make_records()
    assert np.array_equal(probabilities(predictor, records), probabilities(predictor, records))
    assert all(weight.grad is None for weight in predictor.model.parameters())


# From a folder


def test_a_saved_model_predicts_as_before(tmp_path):
    save_artifact(make_artifact(), tmp_path / "model")
    loaded = Predictor.load(tmp_path / "model", device="cpu", deterministic=True)
    expected = probabilities(make_predictor(deterministic=True), make_records())
    assert loaded.deterministic
    assert np.array_equal(probabilities(loaded, make_records()), expected)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ArtifactError):
        Predictor.load(tmp_path)
