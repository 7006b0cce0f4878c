import pytest

from seqwise.data.kinds import Kind
from seqwise.training import answers as answers_room
from seqwise.training.answers import Answers
from seqwise.training.linear import choose_recipes
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


def trained():
    run = make_run(GOOD + BAD, Kind.TEXT, linear=True)
    list(run)
    return run


def test_what_a_clock_has_fitted_is_all_that_is_fitted(fitted):
    run = trained()
    fitted.clear()
    answers = make_answers(run)
    most, seconds = answers.fit_within(0.0)
    assert most == {"linear model": 1}
    assert seconds > 0
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


def test_a_refit_on_the_same_part_gives_the_same_models():
    run = trained()
    answers = make_answers(run)
    found = answers.companion
    again = answers.refit(run.training.model, run.prepared.codec, run.prepared.train)
    assert found.models.keys() == again.models.keys()
    for role, model in found.models.items():
        weights = again.models[role].state_dict()
        assert all((weights[name] == each).all() for name, each in model.state_dict().items())
