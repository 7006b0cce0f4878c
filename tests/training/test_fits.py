import itertools

import pytest

from seqwise.training.fits import Fit, Kind, fit_kinds, price_of_refit
from seqwise.training.linear import Counting, Recipe

RECIPES = tuple(Recipe(Counting(1), strength) for strength in (1.0, 10.0, 100.0))


def kind(role, recipes=RECIPES):
    """A kind whose models are made one by one, and name the recipe that they follow."""
    return Kind(role, recipes, lambda recipes: (f"{role} {each.strength:g}" for each in recipes))


def models(fits):
    return {role: [each.model for each in found] for role, found in fits.items()}


def test_each_recipe_is_tried_of_each_kind_that_has_any():
    fits = fit_kinds([kind("words"), kind("letters", RECIPES[:1]), kind("none", ())])
    assert models(fits) == {"words": ["words 1", "words 10", "words 100"], "letters": ["letters 1"]}
    assert [each.recipes[-1] for each in fits["words"]] == [*RECIPES]


def test_the_first_kind_is_fitted_however_late_it_is():
    fits = fit_kinds([kind("words"), kind("letters")], is_late=lambda: True)
    assert models(fits) == {"words": ["words 1"]}


@pytest.mark.parametrize(
    ("in_time", "expected"),
    [
        (1, {"words": ["words 1", "words 10"]}),
        (4, {"words": ["words 1", "words 10", "words 100"], "letters": ["letters 1"]}),
    ],
)
def test_it_is_asked_after_each_fit_whether_it_is_late(in_time, expected):
    asked = itertools.count()
    fits = fit_kinds([kind("words"), kind("letters")], is_late=lambda: next(asked) >= in_time)
    assert models(fits) == expected


def test_as_many_are_fitted_as_before():
    fits = fit_kinds([kind("words"), kind("letters")], most={"words": 2})
    assert models(fits) == {"words": ["words 1", "words 10"]}


def test_a_refit_goes_through_one_way_of_counting():
    ways = [Counting(1), Counting(1), Counting(2), Counting(2)]
    words = [
        Fit("model", (Recipe(way, 1.0),), seconds)
        for way, seconds in zip(ways, (4.0, 1.0, 5.0, 2.0), strict=True)
    ]
    assert price_of_refit({"words": words, "letters": words[:1]}) == 7.0 + 4.0
    assert price_of_refit({}) == 0
