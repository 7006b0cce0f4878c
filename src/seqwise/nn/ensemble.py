"""Several models that answer together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqwise.nn.batch import Batch, shape_error
from seqwise.nn.model import SequenceModel
from seqwise.nn.ngrams import NgramModel


class Ensemble(nn.Module):
    """A weighted product of what its members believe.

    The logits are the sum of the members' logarithms of probabilities, each times its weight: a
    logarithmic opinion pool (Genest and Zidek 1986). A member that is too sure of itself is toned
    down by a weight below 1.

    Parameters
    ----------
    members
        One or more models of the same classes.

    Attributes
    ----------
    weights
        ``(num_members,)``, each 0 or more; equal and adding up to 1 at first.

    Raises
    ------
    ShapeError
        If the members do not have the same number of classes.
    """

    weights: Tensor

    def __init__(self, members: Sequence[SequenceModel | NgramModel]) -> None:
        super().__init__()
        sizes = sorted({member.num_classes for member in members})
        if len(sizes) != 1:
            found = f"members of {sizes} classes"
            raise shape_error(found, "one number of classes", "train them with the same labels")
        self.members = nn.ModuleList(members)
        self.register_buffer("weights", torch.full((len(members),), 1 / len(members)))

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return self.members[0].num_classes  # type: ignore[return-value]

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch."""
        return self.pool([member(batch) for member in self.members])

    def pool(self, logits: Sequence[Tensor]) -> Tensor:
        """Join the members' logits, each ``(batch, num_classes)``, in their order."""
        beliefs = torch.stack([each.log_softmax(dim=1) for each in logits])
        return (self.weights.view(-1, 1, 1) * beliefs).sum(dim=0)
