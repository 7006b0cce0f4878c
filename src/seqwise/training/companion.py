"""What answers together with a network, and how much each of them is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.config import Device, ModelConfig
from seqwise.data.labels import Labels
from seqwise.evaluation.decision import AnyScores, Decision
from seqwise.nn import Beside, Ensemble, Network, read_alike
from seqwise.predictor import choose_device, to_probabilities
from seqwise.training.fits import LINEAR, Fit, Fits, Kind, believe
from seqwise.training.linear import Recipe
from seqwise.training.pool import fit_weights
from seqwise.training.preparation import LabelledStore

NETWORK = "network"
CPU = torch.device("cpu")


class Candidate(NamedTuple):
    """A model, by which recipes it was fitted, and what it believes of the records held out."""

    model: Beside
    recipes: tuple[Recipe, ...]
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
        By which each was fitted, of those that were tried: its own comes last, and before it those
        whose fits it has begun with.
    weights
        How much each is believed, the network before all others.
    network_scores, own_scores, scores
        Of the network, of each model by its role, and of all together, on the records that chose
        the epoch. The last follow `weights`, a few numbers that these records have chosen, too.
    probabilities
        Of all together on these records, ``(n, num_classes)``.
    """

    models: dict[str, Beside]
    recipes: dict[str, tuple[Recipe, ...]]
    weights: dict[str, float]
    network_scores: AnyScores
    own_scores: dict[str, AnyScores]
    scores: AnyScores
    probabilities: NDArray[np.float64]

    def refit(self, kinds: Sequence[Kind]) -> Companion:
        """Fit the models anew, as the network was, on what `kinds` learn from.

        Scores and weights stay.
        """
        fits = {kind.role: kind.fit for kind in kinds}
        models = {role: list(fits[role](self.recipes[role]))[-1] for role in self.models}
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
    fits: Fits,
    valid: LabelledStore,
    *,
    labels: Labels,
    class_weight: NDArray[np.float64] | None,
    device: Device,
) -> Companion:
    """Take, of models that were fitted, those that help the network most.

    Parameters
    ----------
    network
        Trained; its weights stay.
    fits
        Of the records that the network has learned from.
    valid
        The part that says what helps.
    labels
        The classes.
    class_weight
        What each class counts, as `class_weights` gives it; None where all count the same.
    device
        That the network computes on.
    """
    decision = Decision.of(labels)
    network_beliefs = believe(network, valid, choose_device(device))

    def hear(fit: Fit) -> Candidate:
        beliefs = believe(read_alike(fit.model, network), valid, CPU)
        return Candidate(fit.model, fit.recipes, beliefs)

    # Of large files there are linear models alone, whose beliefs are not kept longer than need be.
    others = [[hear(fit) for fit in found] for role, found in fits.items() if role != LINEAR]
    least, weights = np.inf, np.empty(0)
    chosen: tuple[Candidate, ...] = ()
    for candidate in map(hear, fits[LINEAR]):
        for together in product([candidate], *others):
            everyone = [network_beliefs, *(each.beliefs for each in together)]
            found, surprise = fit_weights(everyone, valid.targets, class_weight)
            if not chosen or surprise < least:
                least, weights, chosen = surprise, found, together
    everyone = [network_beliefs, *(each.beliefs for each in chosen)]
    pooled = np.tensordot(weights, np.stack(everyone), axes=1)
    probabilities = [
        to_probabilities(each, multilabel=labels.multilabel) for each in (*everyone, pooled)
    ]
    of_network, *own, of_all = (
        decision.score(each, valid.targets, labels.names) for each in probabilities
    )
    by_role = dict(zip(fits, chosen, strict=True))
    believed = dict(zip([NETWORK, *fits], weights.tolist(), strict=True))
    return Companion(
        models={
            role: each.model for role, each in by_role.items() if role == LINEAR or believed[role]
        },
        recipes={role: each.recipes for role, each in by_role.items()},
        weights=believed,
        network_scores=of_network,
        own_scores=dict(zip(by_role, own, strict=True)),
        scores=of_all,
        probabilities=probabilities[-1],
    )
