import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.data.codecs import FIRST_ID
from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.data.vectors import VectorFile
from seqwise.errors import CheckpointError, Code, ConfigError, DataError
from seqwise.nn import TokenEmbedding
from seqwise.nn.embedding import TOKEN_DEVIATION
from seqwise.predictor import Predictor
from seqwise.training.description import describe_run
from seqwise.training.plan import settle
from seqwise.training.preparation import load_prepared, prepare
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.stages import Stages
from seqwise.training.start import VectorStart
from tests.training.examples import BAD, FAST, GOOD, SMALL, labelled, make_refit_run, make_run

WORDS = ["good", "bad", "fine", "poor"]  # the last two stand in no record


def write_vectors(path, words=WORDS, *, dimension=8, loudness=1.0, seed=0):
    random = np.random.default_rng(seed)
    table = {word: random.normal(scale=loudness, size=dimension) for word in words}
    lines = (f"{word} {' '.join(map(str, row))}\n" for word, row in table.items())
    path.write_text("".join(lines))
    return str(path), table


@pytest.fixture
def vectors(tmp_path):
    return write_vectors(tmp_path / "words.vec")[0]


def table_of(training):
    modules = training.model.modules()
    return next(each for each in modules if isinstance(each, TokenEmbedding)).table.weight.detach()


def ids_of(run):
    return run.prepared.codec.vocabulary()


@pytest.mark.parametrize("loudness", [0.001, 1.0, 500.0])
def test_words_start_from_their_vectors_as_loud_as_others(tmp_path, loudness):
    path, table = write_vectors(tmp_path / "words.vec", loudness=loudness)
    run, plain = make_run(vectors=path), make_run()
    ids, weight = ids_of(run), table_of(run.training)
    rows = weight[[ids[word] for word in WORDS]].numpy()
    assert rows.std(ddof=1) == pytest.approx(TOKEN_DEVIATION, rel=1e-4)
    expected = np.stack([table[word] for word in WORDS])
    np.testing.assert_allclose(rows / rows[0, 0], expected / expected[0, 0], rtol=1e-4)
    assert not weight[0].any()
    others = [index for word, index in ids.items() if word not in WORDS and index >= FIRST_ID]
    assert 0.2 < float(weight[others].std()) < 0.4
    assert plain.prepared.codec.vocab_size == run.prepared.codec.vocab_size - 2


def test_the_size_of_a_vector_is_that_of_the_file(tmp_path):
    path, _ = write_vectors(tmp_path / "words.vec", dimension=5)
    assert make_run(vectors=path, embedding_dim=None).shape.embedding_dim == 5
    with pytest.raises(ConfigError, match="embedding_dim is 8 - 5, with the vectors of"):
        make_run(vectors=path)
    with pytest.raises(ConfigError, match="kernel_size is 3 - 0, with the vectors of"):
        make_run(vectors=path, embedding_dim=5, kernel_size=3)


def test_vectors_are_for_text_by_words(vectors):
    for settings in ({"tokens": "characters"}, {"tokens": "bpe", "vocab_size": 400}):
        with pytest.raises(ConfigError, match="text read by words"):
            make_run(vectors=vectors, **settings)
    pairs = [("ACGT", "a"), ("ACGG", "a"), ("GGTT", "b"), ("GGTA", "b")]
    with pytest.raises(ConfigError, match="and this is dna"):
        make_run(pairs, Kind.DNA, vectors=vectors)


def test_vectors_of_none_of_the_words_are_refused(tmp_path):
    path, _ = write_vectors(tmp_path / "words.vec", ["gut", "b\xf6se"])
    with pytest.raises(DataError, match="vectors of none of the 12 words") as caught:
        make_run(vectors=path)
    assert (caught.value.code, caught.value.problem.path) == (Code.BAD_SETTING, path)


def test_a_word_seen_once_is_not_read_in_pieces_as_it_may_have_a_vector(vectors):
    def least(**settings):
        return VectorStart(vectors).choose_data(Kind.TEXT, ["a b"], Wishes(data=settings)).min_count

    assert (least(), least(min_count=2)) == (1, 2)


def test_the_coverage_is_told(vectors):
    told = dict(describe_run(make_run(vectors=vectors)))
    assert told["vectors"] == "2 of 12 words have vectors; 2 more words of the file are known"
    assert "vectors" not in dict(describe_run(make_run()))


def test_the_vocabulary_keeps_within_its_limit(vectors):
    run = make_run(vectors=vectors, vocab_size=15)
    assert run.prepared.codec.vocab_size == 15
    assert set(WORDS) - ids_of(run).keys() == {"poor"}


def test_words_of_the_file_alone_tell_the_classes_in_prediction(tmp_path):
    # Alike as good and fine are, or bad and poor.
    good, bad = np.random.default_rng(1).normal(size=(2, 8))
    rows = {"good": good, "fine": good, "bad": bad, "poor": bad}
    lines = (f"{word} {' '.join(map(str, row))}\n" for word, row in rows.items())
    (tmp_path / "words.vec").write_text("".join(lines))
    run = make_run(vectors=str(tmp_path / "words.vec"), epochs=8)
    list(run)
    artifact = run.artifact()
    save_artifact(artifact, tmp_path / "model")
    artifact = load_artifact(tmp_path / "model")

    records = [Record("fine 3", None, 1), Record("poor 3", None, 2)]
    (block,) = Predictor(artifact, device="cpu").predict(records)
    best = block.probabilities.argmax(axis=1)
    assert artifact.labels.decode(best) == ["yes", "no"]


def test_a_refit_starts_from_them_too(tmp_path):
    path, _ = write_vectors(tmp_path / "words.vec", ["worda", "wordaa", "fine"])
    run = make_refit_run(vectors=path, learning_rate=1e-12, epochs=2)
    list(run)
    codec, _ = run.prepared.whole
    ids = codec.vocabulary()
    assert {"wordaa", "fine"} <= ids.keys()
    rows = table_of(run.more[0])[[ids["wordaa"], ids["fine"]]]
    first = table_of(run.training)[[ids_of(run)[word] for word in ("wordaa", "fine")]]
    assert torch.allclose(rows / rows[0, 0], first / first[0, 0], atol=1e-4)


def test_every_trial_and_network_starts_from_them(vectors, monkeypatch):
    started = []
    begin = Stages._train

    def note(stages, shape, codec, *others):
        training = begin(stages, shape, codec, *others)
        ids = codec.vocabulary()
        started.append((shape.encoder, table_of(training)[[ids[word] for word in WORDS]].clone()))
        return training

    monkeypatch.setattr(Stages, "_train", note)
    reads = []
    read = VectorFile.read
    monkeypatch.setattr(VectorFile, "read", lambda *given: reads.append(1) or read(*given))
    how = {**dict.fromkeys(SMALL), "encoder": None, "num_networks": 2, "epochs": 1}
    run = make_run(vectors=vectors, **how)
    list(run)
    assert [trial.encoder for trial in run.trials] == ["lstm", "convolution"]
    assert [encoder for encoder, _ in started] == [*run.schedule.encoders, *[run.shape.encoder] * 2]
    for _, rows in started:
        assert torch.equal(rows, started[0][1])
    assert len(reads) == 1  # however many networks begin with them


def test_a_run_goes_on_with_the_same_vectors_wherever_they_are(tmp_path, vectors):
    run = make_run(vectors=vectors)
    steps = run.steps()
    next(steps)
    state = run.state()
    json.dumps(state.values)
    moved = tmp_path / "moved.vec"
    moved.write_bytes((tmp_path / "words.vec").read_bytes())
    make_run(vectors=str(moved)).restore(state)
    write_vectors(moved, seed=9)
    for settings in ({"vectors": str(moved)}, {}):
        with pytest.raises(CheckpointError, match="vectors is"):
            make_run(**settings).restore(state)


def test_a_store_is_trained_on_with_the_vectors_it_was_encoded_with(tmp_path, vectors):
    records = labelled([*GOOD, *BAD])
    wishes = Wishes.sorted({**SMALL, **FAST, "epochs": 1, "refit": True, "vectors": vectors})
    prepare(records, Kind.TEXT, wishes, store=tmp_path / "store")
    prepared = load_prepared(tmp_path / "store")
    run = TrainingRun(prepared, settle(wishes, prepared.plan))
    assert set(WORDS) <= ids_of(run).keys()
    plain = replace(wishes, train={k: v for k, v in wishes.train.items() if k != "vectors"})
    other = replace(wishes, train={**wishes.train, "vectors": str(tmp_path / "other.vec")})
    write_vectors(tmp_path / "other.vec", seed=9)
    for each in (plain, other):
        with pytest.raises(ConfigError, match="the one that the store was encoded with"):
            settle(each, prepared.plan)
    prepare(records, Kind.TEXT, plain, store=tmp_path / "plain")
    with pytest.raises(ConfigError, match="none, as the store was encoded"):
        settle(wishes, load_prepared(tmp_path / "plain").plan)


def test_a_run_goes_on_with_the_same_records_held_out_alone(tmp_path):
    """A store may be encoded anew: what was learned from would choose the epoch."""
    records = labelled([*GOOD, *BAD])
    runs = []
    for seed in (0, 1):
        wishes = Wishes.sorted({**SMALL, **FAST, "epochs": 1, "seed": seed})
        prepare(records, Kind.TEXT, wishes, store=tmp_path / str(seed))
        prepared = load_prepared(tmp_path / str(seed))
        same = replace(wishes, train={**wishes.train, "seed": 5})
        runs.append(TrainingRun(prepared, settle(same, prepared.plan)))
    next(runs[0].steps())
    with pytest.raises(CheckpointError, match="split_seed is 1, and was 0"):
        runs[1].restore(runs[0].state())
