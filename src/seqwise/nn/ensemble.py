"""Models that answer together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, shape_error
from seqwise.nn.forest import ForestModel
from seqwise.nn.kernels import KernelModel
from seqwise.nn.ngrams import NgramModel
from seqwise.nn.spelling import SpelledModel
from seqwise.nn.strands import Beside, Network, build_network, read_alike

Member = Network | Beside


class Ensemble(nn.Module):
    """A weighted product of what its members believe.

    The logits are the sum of the members' logarithms of probabilities, each times its weight: a
    logarithmic opinion pool (Genest and Zidek 1986). A weight below 1 tones a member down that is
    too sure of itself. Where a sequence may bear any number of labels, each is a question of its
    own: the pool of the probabilities of yes and of no is the weighted sum of the logits.

    Parameters
    ----------
    members
        One or more models of the same classes.
    multilabel
        Whether a sequence may bear any number of these.

    Attributes
    ----------
    weights
        ``(num_members,)``, each 0 or more; at first equal, adding up to 1.

    Raises
    ------
    ShapeError
        If the members do not have the same number of classes.
    """

    weights: Tensor

    def __init__(self, members: Sequence[Member], *, multilabel: bool = False) -> None:
        super().__init__()
        sizes = sorted({member.num_classes for member in members})
        if len(sizes) != 1:
            found = f"members of {', '.join(map(str, sizes))} classes"
            raise shape_error(found, "one number of classes", "train them with the same labels")
        self.num_classes = sizes[0]
        self.multilabel = multilabel
        self.members = nn.ModuleList(members)
        self.register_buffer("weights", torch.full((len(members),), 1 / len(members)))

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch."""
        return self.pool([member(batch) for member in self.members])

    def pool(self, logits: Sequence[Tensor]) -> Tensor:
        """Join the members' logits, each ``(batch, num_classes)``, in their order."""
        beliefs = torch.stack(
            [each if self.multilabel else each.log_softmax(dim=1) for each in logits]
        )
        return (self.weights.view(-1, 1, 1) * beliefs).sum(dim=0)


Classifier = Member | Ensemble


def build_model(config: ModelConfig) -> Classifier:
    """Build all that a configuration describes: the networks, and what answers with them."""
    networks = [build_network(config) for _ in range(config.num_networks)]
    members: list[Member] = [*networks]
    if config.num_ngrams:
        members.append(read_alike(NgramModel.from_config(config), networks[0]))
    if config.num_character_ngrams:
        members.append(SpelledModel.from_config(config))
    if config.num_dilations:
        members.append(KernelModel.from_config(config))
    if config.num_trees:
        members.append(ForestModel.from_config(config))
    return join(members, multilabel=config.multilabel)


def join(members: Sequence[Member], *, multilabel: bool = False) -> Classifier:
    """Let models answer together; one alone stays what it is."""
    return Ensemble(members, multilabel=multilabel) if len(members) > 1 else members[0]
