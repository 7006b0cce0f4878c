"""The linear model beside a network: how it is fitted, and how much each of the two is believed."""

from __future__ import annotations

from collections.abc import Iterator
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
    KernelModel,
    Network,
    NgramModel,
    complements_of,
    read_alike,
)
from seqwise.predictor import choose_device, infer_logits, to_probabilities
from seqwise.training.linear import STRENGTHS, fit_ngrams
from seqwise.training.pool import fit_weights
from seqwise.training.preparation import LabelledStore
from seqwise.training.ridge import fit_kernels
from seqwise.training.weighting import class_weights

LinearModel = NgramModel | KernelModel

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Companion:
    """A linear model that answers together with a network.

    Parameters
    ----------
    model
        Fitted on the records that the network learned from.
    strength
        With which it was fitted, of those that were tried.
    weights
        ``(2,)``, how much the network and the model are believed.
    network_scores, own_scores, scores
        Of the network, of the model, and of both together, on the records that chose the epoch.
        The last follow `weights`, two numbers that these records have chosen, too.
    probabilities
        Of both together on these records, ``(n, num_classes)``.
    """

    model: LinearModel
    strength: float
    weights: NDArray[np.float64]
    network_scores: AnyScores
    own_scores: AnyScores
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
        """Fit the model anew, on all records, as the network was; scores and weights stay."""
        strengths = (self.strength,)
        return replace(self, model=next(_fit(network, records, shape, config, names, strengths)))

    def join(self, networks: list[Network], shape: ModelConfig) -> tuple[Ensemble, ModelConfig]:
        """Make one model of all, and its configuration; the networks share their weight."""
        members = [*networks, read_alike(self.model, networks[0])]
        ensemble = Ensemble(members, multilabel=shape.multilabel)
        share = self.weights[0] / len(networks)
        weights = [*[share] * len(networks), self.weights[1]]
        ensemble.weights = torch.tensor(weights, dtype=torch.float32)
        return ensemble.eval(), ModelConfig.from_dict(shape.to_dict() | self.model.sizes())


def find_companion(
    network: Network,
    train: LabelledStore,
    valid: LabelledStore,
    *,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
) -> Companion:
    """Fit linear models on the training part, and take the one that helps the network most.

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
    for strength, model in zip(STRENGTHS, _fit(network, train, shape, config, names), strict=False):
        beliefs = _beliefs(read_alike(model, network), valid, CPU)
        weights, surprise = fit_weights([network_beliefs, beliefs], valid.targets, class_weight)
        tried.append((surprise, strength, model, beliefs, weights))
    _, strength, model, beliefs, weights = min(tried, key=lambda each: each[:2])
    pooled = weights[0] * network_beliefs + weights[1] * beliefs
    probabilities = [
        to_probabilities(each, multilabel=shape.multilabel)
        for each in (network_beliefs, beliefs, pooled)
    ]
    network_scores, own_scores, scores = (
        decision.score(each, valid.targets, names) for each in probabilities
    )
    return Companion(
        model, strength, weights, network_scores, own_scores, scores, probabilities[-1]
    )


def _fit(
    network: Network,
    part: LabelledStore,
    shape: ModelConfig,
    config: TrainConfig,
    names: list[str],
    strengths: tuple[float, ...] = STRENGTHS,
) -> Iterator[LinearModel]:
    class_weight = class_weights(config.class_weight, part.targets, names)
    if shape.num_channels:
        yield fit_kernels(
            part.sequences,
            part.sequences.lengths,
            part.targets,
            num_channels=shape.num_channels,
            num_classes=shape.num_classes,
            class_weight=class_weight,
            seed=config.seed,
        )
        return
    yield from fit_ngrams(
        part.sequences,
        part.targets,
        num_classes=shape.num_classes,
        longest=shape.ngrams,
        positions=shape.num_positions > 0,
        complements=complements_of(network),
        strengths=strengths,
        class_weight=class_weight,
        seed=config.seed,
    )


def _beliefs(model: Classifier, valid: LabelledStore, device: torch.device) -> NDArray[np.float64]:
    """Give the logarithms of the probabilities of each class, or the log odds of each label."""
    logits = infer_logits(model.to(device), valid.sequences, device=device).astype(np.float64)
    return logits if is_multilabel(valid.targets) else log_softmax(logits, axis=1)
