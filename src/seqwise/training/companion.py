"""The models beside a network: how they are fitted, and how much each of all is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.labels import Labels
from seqwise.data.targets import is_multilabel
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.nn import (
    Beside,
    Classifier,
    Ensemble,
    Network,
    Spelling,
    choose_levels,
    complements_of,
    read_alike,
)
from seqwise.predictor import choose_device, infer_logits, to_probabilities
from seqwise.training.characters import (
    CHARACTER_RECIPES,
    MOST_CHARACTERS,
    count_characters,
    fit_characters,
)
from seqwise.training.linear import RECIPES, Recipe, fit_ngrams
from seqwise.training.pool import fit_weights
from seqwise.training.preparation import LabelledStore
from seqwise.training.ridge import fit_kernels
from seqwise.training.trees import grow_forest
from seqwise.training.weighting import class_weights

NETWORK, LINEAR, FOREST = "network", "linear model", "forest"
CHARACTERS = "linear model of characters"
CPU = torch.device("cpu")


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


class Candidate(NamedTuple):
    """A model, by which recipe it was fitted, and what it believes of the records held out."""

    model: Beside
    recipe: Recipe
    beliefs: NDArray[np.float64]


@dataclass(frozen=True)
class Companion:
    """What answers together with a network: linear models, and for series a forest.

    Parameters
    ----------
    models
        Fitted on the records that the network learned from, by their roles: the linear model, and
        those of the others that are believed at all.
    recipes
        By which each was fitted, of those that were tried.
    weights
        How much each is believed, the network before all others.
    network_scores, own_scores, scores
        Of the network, of each model by its role, and of all together, on the records that chose
        the epoch. The last follow `weights`, a few numbers that these records have chosen, too.
    probabilities
        Of all together on these records, ``(n, num_classes)``.
    """

    models: dict[str, Beside]
    recipes: dict[str, Recipe]
    weights: dict[str, float]
    network_scores: AnyScores
    own_scores: dict[str, AnyScores]
    scores: AnyScores
    probabilities: NDArray[np.float64]

    def refit(
        self,
        network: Network,
        records: LabelledStore,
        codec: Codec,
        *,
        shape: ModelConfig,
        config: TrainConfig,
        names: list[str],
    ) -> Companion:
        """Fit the models anew, on all records, as the network was; scores and weights stay."""
        kinds = _kinds(network, records, codec, shape=shape, config=config, names=names)
        fits = {kind.role: kind.fit for kind in kinds}
        models = {role: next(fits[role]((self.recipes[role],))) for role in self.models}
        return replace(self, models=models)

    def join(self, networks: list[Network], shape: ModelConfig) -> tuple[Ensemble, ModelConfig]:
        """Make one model of all, and its configuration; the networks share their weight."""
        models = self.models.values()
        members = [*networks, *(read_alike(each, networks[0]) for each in models)]
        ensemble = Ensemble(members, multilabel=shape.multilabel)
        share = self.weights[NETWORK] / len(networks)
        weights = [*[share] * len(networks), *(self.weights[role] for role in self.models)]
        ensemble.weights = torch.tensor(weights, dtype=torch.float32)
        sizes = {name: size for each in models for name, size in each.sizes().items()}
        return ensemble.eval(), ModelConfig.from_dict(shape.to_dict() | sizes)


def find_companion(
    network: Network,
    train: LabelledStore,
    valid: LabelledStore,
    codec: Codec,
    *,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
) -> Companion:
    """Fit models on the training part, and take those that help the network most.

    Parameters
    ----------
    network
        Trained; its weights stay.
    train, valid
        The part to learn from, and the part that says what helps.
    codec
        That has encoded them.
    shape, config
        Of the network and its training.
    names
        Of the classes.
    """
    class_weight = class_weights(config.class_weight, train.targets, names)
    decision = Decision.of(Labels(tuple(names), shape.multilabel))
    network_beliefs = _beliefs(network, valid, choose_device(config.device))
    candidates = {
        kind.role: [
            Candidate(model, recipe, _beliefs(read_alike(model, network), valid, CPU))
            for recipe, model in zip(kind.recipes, kind.fit(kind.recipes), strict=True)
        ]
        for kind in _kinds(network, train, codec, shape=shape, config=config, names=names)
        if kind.recipes
    }
    tried = []
    for chosen in product(*candidates.values()):
        everyone = [network_beliefs, *(each.beliefs for each in chosen)]
        weights, surprise = fit_weights(everyone, valid.targets, class_weight)
        tried.append((surprise, weights, chosen))
    _, weights, chosen = min(tried, key=lambda each: each[0])
    everyone = [network_beliefs, *(each.beliefs for each in chosen)]
    pooled = np.tensordot(weights, np.stack(everyone), axes=1)
    probabilities = [
        to_probabilities(each, multilabel=shape.multilabel) for each in (*everyone, pooled)
    ]
    of_network, *own, of_all = (
        decision.score(each, valid.targets, names) for each in probabilities
    )
    by_role = dict(zip(candidates, chosen, strict=True))
    believed = dict(zip([NETWORK, *candidates], weights.tolist(), strict=True))
    return Companion(
        models={
            role: each.model for role, each in by_role.items() if role == LINEAR or believed[role]
        },
        recipes={role: each.recipe for role, each in by_role.items()},
        weights=believed,
        network_scores=of_network,
        own_scores=dict(zip(by_role, own, strict=True)),
        scores=of_all,
        probabilities=probabilities[-1],
    )


def _kinds(
    network: Network,
    part: LabelledStore,
    codec: Codec,
    *,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
) -> list[Kind]:
    """Say what can be fitted to a part; what would be too much work has no recipes."""
    told: dict[str, Any] = {
        "num_classes": shape.num_classes,
        "class_weight": class_weights(config.class_weight, part.targets, names),
        "seed": config.seed,
    }
    if shape.num_channels:
        fits: dict[str, Callable[..., Beside]] = {LINEAR: fit_kernels}
        # A leaf of a tree is of one class.
        if choose_levels(shape.num_channels) and not shape.multilabel:
            fits[FOREST] = grow_forest

        def fit_one(fit: Callable[..., Beside], _: Sequence[Recipe]) -> Iterator[Beside]:
            lengths, num_channels = part.sequences.lengths, shape.num_channels
            yield fit(part.sequences, lengths, part.targets, num_channels=num_channels, **told)

        return [Kind(role, RECIPES[:1], partial(fit_one, fit)) for role, fit in fits.items()]

    def fit_tokens(recipes: Sequence[Recipe]) -> Iterator[Beside]:
        return fit_ngrams(
            part.sequences,
            part.targets,
            longest=shape.ngrams,
            positions=shape.num_positions > 0,
            complements=complements_of(network),
            recipes=recipes,
            **told,
        )

    kinds = [Kind(LINEAR, RECIPES, fit_tokens)]
    tokens = codec.spelling()
    if tokens is not None:
        spelling = Spelling(tokens)

        def fit_spelled(recipes: Sequence[Recipe]) -> Iterator[Beside]:
            sequences, targets = part.sequences, part.targets
            return fit_characters(sequences, targets, spelling=spelling, recipes=recipes, **told)

        is_short = count_characters(part.sequences, spelling) <= MOST_CHARACTERS
        kinds.append(Kind(CHARACTERS, CHARACTER_RECIPES if is_short else (), fit_spelled))
    return kinds


def _beliefs(model: Classifier, valid: LabelledStore, device: torch.device) -> NDArray[np.float64]:
    """Give the logarithms of the probabilities of each class, or the log odds of each label."""
    logits = infer_logits(model.to(device), valid.sequences, device=device).astype(np.float64)
    return logits if is_multilabel(valid.targets) else log_softmax(logits, axis=1)
