import numpy as np
import pytest
import torch

from seqwise.artifact import load_artifact, save_artifact
from seqwise.data.collate import collate
from seqwise.data.kinds import Kind
from seqwise.errors import ArtifactError
from seqwise.nn import Batch, Ensemble, SequenceModel
from seqwise.predictor import Predictor
from seqwise.training import companion, fits, settings
from seqwise.training.run import TrainingRun
from tests.artifact.folders import change_config, replace_weights
from tests.training.examples import GOOD, make_run

BAD = [(f"bad {number}", "no") for number in range(20)]
WAVES = [
    (np.sin(np.arange(30 + number) * speed)[:, None], label)
    for speed, label in ((0.4, "slow"), (1.2, "fast"))
    for number in range(12)
]


def finish(pairs, kind, **settings) -> TrainingRun:
    run = make_run(pairs, kind, linear=True, **settings)
    list(run)
    return run


@pytest.mark.parametrize(
    ("pairs", "kind"), [(GOOD + BAD, Kind.TEXT), (WAVES, Kind.SERIES)], ids=["text", "series"]
)
@pytest.mark.parametrize("refit", [False, True])
def test_both_answer_together_and_are_saved_together(pairs, kind, refit, tmp_path):
    run = finish(pairs, kind, refit=refit)
    artifact = run.artifact()
    assert isinstance(artifact.model, Ensemble)
    own = run.companion.own_scores
    assert artifact.training.linear_accuracy == own["linear model"].accuracy
    if kind is Kind.SERIES:
        assert artifact.training.forest_accuracy == own["forest"].accuracy
    else:
        own_of_characters = own["linear model of characters"]
        assert artifact.training.character_accuracy == own_of_characters.accuracy
    assert artifact.training.network_accuracy == run.companion.network_scores.accuracy
    assert artifact.training.valid_log_loss == run.scores.log_loss
    save_artifact(artifact, tmp_path / "model")
    loaded = load_artifact(tmp_path / "model")
    for name, weight in artifact.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weight), name
    assert loaded.shape == artifact.shape
    batch = collate(artifact.codec.encode([sequence for sequence, _ in pairs]))
    with torch.no_grad():
        assert torch.equal(loaded.model(batch), artifact.model(batch))


def test_scores_are_those_of_both_on_the_records_held_out():
    pairs = GOOD[:15] + BAD[:15]
    held_out = GOOD[15:] + BAD[15:]
    run = finish(pairs, Kind.TEXT, valid=held_out)
    artifact = run.artifact()
    logits = []
    for text, _ in held_out:
        array = artifact.codec.encode([text])[0]
        batch = torch.tensor(np.array([array]), dtype=torch.int64)
        logits.append(artifact.model(Batch(batch, torch.tensor([batch.size(1)]))).detach())
    probabilities = torch.cat(logits).softmax(1).numpy()
    targets = artifact.labels.encode([label for _, label in held_out])
    expected = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    assert abs(run.scores.log_loss - expected) < 1e-5
    assert run.scores.log_loss <= run.companion.network_scores.log_loss + 1e-2


def test_a_refit_fits_the_linear_model_on_all_records():
    pairs = [*GOOD, *BAD, ("rareword", "yes"), ("rareword again", "yes")]
    before = finish(pairs, Kind.TEXT, refit=False).artifact()
    after = finish(pairs, Kind.TEXT, refit=True).artifact()
    assert after.shape.num_ngrams > before.shape.num_ngrams
    assert torch.equal(before.model.weights, after.model.weights)


def test_long_text_is_read_three_words_at_a_time(monkeypatch):
    assert make_run(GOOD + BAD, Kind.TEXT).shape.ngrams == 2
    monkeypatch.setattr(settings, "MANY_WORDS", 10)
    assert make_run(GOOD + BAD, Kind.TEXT).shape.ngrams == 3


def test_in_long_text_it_matters_how_often_a_word_comes_where_that_tells_most(tmp_path):
    random = np.random.default_rng(0)
    pairs = []
    for number in range(40):
        counts = (9, 3) if number % 2 else (3, 9)
        words = [*["red"] * counts[0], *["blue"] * counts[1], *random.integers(0, 200, 60)]
        random.shuffle(words)
        pairs.append((" ".join(map(str, words)), "reddish" if number % 2 else "bluish"))
    artifact = finish(pairs, Kind.TEXT, refit=True).artifact()
    assert artifact.shape.ngram_repeats
    assert artifact.shape.ngrams == artifact.model.members[1].longest
    assert artifact.training.linear_accuracy >= 0.9
    save_artifact(artifact, tmp_path / "model")
    loaded = load_artifact(tmp_path / "model")
    assert loaded.shape == artifact.shape
    batch = collate(artifact.codec.encode([text for text, _ in pairs]))
    with torch.no_grad():
        assert torch.equal(loaded.model(batch), artifact.model(batch))


def test_characters_are_read_where_they_are_few_and_words_are_not_characters(monkeypatch):
    roles = ["linear model", "linear model of characters"]
    assert list(finish(GOOD + BAD, Kind.TEXT, refit=False).companion.own_scores) == roles
    by_letters = finish(GOOD + BAD, Kind.TEXT, refit=False, tokens="characters")
    assert list(by_letters.companion.own_scores) == roles[:1]
    monkeypatch.setattr(fits, "MOST_CHARACTERS", 20)
    run = finish(GOOD + BAD, Kind.TEXT, refit=False)
    assert list(run.companion.own_scores) == roles[:1]
    assert run.artifact().training.character_accuracy is None


def test_a_refit_reads_characters_though_all_records_have_too_many(monkeypatch):
    run = make_run(GOOD + BAD, Kind.TEXT, linear=True, refit=True, tokens="words")
    list(run)
    tokens = run.prepared.codec.spelling()
    few = fits.count_characters(run.prepared.train.sequences, fits.Spelling(tokens))
    monkeypatch.setattr(fits, "MOST_CHARACTERS", few)
    again = finish(GOOD + BAD, Kind.TEXT, refit=True)
    assert again.artifact().shape.num_character_ngrams == run.artifact().shape.num_character_ngrams


def test_what_is_not_believed_is_left_out(monkeypatch):
    monkeypatch.setattr(
        companion, "fit_weights", lambda beliefs, *_: (np.array([0.5, 0.0, 0.0]), 0.1)
    )
    run = finish(GOOD + BAD, Kind.TEXT, refit=True)
    assert run.companion.weights["linear model of characters"] == 0
    artifact = run.artifact()
    assert artifact.shape.num_character_ngrams == 0
    assert artifact.model.weights.tolist() == [0.5, 0.0]
    assert artifact.training.character_accuracy is not None


def test_characters_of_tokens_that_have_none_are_refused(tmp_path):
    artifact = finish(GOOD + BAD, Kind.TEXT, refit=False, tokens="characters").artifact()
    save_artifact(artifact, tmp_path / "model")

    def add_one(weights):
        for name in ("keys", "idf", "weight", "bias"):
            weights[f"members.2.model.{name}"] = weights[f"members.1.{name}"].clone()
        weights["weights"] = torch.ones(3)

    replace_weights(tmp_path / "model", add_one)
    size = artifact.shape.num_ngrams
    change_config(
        tmp_path / "model", lambda config: config["model"].update(num_character_ngrams=size)
    )
    with pytest.raises(ArtifactError, match="tokens that are not spelled"):
        load_artifact(tmp_path / "model")


def test_without_it_the_network_answers_alone():
    run = make_run(GOOD + BAD)
    list(run)
    assert run.companion is None
    assert isinstance(run.artifact().model, SequenceModel)
    assert run.artifact().training.linear_accuracy is None


def test_a_run_left_early_has_one_too():
    run = make_run(GOOD + BAD, linear=True)
    for _ in run:
        break
    assert isinstance(run.artifact().model, Ensemble)


def test_a_run_that_goes_on_ends_with_the_same_model(tmp_path):
    straight = finish(GOOD + BAD, Kind.TEXT, refit=True, epochs=2)
    stopped = make_run(GOOD + BAD, Kind.TEXT, refit=True, epochs=2, linear=True)
    for _ in stopped.steps():
        if stopped.more:
            break
    other = make_run(GOOD + BAD, Kind.TEXT, refit=True, epochs=2, linear=True)
    other.restore(stopped.state())
    list(other)
    expected = straight.artifact().model.state_dict()
    for name, weight in other.artifact().model.state_dict().items():
        assert torch.equal(weight, expected[name]), name


def test_predictions_of_a_saved_model_are_its_own(tmp_path):
    run = finish(GOOD + BAD, Kind.TEXT)
    save_artifact(run.artifact(), tmp_path / "model")
    predictor = Predictor.load(tmp_path / "model")
    assert isinstance(predictor.model, Ensemble)


@pytest.mark.parametrize("dilation", [0, -1, 2**40])
def test_steps_that_no_series_has_are_refused(dilation, tmp_path):
    save_artifact(finish(WAVES, Kind.SERIES).artifact(), tmp_path / "model")

    def spoil(weights):
        weights["members.1.dilations"][0] = dilation

    replace_weights(tmp_path / "model", spoil)
    with pytest.raises(ArtifactError, match=r"members\.1\.dilations from"):
        load_artifact(tmp_path / "model")


def test_trees_that_lead_nowhere_are_refused(tmp_path):
    save_artifact(finish(WAVES, Kind.SERIES).artifact(), tmp_path / "model")

    def lead_back(weights):
        weights["members.2.successors"][:] = 0

    replace_weights(tmp_path / "model", lead_back)
    with pytest.raises(ArtifactError, match="a tree that leads nowhere"):
        Predictor.load(tmp_path / "model")
