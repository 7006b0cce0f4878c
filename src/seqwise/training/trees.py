"""Forests of decision trees, grown by scikit-learn on statistics of series."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from seqwise.config import MOST_NODES
from seqwise.data.store import Sequences
from seqwise.nn import (
    ForestModel,
    choose_levels,
    choose_starts,
    count_statistics,
    measure_series,
)
from seqwise.training.drawing import draw_records, read_drawn

NUM_TREES = 200
SHARE_ASKED = 0.1  # of the statistics, from which each node takes the best
MOST_RECORDS = 4_000
MOST_STEPS = 10_000_000
BATCH_STEPS = 1 << 16
# Bytes of trees grown at once: scikit-learn keeps a number for each class at each node.
GROWING_BYTES = 1 << 28


def grow_forest(
    sequences: Sequences,
    lengths: NDArray[np.int64],
    targets: NDArray[np.int64],
    *,
    num_channels: int,
    num_classes: int,
    class_weight: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> ForestModel:
    """Grow trees until each leaf is of one class.

    Where there are more than `MOST_RECORDS`, some are drawn, each class among them.

    Parameters
    ----------
    sequences, lengths
        Standardised, ``n`` of them, and their steps.
    targets
        int64 ``(n,)``, in which each class stands.
    num_channels, num_classes
        As in `ForestModel`; of so many channels that `choose_levels` is not 0.
    class_weight
        Of each class, or None where all weigh the same.
    seed
        Of the trees, and of what is drawn.
    """
    random = np.random.default_rng(seed)
    drawn = draw_records(lengths, targets, random, most_records=MOST_RECORDS, most_steps=MOST_STEPS)
    num_levels = choose_levels(num_channels)
    num_starts = choose_starts(lengths, num_channels, num_levels)
    num_statistics = count_statistics(num_channels, num_levels, num_starts)
    statistics = np.empty((len(drawn), num_statistics), dtype=np.float32)
    batch_steps = BATCH_STEPS // num_channels
    for places, batch in read_drawn(sequences, lengths, drawn, batch_steps=batch_steps):
        statistics[places] = measure_series(
            batch.inputs, batch.lengths, num_levels=num_levels, num_starts=num_starts
        ).numpy()
    growing = ExtraTreesClassifier(
        criterion="entropy",
        max_features=SHARE_ASKED,
        class_weight=None if class_weight is None else dict(enumerate(class_weight.tolist())),
        random_state=int(random.integers(2**31)),
        n_jobs=torch.get_num_threads(),
        warm_start=True,  # the same trees, in however many turns they are grown
    )
    most_nodes = 2 * len(drawn)  # a tree has less
    num_trees = min(NUM_TREES, MOST_NODES // most_nodes)
    at_once = max(1, GROWING_BYTES // (8 * most_nodes * num_classes))
    trees: list[_Tree] = []
    while len(trees) < num_trees:
        if trees:  # scikit-learn's own are dropped, and counted only
            growing.estimators_ = [None] * len(trees)
        growing.set_params(n_estimators=min(len(trees) + at_once, num_trees))
        growing.fit(statistics, targets[drawn])
        trees += [_Tree.of(grown.tree_) for grown in growing.estimators_[len(trees) :]]
    model = ForestModel(
        num_channels,
        num_classes,
        num_levels=num_levels,
        num_starts=num_starts,
        num_trees=len(trees),
        num_nodes=sum(len(tree.questions) for tree in trees),
    )
    _plant(trees, model)
    return model.eval()


class _Tree(NamedTuple):
    """One tree, a row for each node, as `ForestModel` has them but for the place of its root."""

    questions: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    successors: NDArray[np.int64]

    @classmethod
    def of(cls, grown: Any) -> _Tree:
        is_leaf = grown.children_left < 0
        # The classes of a leaf are one, but for records that no statistic tells apart.
        questions = np.where(is_leaf, -1 - grown.value[:, 0].argmax(axis=1), grown.feature)
        thresholds = np.where(is_leaf, 0, grown.threshold)
        return cls(
            questions, thresholds, np.stack([grown.children_left, grown.children_right], axis=1)
        )


def _plant(trees: list[_Tree], model: ForestModel) -> None:
    """Put trees into the tensors of a model, one behind the other."""
    sizes = np.array([len(tree.questions) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    questions, thresholds, successors = map(np.concatenate, zip(*trees, strict=True))
    is_leaf = questions[:, None] < 0
    model.roots = torch.from_numpy(roots)
    model.questions = torch.from_numpy(questions)
    model.thresholds = torch.from_numpy(_round_down(thresholds))
    model.successors = torch.from_numpy(
        np.where(is_leaf, 0, successors + roots.repeat(sizes)[:, None])
    )


def _round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round to 32 bits so that the same numbers of 32 bits lie above."""
    rounded = values.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > values, lower, rounded)
