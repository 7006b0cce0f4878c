"""Linear models of n-grams, fitted by scikit-learn in seconds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import groupby
from operator import add
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from seqwise.config import MOST_NGRAM_WEIGHTS
from seqwise.data.store import ChainedStore, RaggedStore
from seqwise.data.targets import Targets, class_counts, is_multilabel, label_pairs
from seqwise.nn import Batch, NgramModel, ngram_pieces, read_strands
from seqwise.training.drawing import draw_records, read_drawn

MOST_READ = 25_000_000  # n-grams that are counted
# Bytes of a fit: of an n-gram that is counted, of a weight with all that L-BFGS keeps of it, and of
# one in all the models, eighteen at the most, that are kept until one of them is chosen.
MOST_MEMORY, COUNT_BYTES, WEIGHT_BYTES, KEPT_BYTES = 1_000_000_000, 16, 300, 72
WINDOW = 1 << 14  # a longer sequence repeats itself: it counts as if it had so many steps
MANY_NGRAMS = 1 << 17  # of so many, those of a single sequence are left out
BATCH_STEPS = 1 << 16
# A fit ends where the loss, a mean of the records, slopes less than this by their number. What a
# weaker penalty changes of the slope is the less, the more they are: a fit that begins where the
# last one has ended would be over at once. Of very many the penalty matters little, and a fit is
# dear (docs/design/0016).
FLAT_BY_RECORDS, FLATTEST, LEAST_FLAT = 0.02, 1e-6, 1e-5
VERY_MANY, FLAT_OF_MANY = 50_000, 1e-4
MOST_ITERATIONS, ITERATIONS_OF_MANY = 300, 50


class Counting(NamedTuple):
    """Which n-grams a linear model knows, and what each counts.

    Parameters
    ----------
    longest, repeats
        As in `NgramModel`.
    by_classes
        Whether an n-gram is worth the more, the more the classes differ in how often they have it,
        as in Wang and Manning 2012; otherwise the rarer it is.
    """

    longest: int
    repeats: bool = False
    by_classes: bool = False


class Recipe(NamedTuple):
    """How a linear model is fitted.

    Parameters
    ----------
    counting
        What it is fitted to.
    strength
        Inverse of the penalty on large weights.
    """

    counting: Counting
    strength: float


# A strength of 1 was the best of no file, of no size (docs/design/0016).
STRENGTHS = (10.0, 100.0, 1000.0)
LONG_TEXT = 50  # steps, in the mean: words come again, and single ones tell a topic


def choose_recipes(longest: int, mean_length: float) -> tuple[Recipe, ...]:
    """Say which linear models of a sequence's n-grams are worth trying.

    Parameters
    ----------
    longest
        Tokens of the longest n-gram.
    mean_length
        Steps of a text in words, or events; 0 for other tokens.

    Returns
    -------
    tuple of Recipe
        As a budget may end after any: of long text a cheap one first, then those that are the best
        most often.
    """
    once, by_rarity = Counting(longest, by_classes=True), Counting(longest)
    countings = [once, by_rarity]
    if mean_length >= LONG_TEXT:
        repeated = Counting(longest, repeats=True, by_classes=True)
        countings = [once, repeated, by_rarity]
        if longest > 1:
            of_one = [each._replace(longest=1) for each in (repeated, once, by_rarity)]
            countings = [of_one[0], *countings, *of_one[1:]]
    return tuple(Recipe(counting, strength) for counting in countings for strength in STRENGTHS)


# Batches of records, one after the other: once, or once for each strand.
Strands = Iterator[tuple[Batch, ...]]


def fit_ngrams(
    sequences: RaggedStore | ChainedStore,
    targets: Targets,
    *,
    num_classes: int,
    positions: bool,
    recipes: Sequence[Recipe],
    complements: Tensor | None = None,
    class_weight: NDArray[np.float64] | None = None,
    seed: int = 0,
    most_read: int = MOST_READ,
) -> Iterator[NgramModel]:
    """Fit one linear model after another, each by another recipe.

    Where there are more than `most_read` n-grams, some of the sequences are drawn, each class among
    them.

    Parameters
    ----------
    sequences
        Ids, ``n`` sequences.
    targets
        Of these; each class stands in them. Where a sequence may bear any number of labels, each is
        a question of its own.
    num_classes, positions
        As in `NgramModel`.
    recipes
        Of the models; those of one `counting` stand side by side. Where others stand between those
        of one length, its n-grams are found anew.
    complements
        Of n-grams that are counted on both strands, as `BothStrands` reads them; None for one.
    class_weight
        As `class_weights` gives it; None where all weigh the same.
    seed
        Of the draw.
    most_read
        N-grams that are counted.

    Yields
    ------
    NgramModel
        One for each of `recipes`.
    """
    for longest, alike in groupby(recipes, key=lambda recipe: recipe.counting.longest):
        num_strands = 1 if complements is None else 2
        lengths = sequences.lengths.clip(max=WINDOW) * longest * num_strands
        drawn = draw_records(lengths, targets, np.random.default_rng(seed), most_steps=most_read)
        # As they are read, so that what is counted of one batch stands behind what is of the other.
        drawn = drawn[np.argsort(sequences.lengths[drawn], kind="stable")]
        batches = partial(_batches, sequences, drawn, complements)
        room = MOST_MEMORY - COUNT_BYTES * int(lengths[drawn].sum())
        num_learned = 1 if num_classes == 2 else num_classes  # of two classes, one and its opposite
        bytes_each = WEIGHT_BYTES * num_learned + KEPT_BYTES * num_classes
        most = min(room // bytes_each, MOST_NGRAM_WEIGHTS // num_classes)
        keys, idf = _learn_ngrams(batches, len(drawn), max(most, 1), longest, positions)
        blank = NgramModel(len(keys), num_classes, longest=longest, positions=positions)
        blank.keys, blank.idf = keys, idf
        yield from _fit_alike(blank, batches, targets[drawn], list(alike), class_weight)


def _fit_alike(
    blank: NgramModel,
    batches: Callable[[], Strands],
    targets: Targets,
    recipes: list[Recipe],
    class_weight: NDArray[np.float64] | None,
) -> Iterator[NgramModel]:
    """Fit models that know the same n-grams as `blank`, which has no weights yet."""
    worths = {False: blank.idf}

    def make(counting: Counting) -> NgramModel:
        model = NgramModel(
            len(blank.keys),
            blank.num_classes,
            longest=blank.longest,
            positions=blank.positions,
            repeats=counting.repeats,
        )
        model.keys, model.idf = blank.keys, worths[counting.by_classes]
        return model

    for counting, alike in groupby(recipes, key=lambda recipe: recipe.counting):
        if counting.by_classes not in worths:
            worths[True] = _differences(_count(blank, batches), targets, blank.num_classes)
        counted = _count(make(counting), batches)
        questions = _ask(targets, class_weight)
        for recipe in alike:
            model = make(counting)
            _fit(model, questions, recipe.strength, counted)
            yield model.eval()
        del counted  # before the next: each is as large as all that was read


def _differences(counted: sparse.csr_array, targets: Targets, num_classes: int) -> Tensor:
    """Say how far apart the classes are in having each n-gram: ``(num_ngrams,)``.

    The root of the mean square, over the classes and in proportion to their records, of the
    logarithm of how many times as often a record of the class has it as another.
    """
    records, classes = label_pairs(targets)
    num_records = counted.shape[0]
    bearers = sparse.csr_array(
        (np.ones(len(records), dtype=np.float32), (classes, records)),
        shape=(num_classes, num_records),
    )
    ones = np.ones_like(counted.data)
    present = sparse.csr_array((ones, counted.indices, counted.indptr), shape=counted.shape)
    # Records with the n-gram: (num_classes, num_ngrams). Up to 16 million are whole numbers in 32
    # bits, and one more or less of so many says nothing.
    inside = (bearers @ present).toarray()
    outside = np.ones(num_records, dtype=np.float32) @ present - inside
    sizes = class_counts(targets, num_classes).reshape(-1, 1)
    ratios = np.log((inside + 1) / (sizes + 2)) - np.log((outside + 1) / (num_records - sizes + 2))
    mean_square = (sizes / max(sizes.sum(), 1)).T @ ratios**2
    return torch.from_numpy(np.sqrt(mean_square[0]).astype(np.float32))


def _batches(
    sequences: RaggedStore | ChainedStore, drawn: NDArray[np.int64], complements: Tensor | None
) -> Strands:
    """Pad the drawn sequences in their order, which is one of lengths."""
    for _, batch in read_drawn(sequences, sequences.lengths, drawn, batch_steps=BATCH_STEPS):
        yield (batch,) if complements is None else read_strands(batch, complements)


def _learn_ngrams(
    batches: Callable[[], Strands],
    num_records: int,
    most: int,
    longest: int,
    positions: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the n-grams to know, and what each is worth."""
    distinct = []
    for strands in batches():
        pairs: list[NDArray[np.int64]] = []
        for batch in strands:
            for keys, mask in ngram_pieces(
                batch.inputs, batch.lengths, longest=longest, positions=positions
            ):
                if len(pairs) > len(strands):  # of long sequences, which repeat themselves
                    pairs = [_distinct(np.concatenate(pairs))]
                rows = torch.arange(len(batch)).unsqueeze(1).expand_as(keys)[mask].numpy()
                pairs.append(np.stack([rows, keys[mask].numpy()], axis=1))
        distinct.append(_distinct(np.concatenate(pairs))[:, 1].copy())
    found = np.concatenate(distinct)
    distinct.clear()  # each is as large as all that was read
    found.sort()
    is_first = np.ones(len(found), dtype=bool)
    is_first[1:] = found[1:] != found[:-1]
    firsts = np.flatnonzero(is_first).astype(np.int32)
    frequency = np.diff(firsts, append=np.int32(len(found)))
    kept = np.ones(len(firsts), dtype=bool)
    if len(firsts) > MANY_NGRAMS:
        kept = frequency > 1
    if kept.sum() > most:
        rarest = np.sort(frequency[kept])[-most]
        kept &= frequency > rarest
    if not kept.any():
        kept[:most] = True
    idf = np.log((1 + num_records) / (1 + frequency[kept])) + 1
    return torch.from_numpy(found[firsts[kept]]), torch.from_numpy(idf.astype(np.float32))


def _distinct(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take the n-grams of each row once."""
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    is_new = np.ones(len(pairs), dtype=bool)
    is_new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    distinct: NDArray[np.int64] = pairs[is_new]
    return distinct


def _count(model: NgramModel, batches: Callable[[], Strands]) -> sparse.csr_array:
    """Count each record's n-grams, on the mean of its strands; ``(num_records, num_ngrams)``."""
    tables = []
    for strands in batches():
        table = reduce(add, (_tabulate(model, batch) for batch in strands))
        table.data /= np.float32(len(strands))  # `table / 2` would be of 64 bits
        tables.append(table)
    return sparse.vstack(tables, format="csr")


def _tabulate(model: NgramModel, batch: Batch) -> sparse.csr_array:
    features, counts = model.count(batch)
    is_counted = counts != 0
    # In 32 bits: there are as many of these as n-grams, all of them in memory.
    columns = features[is_counted].numpy().astype(np.int32)
    stops = is_counted.sum(dim=1).cumsum(dim=0).numpy()
    starts = np.concatenate([[0], stops]).astype(np.int32)
    shape = (len(batch), len(model.keys))
    return sparse.csr_array((counts[is_counted].numpy(), columns, starts), shape=shape)


# What scikit-learn is to tell apart, and what it knows of that so far.
Question = tuple[NDArray[Any], LogisticRegression]


def _ask(targets: Targets, class_weight: NDArray[np.float64] | None) -> list[Question]:
    """Ask for the class of each record, or for each label whether a record bears it."""
    num_records = targets.shape[0]
    if not is_multilabel(targets):
        return [(targets, _regression(num_records, class_weight))]
    table = targets.tocsc()
    return [
        (
            table[:, [index]].toarray()[:, 0].astype(np.int64),
            _regression(num_records, None if class_weight is None else class_weight[index]),
        )
        for index in range(table.shape[1])
    ]


def _regression(num_records: int, class_weight: NDArray[np.float64] | None) -> LogisticRegression:
    """Make one whose fits begin each where the last one has ended."""
    flat = min(max(FLAT_BY_RECORDS / num_records, FLATTEST), LEAST_FLAT)
    is_cheap = num_records <= VERY_MANY
    return LogisticRegression(
        tol=flat if is_cheap else FLAT_OF_MANY,
        max_iter=MOST_ITERATIONS if is_cheap else ITERATIONS_OF_MANY,
        class_weight=None if class_weight is None else dict(enumerate(class_weight.tolist())),
        warm_start=True,
    )


def _fit(
    model: NgramModel, questions: list[Question], strength: float, counted: sparse.csr_array
) -> None:
    weights, biases = [], []
    for answers, fitted in questions:
        weight, bias = _answer(fitted.set_params(C=strength), counted, answers)
        weights.append(weight)
        biases.append(bias)
    weight, bias = np.concatenate(weights), np.concatenate(biases)
    if len(weight) < model.num_classes:  # scikit-learn gives the difference of two classes
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(weight.T.copy()))
        model.bias.copy_(torch.from_numpy(bias))


def _answer(
    fitted: LogisticRegression, counted: sparse.csr_array, answers: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit, and give what was learned, a row for each class but the first of two."""
    if answers.min() == answers.max():  # a label that all of these bear, or none
        odds = np.log(len(answers) + 1.0) * (1 if answers.min() else -1)
        return np.zeros((1, counted.shape[1])), np.array([odds])
    with warnings.catch_warnings():
        # It stops when it has had enough of them; that is no news to a user.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(counted, answers)
    return fitted.coef_, fitted.intercept_
