"""Trees that vote on the class of a series by what it is like."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqwise.config import MOST_DEPTH, ModelConfig
from seqwise.nn.batch import Batch, check_inputs
from seqwise.nn.statistics import count_statistics, measure_series


class ForestModel(nn.Module):
    """Logits of the votes of many decision trees, which ask for statistics of a series.

    Extremely randomised trees (Geurts, Ernst and Wehenkel 2006), each grown until its leaves are of
    one class. `training.trees` grows them.

    Parameters
    ----------
    num_channels
        Of the series.
    num_classes
        Size of the logits.
    num_levels, num_starts
        Of the statistics, as in `measure_series`.
    num_trees
        How many vote.
    num_nodes
        Of all trees together.

    Attributes
    ----------
    roots
        int64 ``(num_trees,)``, the node at which each tree begins.
    questions
        int64 ``(num_nodes,)``: the statistic that a node asks for; of a leaf -1 less its class.
    thresholds
        ``(num_nodes,)``: up to this the answer is the first child.
    successors
        int64 ``(num_nodes, 2)``, each behind its parent.
    """

    roots: Tensor
    questions: Tensor
    thresholds: Tensor
    successors: Tensor

    def __init__(
        self,
        num_channels: int,
        num_classes: int,
        *,
        num_levels: int,
        num_starts: int = 0,
        num_trees: int,
        num_nodes: int,
    ) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.num_classes = num_classes
        self.num_levels = num_levels
        self.num_starts = num_starts
        self.num_statistics = count_statistics(num_channels, num_levels, num_starts)
        self.register_buffer("roots", torch.zeros(num_trees, dtype=torch.int64))
        self.register_buffer("questions", torch.full((num_nodes,), -1))
        self.register_buffer("thresholds", torch.zeros(num_nodes))
        self.register_buffer("successors", torch.zeros(num_nodes, 2, dtype=torch.int64))

    @classmethod
    def from_config(cls, config: ModelConfig) -> ForestModel:
        """Build the one that a configuration describes, which knows nothing yet."""
        return cls(
            config.num_channels,
            config.num_classes,
            num_levels=config.num_levels,
            num_starts=config.num_starts,
            num_trees=config.num_trees,
            num_nodes=config.num_nodes,
        )

    def sizes(self) -> dict[str, int]:
        """Give what `from_config` reads of the model's sizes."""
        return {
            "num_levels": self.num_levels,
            "num_starts": self.num_starts,
            "num_trees": len(self.roots),
            "num_nodes": len(self.questions),
        }

    def is_sound(self) -> bool:
        """Tell whether each walk through a tree asks what there is, and soon ends at a class."""
        inner = self.questions >= 0
        nodes, parents = self.successors[inner], inner.nonzero()
        return bool(
            (self.questions < self.num_statistics).all()
            and (self.questions >= -self.num_classes).all()
            and ((self.roots >= 0) & (self.roots < len(self.questions))).all()
            and ((nodes > parents) & (nodes < len(self.questions))).all()
            and (torch.bincount(torch.cat([self.roots, nodes.flatten()])) <= 1).all()
            and self._is_shallow()
        )

    def _is_shallow(self) -> bool:
        """Tell whether no walk has more than `MOST_DEPTH` steps; each node has one parent."""
        nodes = self.roots
        for _ in range(MOST_DEPTH):
            nodes = nodes[self.questions[nodes] >= 0]
            if not len(nodes):
                return True
            nodes = self.successors[nodes].flatten()
        return False

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch of series.

        Raises
        ------
        ShapeError
            If the inputs are no series of as many channels.
        """
        return self.vote(self.measure(batch))

    def measure(self, batch: Batch) -> Tensor:
        """Compute the statistics ``(batch, num_statistics)`` of a batch."""
        check_inputs(batch.inputs, self.num_channels)
        return measure_series(
            batch.inputs, batch.lengths, num_levels=self.num_levels, num_starts=self.num_starts
        )

    def vote(self, statistics: Tensor) -> Tensor:
        """Let the trees vote on statistics ``(batch, num_statistics)``; gives the logits.

        One more vote is shared by all classes, so that none is impossible.
        """
        nodes = self.roots.expand(len(statistics), -1)  # (batch, num_trees)
        questions = self.questions[nodes]
        while (is_inner := questions >= 0).any():
            answers = statistics.gather(1, questions.clamp(min=0))
            turn = (answers > self.thresholds[nodes]).long()
            nodes = torch.where(is_inner, self.successors[nodes, turn], nodes)
            questions = self.questions[nodes]
        votes = statistics.new_full((len(statistics), self.num_classes), 1 / self.num_classes)
        votes.scatter_add_(1, -1 - questions, statistics.new_ones(1).expand_as(questions))
        return (votes / (len(self.roots) + 1)).log()
