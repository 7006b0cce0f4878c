"""The models beside a network: how they are fitted, and how much each of all is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from seqwise.config import ModelConfig, TrainConfig
from seqwise.data.labels import Labels
from seqwise.data.targets import is_multilabel
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.nn import (
    Classifier,
    Ensemble,
    ForestModel,
    KernelModel,
    Network,
    NgramModel,
    choose_levels,
    complements_of,
    read_alike,
)
from seqwise.predictor import choose_device, infer_logits, to_probabilities
from seqwise.training.linear import RECIPES, Recipe, fit_ngrams
from seqwise.training.pool import fit_weights
from seqwise.training.preparation import LabelledStore
from seqwise.training.ridge import fit_kernels
from seqwise.training.trees import grow_forest
from seqwise.training.weighting import class_weights

Beside = NgramModel | KernelModel | ForestModel
ROLES = ("linear model", "forest")  # in this order

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Companion:
    """What answers together with a network: a linear model, and for series a forest.

    Parameters
    ----------
    models
        Fitted on the records that the network learned from.
    recipe
        By which the first was fitted, of those that were tried.
    weights
        ``(1 + number of models,)``, how much the network and each model are believed.
    network_scores, own_scores, scores
        Of the network, of each model by its role, and of all together, on the records that chose
        the epoch. The last follow `weights`, a few numbers that these records have chosen, too.
    probabilities
        Of all together on these records, ``(n, num_classes)``.
    """

    models: tuple[Beside, ...]
    recipe: Recipe
    weights: NDArray[np.float64]
    network_scores: AnyScores
    own_scores: dict[str, AnyScores]
    scores: AnyScores
    probabilities: NDArray[np.float64]

    def refit(
        self,
        network: Network,
        records: LabelledStore,
        shape: ModelConfig,
        config: TrainConfig,
        names: list[str],
    ) -> Companion:
        """Fit the models anew, on all records, as the network was; scores and weights stay."""
        recipes = (self.recipe,)
        return replace(self, models=next(_fit(network, records, shape, config, names, recipes)))

    def join(self, networks: list[Network], shape: ModelConfig) -> tuple[Ensemble, ModelConfig]:
        """Make one model of all, and its configuration; the networks share their weight."""
        members = [*networks, *(read_alike(each, networks[0]) for each in self.models)]
        ensemble = Ensemble(members, multilabel=shape.multilabel)
        share = self.weights[0] / len(networks)
        weights = [*[share] * len(networks), *self.weights[1:]]
        ensemble.weights = torch.tensor(weights, dtype=torch.float32)
        sizes = {name: size for each in self.models for name, size in each.sizes().items()}
        return ensemble.eval(), ModelConfig.from_dict(shape.to_dict() | sizes)


def find_companion(
    network: Network,
    train: LabelledStore,
    valid: LabelledStore,
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
    shape, config
        Of the network and its training.
    names
        Of the classes.
    """
    class_weight = class_weights(config.class_weight, train.targets, names)
    decision = Decision.of(Labels(tuple(names), shape.multilabel))
    network_beliefs = _beliefs(network, valid, choose_device(config.device))
    tried = []
    for recipe, models in zip(RECIPES, _fit(network, train, shape, config, names), strict=False):
        beliefs = [_beliefs(read_alike(each, network), valid, CPU) for each in models]
        weights, surprise = fit_weights([network_beliefs, *beliefs], valid.targets, class_weight)
        tried.append((surprise, recipe, models, beliefs, weights))
    _, recipe, models, beliefs, weights = min(tried, key=lambda each: each[:2])
    everyone = [network_beliefs, *beliefs]
    pooled = np.tensordot(weights, np.stack(everyone), axes=1)
    probabilities = [
        to_probabilities(each, multilabel=shape.multilabel) for each in (*everyone, pooled)
    ]
    of_network, *own, of_all = (
        decision.score(each, valid.targets, names) for each in probabilities
    )
    roles = dict(zip(ROLES, own, strict=False))
    return Companion(models, recipe, weights, of_network, roles, of_all, probabilities[-1])


def _fit(
    network: Network,
    part: LabelledStore,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
    recipes: Sequence[Recipe] = RECIPES,
) -> Iterator[tuple[Beside, ...]]:
    class_weight = class_weights(config.class_weight, part.targets, names)
    if shape.num_channels:
        fits: list[Callable[..., Beside]] = [fit_kernels]
        # A leaf of a tree is of one class.
        if choose_levels(shape.num_channels) and not shape.multilabel:
            fits.append(grow_forest)
        yield tuple(
            fit(
                part.sequences,
                part.sequences.lengths,
                part.targets,
                num_channels=shape.num_channels,
                num_classes=shape.num_classes,
                class_weight=class_weight,
                seed=config.seed,
            )
            for fit in fits
        )
        return
    fitted = fit_ngrams(
        part.sequences,
        part.targets,
        num_classes=shape.num_classes,
        longest=shape.ngrams,
        positions=shape.num_positions > 0,
        complements=complements_of(network),
        recipes=recipes,
        class_weight=class_weight,
        seed=config.seed,
    )
    yield from ((model,) for model in fitted)


def _beliefs(model: Classifier, valid: LabelledStore, device: torch.device) -> NDArray[np.float64]:
    """Give the logarithms of the probabilities of each class, or the log odds of each label."""
    logits = infer_logits(model.to(device), valid.sequences, device=device).astype(np.float64)
    return logits if is_multilabel(valid.targets) else log_softmax(logits, axis=1)
