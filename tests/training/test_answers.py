import pytest
import torch

from seqwise.data.kinds import Kind
from seqwise.training import answers as answers_room
from seqwise.training.answers import Answers
from seqwise.training.linear import LONG_TEXT, choose_recipes
from tests.training.examples import BAD, GOOD, make_run


@pytest.fixture
def fitted(monkeypatch):
    """Lists the calls that fit models."""
    calls = []
    fit_kinds = answers_room.fit_kinds
    monkeypatch.setattr(
        answers_room,
        "fit_kinds",
        lambda *arguments, **how: calls.append(how) or fit_kinds(*arguments, **how),
    )
    return calls


def make_answers(run):
    answers = Answers(run.prepared)
    answers.follow(run._stage, None)
    return answers


def trained(pairs=GOOD + BAD):
    run = make_run(pairs, Kind.TEXT, linear=True)
    list(run)
    return run


def test_what_a_clock_has_fitted_is_all_that_is_fitted(fitted):
    run = trained()
    fitted.clear()
    answers = make_answers(run)
    most, seconds, refit = answers.fit_within(0.0)
    assert most == {"linear model": 1}
    assert 0 < refit <= seconds
    answers.follow(run._stage, most)
    assert answers.companion.recipes == {"linear model": choose_recipes(2, mean_length=0)[:1]}
    assert len(fitted) == 1


def test_what_another_clock_has_fitted_is_forgotten(fitted):
    run = trained()
    fitted.clear()
    answers = make_answers(run)
    answers.fit_within(0.0)
    answers.follow(run._stage, {"linear model": 2})
    answers.companion  # noqa: B018
    assert len(fitted) == 2
    assert fitted[-1]["most"] == {"linear model": 2}


@pytest.mark.parametrize("num_fits", [2, 4])
def test_a_clock_may_end_the_fits_of_long_text_after_any(num_fits):
    run = trained([(" ".join([text] * 30), label) for text, label in GOOD + BAD])
    answers = make_answers(run)
    answers.follow(run._stage, {"linear model": num_fits})
    found = answers.companion
    recipes = choose_recipes(2, mean_length=LONG_TEXT)[:num_fits]
    assert found.recipes["linear model"][-1] in recipes
    assert {each.counting.longest for each in recipes} == ({1, 2} if num_fits > 3 else {1})
    again = answers.refit(run.prepared.codec, run.prepared.train)
    model, other = (each.models["linear model"] for each in (found, again))
    assert torch.equal(model.weight, other.weight)
    assert (model.longest, model.repeats) == found.recipes["linear model"][-1].counting[:2]


def test_a_refit_on_the_same_part_gives_the_same_models():
    run = trained()
    answers = make_answers(run)
    found = answers.companion
    again = answers.refit(run.prepared.codec, run.prepared.train)
    assert found.models.keys() == again.models.keys()
    for role, model in found.models.items():
        weights = again.models[role].state_dict()
        assert all((weights[name] == each).all() for name, each in model.state_dict().items())
