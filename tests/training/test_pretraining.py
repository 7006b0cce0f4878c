import json

import numpy as np
import pytest
import torch

from seqwise.artifact import load_pretrained
from seqwise.data.kinds import Kind, check_sequence
from seqwise.data.records import Record
from seqwise.errors import CheckpointError, Code, ConfigError, DataError
from seqwise.nn import Batch, NextStepModel
from seqwise.training.gathering import gather
from seqwise.training.next_step import NextStep
from seqwise.training.preparation import prepare
from seqwise.training.pretraining import PATIENCE, PretrainingRun
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.state import State
from seqwise.training.unlabelled import prepare_unlabelled, unlabelled
from tests.training.examples import labelled, make_run

SMALL = {"embedding_dim": 8, "hidden_size": 8, "dropout": 0.0, "epochs": 3, "device": "cpu"}


def circle(number, seed=0):
    """Texts in which each word has one that follows it: a b c d a b ..."""
    random = np.random.default_rng(seed)
    starts, lengths = random.integers(0, 4, number), random.integers(3, 9, number)
    return [
        " ".join("abcd"[(start + step) % 4] for step in range(length)) + f" {n % 7}{n % 10}"
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def waves(number):
    """Series in which the next value follows from the two before."""
    random = np.random.default_rng(0)
    return [
        np.sin(0.7 * np.arange(int(random.integers(6, 12))) + random.uniform(0, 6))[:, np.newaxis]
        for _ in range(number)
    ]


def gathered(sequences, kind=Kind.TEXT):
    records = [
        Record(check_sequence(each, kind), None if n % 2 else "label", n)
        for n, each in enumerate(sequences, start=1)
    ]
    return gather(unlabelled(lambda: records), kind, skip_bad=False, path="u.csv")


def make(sequences=None, kind=Kind.TEXT, **settings):
    wishes = Wishes.sorted({**SMALL, **settings})
    sequences = circle(60) if sequences is None else sequences
    return PretrainingRun(prepare_unlabelled(gathered(sequences, kind), kind, wishes), wishes)


@pytest.mark.parametrize("encoder", ["rnn", "lstm", "gru", "mingru"])
def test_what_follows_from_the_step_before_is_learned(encoder):
    run = make(circle(200), encoder=encoder, learning_rate=0.03, epochs=12)
    list(run)
    assert run.scores.loss < 0.75 * run.scores.baseline
    assert run.training.best.valid is run.scores


def test_a_wave_is_foretold_better_than_by_its_last_value():
    run = make(waves(60), Kind.SERIES, learning_rate=0.03, epochs=25)
    list(run)
    assert run.scores.loss < 0.5 * run.scores.baseline


def test_scores_are_those_of_each_step_by_itself():
    run = make(epochs=1, window=4)
    list(run)
    model, valid = run.training.best_model(), run.prepared.valid.sequences
    pieces = [
        torch.from_numpy(valid[n][start : start + 4].astype(np.int64))
        for n in range(len(valid))
        for start in range(0, len(valid[n]), 4)
    ]
    with torch.no_grad():
        total = sum(
            float(model(Batch(piece[None], torch.tensor([len(piece)])))) for piece in pieces
        )
    num_steps = 2 * sum(len(piece) - 1 for piece in pieces)
    assert run.scores.loss == pytest.approx(total / num_steps, rel=1e-5)
    assert run.scores.num_steps == num_steps


def test_the_loss_of_training_is_that_of_a_step():
    run = make(epochs=1, learning_rate=1e-12, batch_size=7)
    (report,) = run
    train = run.prepared.train.sequences
    model = run.training.best_model()
    total, num_steps = 0.0, 0
    with torch.no_grad():
        for n in range(len(train)):
            ids = torch.from_numpy(train[n].astype(np.int64))
            total += float(model(Batch(ids[None], torch.tensor([len(ids)]))))
            num_steps += 2 * (len(ids) - 1)
    assert report.train_loss == pytest.approx(total / num_steps, rel=1e-5)


def test_frequencies_are_those_of_the_training_part():
    run = make()
    train, valid = run.prepared.train.sequences, run.prepared.valid.sequences
    counts = np.bincount(np.concatenate(list(train)), minlength=run.shape.vocab_size)
    shares = (counts + 1) / (counts + 1)[1:].sum()
    losses = [-np.log(shares[each]) for each in valid]
    total = sum(each[1:].sum() + each[:-1].sum() for each in losses)
    list(run)
    assert run.scores.num_steps == 2 * sum(len(each) - 1 for each in losses)
    assert run.scores.baseline == pytest.approx(total / run.scores.num_steps)


@pytest.mark.parametrize("rough", [True, False])
def test_series_are_held_against_the_mean_and_the_last_value(rough):
    random = np.random.default_rng(0)
    sequences = [random.normal(size=(9, 1)) for _ in range(30)]
    if not rough:
        sequences = [each.cumsum(axis=0) for each in sequences]
    run = make(sequences, Kind.SERIES, epochs=1)
    list(run)
    valid = list(run.prepared.valid.sequences)
    of_mean = np.mean([(each[1:] ** 2).mean() for each in valid])
    of_last = np.mean([(np.diff(each, axis=0) ** 2).mean() for each in valid])
    assert (of_mean < of_last) == rough
    assert run.scores.baseline == pytest.approx(min(of_mean, of_last), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_positions": 5}, "num_positions is 5 - 0, as each step is foretold"),
        ({"kernel_size": 3}, "kernel_size is 3 - 0, as each step is foretold"),
        ({"stride": 2}, "stride is 2 - 1, as each step is foretold"),
        ({"precision": "bfloat16"}, "precision is 'bfloat16' - float32: it has no effect"),
        ({"label_smoothing": 0.5}, "label_smoothing is 0.5 - 0.0: it has no effect"),
        ({"budget": 1.0}, "budget is 1.0 - None: it has no effect"),
        ({"token_dropout": 0.5}, "token_dropout is 0.5 - 0, as each is to be foretold"),
    ],
)
def test_what_would_have_no_effect_is_refused(settings, told):
    with pytest.raises(ConfigError, match=told):
        make(**settings)


def test_it_stops_when_nothing_improves():
    assert make(epochs=None).config.patience == PATIENCE
    run = make(epochs=50, learning_rate=0.3, patience=2)
    reports = list(run)
    assert len(reports) < 50
    best = min(reports, key=lambda report: report.valid.loss)
    assert best.epoch == run.training.best.epoch == len(reports) - 2


def test_settings_that_do_not_fit_are_refused():
    for settings, told in (
        ({"encoder": "transformer"}, "encoder is 'transformer' - one of rnn, lstm, gru, mingru"),
        ({"num_layers": 2}, "num_layers is 2 - 1, or --one-direction"),
    ):
        with pytest.raises(ConfigError) as caught:
            make(**settings)
        assert told in str(caught.value)
    make(num_layers=2, bidirectional=False)
    make(num_layers=2, encoder="mingru")


@pytest.mark.parametrize(
    ("sequences", "told"),
    [(["a b"] * 5, "all sequences are equal"), (["a", "b", "c"], "no sequence of more than one")],
)
def test_records_that_tell_nothing_are_refused(sequences, told):
    with pytest.raises(DataError, match=told) as caught:
        make(sequences)
    assert (caught.value.code, caught.value.problem.path) == (Code.NO_RECORDS, "u.csv")


def weights_of(run):
    return run.training.best_model().state_dict()


@pytest.mark.parametrize("stop_at", [1, 5, 9])
def test_going_on_gives_the_same_weights(stop_at):
    straight = make()
    list(straight)
    stopped = make()
    for number, _ in enumerate(stopped.steps(), 1):
        if number == stop_at:
            break
    values, tensors = stopped.state().to_bytes()
    again = make()
    again.restore(State.from_bytes(values, tensors))
    list(again)
    expected = weights_of(straight)
    assert all(torch.equal(weight, expected[name]) for name, weight in weights_of(again).items())
    assert [report.valid for report in again.reports] == [each.valid for each in straight.reports]
    for settings in ({"hidden_size": 4}, {"sequences": circle(50)}):
        with pytest.raises(CheckpointError):
            make(**settings).restore(State.from_bytes(values, tensors))


@pytest.fixture
def pretrained(tmp_path):
    run = make(encoder="gru", learning_rate=0.03)
    list(run)
    run.pretrained().save(tmp_path / "pretrained")
    return str(tmp_path / "pretrained")


PAIRS = [(text, "yes" if text[0] in "ab" else "no") for text in circle(40, seed=5)]
FREE = {"encoder": None, "embedding_dim": None, "hidden_size": None, "num_layers": None}


def tuned(folder, pairs=PAIRS, **settings):
    return make_run(pairs, **{**FREE, "pretrained": folder, "epochs": 1, **settings})


def test_a_classifier_begins_with_what_was_learned(pretrained):
    run, known = tuned(pretrained, refit=True), load_pretrained(pretrained)
    assert run.shape.encoder == "gru"
    assert run.shape.hidden_size == 8
    assert run.prepared.codec.to_dict() == known.codec.to_dict()
    weights = run.training.model.state_dict()
    assert known.weights
    for name, weight in known.weights.items():
        assert torch.equal(weights[name], weight)
    assert weights.keys() - known.weights.keys() == {"head.weight", "head.bias"}
    # What is new follows from the seed alone, and so does a refit begin.
    other = tuned(pretrained, refit=True, seed=1)
    assert not torch.equal(other.training.model.head.weight, run.training.model.head.weight)
    list(run)
    run._begin_more()
    for name, weight in known.weights.items():
        assert torch.equal(run.more[-1].model.state_dict()[name], weight)


def test_nothing_is_tried_and_further_networks_begin_alike(pretrained):
    assert tuned(pretrained).schedule.networks == 1
    run, known = tuned(pretrained, num_networks=3, learning_rate=1e-12), load_pretrained(pretrained)
    assert run.schedule.encoders == ("gru",)
    list(run)
    heads = {each.model.head.weight.flatten()[0].item() for each in (run.training, *run.more)}
    assert len(heads) == 3
    for training in run.more:
        for name, weight in known.weights.items():
            assert torch.allclose(training.model.state_dict()[name], weight, atol=1e-6)
    assert run.artifact().shape.num_networks == 3


def test_a_network_of_both_strands_begins_with_what_was_learned(tmp_path):
    strands = ["ACGTT", "GATTACA", "TTAG", "CCGA", "GGTA", "ACCA"]
    run = make(strands, Kind.DNA, epochs=1)
    list(run)
    run.pretrained().save(tmp_path / "p")
    pairs = [(check_sequence(each, Kind.DNA), "ab"[n % 2]) for n, each in enumerate(strands)]
    begun = make_run(
        pairs, Kind.DNA, **{**FREE, "pretrained": str(tmp_path / "p"), "both_strands": True}
    )
    weights = begun.training.model.state_dict()
    for name, weight in load_pretrained(tmp_path / "p").weights.items():
        assert torch.equal(weights[f"model.{name}"], weight)
    list(begun)
    assert begun.artifact().shape.both_strands


def test_few_labels_suffice_for_what_was_learned_without(tmp_path):
    """The class is the word that comes next: hard to learn from twelve, known to who foretells."""
    run = make(circle(200), learning_rate=0.02, epochs=25, encoder="gru")
    list(run)
    run.pretrained().save(tmp_path / "p")
    texts = [" ".join(text.split()[:-2]) for text in circle(132, seed=9)]
    pairs = [(text, "abcd"["abcd".index(text[-1]) - 3]) for text in texts]
    scores = {}
    for folder in (None, str(tmp_path / "p")):
        shape = {"encoder": "gru", "pooling": "last", "num_positions": 0}
        how = {"pretrained": folder, "epochs": 12, "learning_rate": 0.01}
        run = make_run(pairs[:12], valid=pairs[12:], **shape, **how)
        list(run)
        scores[folder is not None] = run.scores.log_loss
    assert scores[True] < scores[False] - 0.1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden_size": 9}, "hidden_size is 9 - 8, as pretrained in"),
        ({"encoder": "lstm"}, "encoder is 'lstm' - gru, as pretrained in"),
        ({"bidirectional": False}, "bidirectional is False - True, as pretrained in"),
        ({"kernel_size": 3}, "kernel_size is 3 - 0, as pretrained in"),
        ({"stride": 2}, "stride is 2 - 1, as pretrained in"),
        ({"tokens": "characters"}, "tokens is 'characters' - words, as pretrained in"),
        ({"case": "keep"}, "case is 'keep' - mark, as pretrained in"),
        ({"vocab_size": 99}, "vocab_size is 99 - 30000, as pretrained in"),
        ({"vectors": "x.vec"}, "vectors is 'x.vec' - none beside --pretrained"),
    ],
)
def test_settings_that_contradict_it_are_refused(pretrained, settings, told):
    with pytest.raises(ConfigError) as caught:
        tuned(pretrained, **settings)
    assert told in str(caught.value)


def test_other_kinds_are_refused(pretrained):
    with pytest.raises(ConfigError, match="kind is 'dna' - text, as pretrained in"):
        tuned(pretrained, [("ACGT", "a"), ("GGTT", "b"), ("AC", "a"), ("GG", "b")], kind=Kind.DNA)


@pytest.mark.parametrize(("before", "now"), [(2, 1), (1, 2), (3, 2)])
def test_series_of_other_channels_are_refused(tmp_path, before, now):
    """NumPy would make one channel two without a word, and the model would be of no use."""
    run = make(list(np.ones((6, 5, before)) * np.arange(6)[:, None, None]), Kind.SERIES, epochs=1)
    list(run)
    run.pretrained().save(tmp_path / "p")
    pairs = [(np.full((4, now), number), "ab"[number % 2]) for number in range(8)]
    with pytest.raises(DataError, match=rf"{now} channels? - {before}, as pretrained in") as caught:
        tuned(str(tmp_path / "p"), pairs, kind=Kind.SERIES)
    assert caught.value.code is Code.CHANNEL_COUNT


def test_what_is_free_stays_free(pretrained):
    run = tuned(pretrained, pooling="max", dropout=0.4, max_length=3, linear=True)
    assert (run.shape.pooling, run.shape.dropout) == ("max", 0.4)
    assert int(run.prepared.train.sequences.lengths.max()) == 3
    list(run)
    assert run.companion is not None


def test_a_run_goes_on_from_the_same_beginnings(tmp_path, pretrained):
    run = tuned(pretrained)
    next(run.steps())
    state = run.state()
    json.dumps(state.values)
    load_pretrained(pretrained).save(tmp_path / "copy")
    tuned(str(tmp_path / "copy")).restore(state)
    other = make(encoder="gru", seed=4)
    list(other)
    other.pretrained().save(tmp_path / "other")
    with pytest.raises(CheckpointError, match="pretrained is"):
        tuned(str(tmp_path / "other")).restore(state)


@pytest.mark.parametrize(
    ("kind", "sequences"),
    [
        (Kind.DNA, ["ACGTT", "GATTACA", "TTAG", "CCGA", "GGTA", "ACCA"]),
        (Kind.PROTEIN, ["MKTW", "WWKT", "ACDE", "MMKA"]),
        (Kind.EVENTS, ["open read close", "open close", "read read open", "close close"]),
        (Kind.SERIES, list(np.random.default_rng(0).normal(size=(6, 5, 2)))),
    ],
)
def test_every_kind_is_pretrained_and_trained_on(tmp_path, kind, sequences):
    run = make(sequences, kind, epochs=1)
    list(run)
    run.pretrained().save(tmp_path / "p")
    settings = {**FREE, "pretrained": str(tmp_path / "p"), "epochs": 1}
    pairs = [(check_sequence(each, kind), "ab"[n % 2]) for n, each in enumerate(sequences)]
    wishes = Wishes.sorted({**settings, "device": "cpu", "linear": False})
    begun = TrainingRun(prepare(labelled(pairs, kind), kind, wishes), wishes)
    list(begun)
    assert begun.artifact().shape.hidden_size == 8


def test_a_large_file_is_encoded_to_disk(tmp_path):
    wishes = Wishes.sorted(SMALL)
    records = gathered(circle(60))
    prepared = prepare_unlabelled(records, Kind.TEXT, wishes, store=tmp_path / "store")
    assert (tmp_path / "store" / "manifest.json").exists()
    run = PretrainingRun(prepared, wishes)
    list(run)
    straight = make()
    list(straight)
    assert run.scores == straight.scores


def test_the_loss_counts_all_processes_alike():
    run = make()
    objective = run.training.objective
    assert isinstance(objective, NextStep)
    assert objective.count(3, 10) == 14
    assert objective.count(3, 3) == 1
    assert isinstance(run.training.model, NextStepModel)
