"""The models that may stand beside a network, and how they are fitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.targets import is_multilabel
from seqwise.nn import Beside, Classifier, Spelling, choose_levels
from seqwise.predictor import infer_logits
from seqwise.training.characters import (
    CHARACTER_RECIPES,
    MOST_CHARACTERS,
    count_characters,
    fit_characters,
)
from seqwise.training.linear import MOST_READ, Counting, Recipe, choose_recipes, fit_ngrams
from seqwise.training.preparation import LabelledStore
from seqwise.training.ridge import MOST_STEPS, fit_kernels
from seqwise.training.trees import grow_forest
from seqwise.training.weighting import class_weights

LINEAR, CHARACTERS, FOREST = "linear model", "linear model of characters", "forest"
ONLY = Recipe(Counting(longest=0), strength=1.0)  # of what is fitted in one way alone
SHARE_OF_BUDGET = 0.2  # after which no further model is fitted
# Of which the first linear model is fitted, or the first of each length. No clock says so, so that
# the same records are drawn when a run goes on.
NGRAMS_A_SECOND, KERNEL_STEPS_A_SECOND = 600_000, 60_000


class Kind(NamedTuple):
    """One kind of model that answers beside a network.

    Parameters
    ----------
    role
        Its name.
    recipes
        Those to try.
    fit
        Fits models by one recipe after another.
    """

    role: str
    recipes: tuple[Recipe, ...]
    fit: Callable[[Sequence[Recipe]], Iterator[Beside]]


class Fit(NamedTuple):
    """A model, and how it was fitted.

    Parameters
    ----------
    model
        Fitted.
    recipes
        Its own comes last, and before it those whose fits it has begun with.
    seconds
        That it took.
    """

    model: Beside
    recipes: tuple[Recipe, ...]
    seconds: float


# By their roles, the linear model first.
Fits = dict[str, list[Fit]]


def fit_kinds(
    kinds: Sequence[Kind],
    *,
    most: dict[str, int] | None = None,
    is_late: Callable[[], bool] = lambda: False,
) -> Fits:
    """Fit each kind by one recipe after another.

    Parameters
    ----------
    kinds
        As `choose_kinds` gives them.
    most
        How many recipes of each kind are tried, as an earlier call has come to; None for all.
    is_late
        Asked after each fit whether it is to be the last one. There is a linear model in any case.
    """
    fits: Fits = {}
    for kind in kinds:
        recipes = kind.recipes if most is None else kind.recipes[: most.get(kind.role, 0)]
        if not recipes or (fits and is_late()):
            continue
        found = fits[kind.role] = []
        started = time.perf_counter()
        for recipe, model in zip(recipes, kind.fit(recipes), strict=True):
            now = time.perf_counter()
            found.append(Fit(model, lead_to(recipe, recipes), now - started))
            started = now
            if is_late():
                break
    return fits


def lead_to(recipe: Recipe, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """Give a recipe, and before it those whose fits it begins with."""
    alike = [each for each in recipes if each.counting == recipe.counting]
    return tuple(alike[: alike.index(recipe) + 1])


def believe(model: Classifier, part: LabelledStore, device: torch.device) -> NDArray[np.float64]:
    """Give the logarithms of the probabilities of each class, or the log odds of each label."""
    logits = infer_logits(model.to(device), part.sequences, device=device).astype(np.float64)
    return logits if is_multilabel(part.targets) else log_softmax(logits, axis=1)


def price_of_refit(fits: Fits) -> float:
    """Say how many seconds a refit takes, at the most, after such fits.

    It goes through the recipes of one way of counting.
    """
    most = 0.0
    for found in fits.values():
        alike = groupby(found, key=lambda fit: fit.recipes[-1].counting)
        most += max(sum(fit.seconds for fit in each) for _, each in alike)
    return most


def choose_kinds(
    part: LabelledStore,
    codec: Codec,
    *,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
) -> list[Kind]:
    """Say what can be fitted to a part; what would be too much work has no recipes.

    Parameters
    ----------
    part, codec
        What to learn from, and what has encoded it.
    shape, config
        Of the network that they stand beside, and of its training: they read as many strands.
    names
        Of the classes.
    """
    told: dict[str, Any] = {
        "num_classes": shape.num_classes,
        "class_weight": class_weights(config.class_weight, part.targets, names),
        "seed": config.seed,
    }
    if shape.num_channels:
        most_steps = _most_read(config.budget, KERNEL_STEPS_A_SECOND, MOST_STEPS)
        fits: dict[str, Callable[..., Beside]] = {
            LINEAR: partial(fit_kernels, most_steps=most_steps)
        }
        # A leaf of a tree is of one class.
        if choose_levels(shape.num_channels) and not shape.multilabel:
            fits[FOREST] = grow_forest

        def fit_one(fit: Callable[..., Beside], _: Sequence[Recipe]) -> Iterator[Beside]:
            lengths, num_channels = part.sequences.lengths, shape.num_channels
            yield fit(part.sequences, lengths, part.targets, num_channels=num_channels, **told)

        return [Kind(role, (ONLY,), partial(fit_one, fit)) for role, fit in fits.items()]

    tokens = codec.spelling()  # of words and pieces of words; None of smaller tokens and of events
    is_by_words = tokens is not None or codec.config.kind == "events"
    mean_length = float(part.sequences.lengths.mean()) if is_by_words else 0.0
    of_tokens = choose_recipes(shape.ngrams, mean_length)
    # Of each length, whichever recipes are asked for in the end.
    num_lengths = len({recipe.counting.longest for recipe in of_tokens})
    most_read = _most_read(config.budget, NGRAMS_A_SECOND / num_lengths, MOST_READ)

    complements = codec.complements() if shape.both_strands else None

    def fit_tokens(recipes: Sequence[Recipe]) -> Iterator[Beside]:
        return fit_ngrams(
            part.sequences,
            part.targets,
            positions=shape.num_positions > 0,
            complements=None if complements is None else torch.from_numpy(complements),
            recipes=recipes,
            most_read=most_read,
            **told,
        )

    kinds = [Kind(LINEAR, of_tokens, fit_tokens)]
    if tokens is not None:
        spelling = Spelling(tokens)

        def fit_spelled(recipes: Sequence[Recipe]) -> Iterator[Beside]:
            sequences, targets = part.sequences, part.targets
            return fit_characters(sequences, targets, spelling=spelling, recipes=recipes, **told)

        is_short = count_characters(part.sequences, spelling) <= MOST_CHARACTERS
        kinds.append(Kind(CHARACTERS, CHARACTER_RECIPES if is_short else (), fit_spelled))
    return kinds


def _most_read(budget: float | None, a_second: float, most: int) -> int:
    """Say how many n-grams or steps are read in the share of a budget."""
    return most if budget is None else min(most, int(SHARE_OF_BUDGET * budget * a_second))
