"""Which of several fits is the best, by parts of the training records that each has left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.data.store import RaggedStore
from seqwise.data.targets import is_multilabel
from seqwise.nn import Network, read_alike
from seqwise.training.fits import Kind, believe
from seqwise.training.linear import Recipe
from seqwise.training.pool import fit_weights
from seqwise.training.preparation import LabelledStore

FEW_HELD_OUT = 1_000  # records; more of them tell models apart by themselves
MOST_RECORDS, MOST_STEPS = 10_000, 25_000_000  # to learn from; of more, a fit is dear
MOST_BELIEFS = 2_000_000  # numbers, of each way of fitting
NUM_FOLDS = 3
CPU = torch.device("cpu")


def is_worth_folds(train: LabelledStore, valid: LabelledStore, num_classes: int) -> bool:
    """Tell whether few are held out, and those to learn from are soon read several times."""
    lengths = train.sequences.lengths
    return (
        len(valid.sequences) < FEW_HELD_OUT
        and len(lengths) <= MOST_RECORDS
        and len(lengths) * num_classes <= MOST_BELIEFS
        and int(lengths.sum()) <= MOST_STEPS
    )


def choose_by_folds(
    make_kinds: Callable[[LabelledStore], list[Kind]],
    part: LabelledStore,
    network: Network,
    *,
    class_weight: NDArray[np.float64] | None,
    seed: int,
) -> dict[str, Recipe]:
    """Choose how each kind of model is fitted, where there are several ways.

    All that are learned from speak, each record when it is left out: some dozens that are held out
    would choose by chance.

    Parameters
    ----------
    make_kinds
        Says what can be fitted to some of the records.
    part
        What to learn from.
    network
        That the models stand beside: they read as many strands.
    class_weight
        What each class counts; None where all count the same.
    seed
        Of the folds.

    Returns
    -------
    dict
        The best recipe of each role; none where the records cannot be divided.
    """
    several = {kind.role: kind.recipes for kind in make_kinds(part) if len(kind.recipes) > 1}
    folds = _divide(part, seed) if several else None
    if folds is None:
        return {}
    beliefs: dict[tuple[str, Recipe], list[NDArray[np.float64]]] = {}
    left_out = [np.flatnonzero(folds == fold) for fold in range(NUM_FOLDS)]
    for rows in left_out:
        rest, left = _take(part, np.setdiff1d(np.arange(len(folds)), rows)), _take(part, rows)
        for kind in make_kinds(rest):
            recipes = several.get(kind.role, ())  # the mean length is that of all of them
            for recipe, model in zip(recipes, kind.fit(recipes) if recipes else (), strict=True):
                found = believe(read_alike(model, network), left, CPU)
                beliefs.setdefault((kind.role, recipe), []).append(found)
    targets = part.targets[np.concatenate(left_out)]
    surprise = {
        key: fit_weights([np.concatenate(found)], targets, class_weight)[1]
        for key, found in beliefs.items()
    }
    return {
        role: min(recipes, key=lambda recipe: surprise[role, recipe])
        for role, recipes in several.items()
    }


def _divide(part: LabelledStore, seed: int) -> NDArray[np.int64] | None:
    """Give each record a fold, equal sequences the same one.

    The only sequence of a class is in none, -1, and always learned from. None where a class would
    be lost to a fold, or a fold would have no record.
    """
    sequences, num_records = part.sequences, part.targets.shape[0]
    firsts: dict[bytes, int] = {}
    heads = np.array(
        [
            firsts.setdefault(hashlib.sha256(sequences[index].tobytes()).digest(), index)
            for index in range(num_records)
        ]
    )
    random = np.random.default_rng(seed)
    folds: NDArray[np.int64] = np.full(num_records, -1)
    classes = np.zeros(num_records) if is_multilabel(part.targets) else part.targets
    distinct = np.unique(heads)
    for number in np.unique(classes):
        members = random.permutation(distinct[classes[distinct] == number])
        if len(members) > 1:
            places = np.arange(len(members)) + random.integers(NUM_FOLDS)
            folds[members] = places % NUM_FOLDS
    folds = folds[heads]  # those of equal sequences
    num_classes = len(np.unique(classes))
    for fold in range(NUM_FOLDS):
        is_out = folds == fold
        if not is_out.any() or len(np.unique(classes[~is_out])) < num_classes:
            return None
    return folds


def _take(part: LabelledStore, rows: NDArray[np.int64]) -> LabelledStore:
    sequences = RaggedStore.from_arrays([part.sequences[index] for index in rows.tolist()])
    return LabelledStore(sequences, part.targets[rows])
