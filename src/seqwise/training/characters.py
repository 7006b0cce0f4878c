"""Linear models of the characters of tokens, where these are few enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from seqwise.data.store import ChainedStore, RaggedStore
from seqwise.data.targets import Targets
from seqwise.nn import SpelledModel, Spelling
from seqwise.nn.spelling import LONGEST
from seqwise.training.drawing import read_drawn
from seqwise.training.linear import BATCH_STEPS, STRENGTHS, Counting, Recipe, fit_ngrams

MOST_CHARACTERS = 2_500_000  # of all sequences (docs/design/0034)
# Of characters: another weighting, or a stronger penalty, brought no more (docs/design/0034).
CHARACTER_RECIPES = tuple(Recipe(Counting(LONGEST), strength) for strength in STRENGTHS)


def count_characters(sequences: RaggedStore | ChainedStore, spelling: Spelling) -> int:
    """Count the characters of sequences, until they are more than are read."""
    found = int(sequences.lengths.sum())  # a token has one at the least
    if found > MOST_CHARACTERS:
        return found
    found, sizes = 0, spelling.sizes.numpy()
    for index in range(len(sequences)):
        found += int(sizes[sequences[index]].sum())
        if found > MOST_CHARACTERS:
            break
    return found


def fit_characters(
    sequences: RaggedStore | ChainedStore,
    targets: Targets,
    *,
    num_classes: int,
    spelling: Spelling,
    recipes: Sequence[Recipe] = CHARACTER_RECIPES,
    class_weight: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Iterator[SpelledModel]:
    """Fit linear models of the n-grams of characters, one after another.

    Parameters
    ----------
    sequences, targets, num_classes, recipes, class_weight, seed
        As in `fit_ngrams`.
    spelling
        Of the ids.

    Yields
    ------
    SpelledModel
        One for each of `recipes`.
    """
    fitted = fit_ngrams(
        _spell_out(sequences, spelling),
        targets,
        num_classes=num_classes,
        positions=False,
        recipes=recipes,
        class_weight=class_weight,
        seed=seed,
    )
    for model in fitted:
        yield SpelledModel(spelling, model)


def _spell_out(sequences: RaggedStore | ChainedStore, spelling: Spelling) -> RaggedStore:
    spelled: list[NDArray[np.int32]] = [np.empty(0, dtype=np.int32)] * len(sequences)
    everyone, lengths = np.arange(len(sequences)), sequences.lengths
    for places, batch in read_drawn(sequences, lengths, everyone, batch_steps=BATCH_STEPS):
        characters = spelling(batch)
        rows = characters.inputs.numpy().astype(np.int32)
        for place, row, size in zip(
            places.tolist(), rows, characters.lengths.tolist(), strict=True
        ):
            spelled[place] = row[:size].copy()  # without the padding
    return RaggedStore.from_arrays(spelled)
