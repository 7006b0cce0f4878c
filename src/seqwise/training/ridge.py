"""Linear models of random convolutions and statistics, fitted in closed form."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from seqwise.data.store import Sequences
from seqwise.data.targets import Targets, is_multilabel
from seqwise.nn import choose_levels
from seqwise.nn.kernels import MOST_CHANNELS, KernelModel
from seqwise.training.drawing import draw_records, read_drawn

MOST_RECORDS = 4_000  # that are learned from: the price grows with their cube
MOST_STEPS = 10_000_000
MOST_DILATIONS = 8
NUM_THRESHOLDS = 14  # of a kernel, over all dilations
NUM_SAMPLED, SAMPLE_STEPS = 64, 4_096  # series that thresholds come from, and steps of each
BATCH_STEPS = 1 << 14
COLUMNS_AT_ONCE = 256  # that are copied, of features that may fill a gigabyte
LEAST_SPREAD = 1e-9  # of a feature, beside its largest value or 1: what is below is rounding
PENALTIES = np.logspace(-5, 2, 15)


def choose_kernels(lengths: NDArray[np.int64]) -> tuple[int, int]:
    """Choose the numbers of dilations and of thresholds for series of such lengths."""
    num_dilations = len(_dilations(lengths))
    return num_dilations, max(1, NUM_THRESHOLDS // num_dilations)


def _dilations(lengths: NDArray[np.int64]) -> list[int]:
    """Spread a kernel from 9 steps up to the length that half of the series have."""
    most = max(1, (int(np.median(lengths)) - 1) // 8)
    number = min(MOST_DILATIONS, int(np.log2(most)) + 1)
    return sorted({int(2**power) for power in np.linspace(0, np.log2(most), number)})


def fit_kernels(
    sequences: Sequences,
    lengths: NDArray[np.int64],
    targets: Targets,
    *,
    num_channels: int,
    num_classes: int,
    class_weight: NDArray[np.float64] | None = None,
    seed: int = 0,
    most_steps: int = MOST_STEPS,
) -> KernelModel:
    """Fit a linear model of random convolutions and statistics.

    A ridge regression on the classes, its penalty chosen by what it says of each series when that
    one is left out, and so is how sure it may be. Where there are more than `MOST_RECORDS` or
    `most_steps`, some are drawn, each class among them.

    Parameters
    ----------
    sequences, lengths
        Standardised, ``n`` of them, and their steps.
    targets
        Of these; each class stands in them.
    num_channels, num_classes
        As in `KernelModel`.
    class_weight
        As `class_weights` gives it; None where all weigh the same. Where a series may bear any
        number of labels it has no effect: one regression serves them all, and a series would have
        another weight for each.
    seed
        Of the channels that a kernel reads, and of what is drawn.
    most_steps
        That are learned from.
    """
    random = np.random.default_rng(seed)
    record_weight = np.ones(len(lengths))
    if class_weight is not None and not is_multilabel(targets):
        record_weight = class_weight[targets]
    drawn = draw_records(lengths, targets, random, most_records=MOST_RECORDS, most_steps=most_steps)
    drawn = drawn[record_weight[drawn] > 0]
    num_dilations, num_thresholds = choose_kernels(lengths)
    model = KernelModel(
        num_channels,
        num_classes,
        num_dilations=num_dilations,
        num_thresholds=num_thresholds,
        num_levels=choose_levels(num_channels),
    )
    model.dilations = torch.tensor(_dilations(lengths))
    model.channels = _draw_channels(model.channels, random)
    model.rivals = _draw_rivals(model.rivals, random)
    model.rival_channels = _draw_channels(model.rival_channels, random)
    _place_thresholds(model, sequences, drawn, random)
    features = _measure(model, sequences, lengths, drawn)
    _solve(model, features, targets[drawn], record_weight[drawn])
    return model.eval()


def _draw_channels(channels: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Give each kernel some channels to read, one more often than many."""
    num_channels = channels.size(2)
    drawn = torch.zeros_like(channels)
    most = np.log2(min(num_channels, MOST_CHANNELS) + 1)
    for kernel in drawn.flatten(0, 1):
        number = max(1, int(2 ** random.uniform(0, most)))
        kernel[random.permutation(num_channels)[:number]] = 1
    return drawn


def _draw_rivals(rivals: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Draw kernels that answer next to nothing to what is constant, none louder than others.

    What rounding leaves of their sums makes one of a group win where a series stands still above
    its mean, and another one below: that tells more of a series than all of them even would.
    """
    drawn = torch.from_numpy(random.standard_normal(tuple(rivals.shape)))
    drawn -= drawn.mean(dim=-1, keepdim=True)
    return (drawn / drawn.abs().sum(dim=-1, keepdim=True)).float()


def _place_thresholds(
    model: KernelModel,
    sequences: Sequences,
    drawn: NDArray[np.int64],
    random: np.random.Generator,
) -> None:
    """Put the thresholds of a kernel where its results on some series lie."""
    num_thresholds = model.thresholds.size(2)
    # Quantiles that fill the range evenly however many there are (multiples of the golden ratio).
    quantiles = (np.arange(1, num_thresholds + 1) * (np.sqrt(5) - 1) / 2) % 1
    sampled = random.choice(drawn, min(len(drawn), NUM_SAMPLED), replace=False)
    for number, dilation in enumerate(model.dilations.tolist()):
        results = []
        for index in sampled.tolist():
            series = torch.from_numpy(np.array(sequences[index][:SAMPLE_STEPS], dtype=np.float64))
            x = series.T.unsqueeze(0)
            results.append(model.convolve(x, number, dilation)[0].numpy())
        found = np.concatenate(results, axis=1)
        # Between two of them: none of these series is moved across a threshold by a rounding.
        below = (quantiles * (found.shape[1] - 1)).astype(int)
        above = (below + 1).clip(max=found.shape[1] - 1)
        found.partition(np.union1d(below, above), axis=1)
        model.thresholds[number] = torch.from_numpy((found[:, below] + found[:, above]) / 2)


def _measure(
    model: KernelModel, sequences: Sequences, lengths: NDArray[np.int64], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    features = np.empty((len(drawn), len(model.mean)))
    for places, batch in read_drawn(sequences, lengths, drawn, batch_steps=BATCH_STEPS):
        features[places] = model.measure(batch).numpy()
    return features


def _solve(
    model: KernelModel,
    features: NDArray[np.float64],
    targets: Targets,
    record_weight: NDArray[np.float64],
) -> None:
    """Fit the last layer, by the products of all pairs of records: they are fewer than features.

    The features are scaled where they stand.
    """
    truth = targets.toarray() if is_multilabel(targets) else np.eye(model.num_classes)[targets]
    classes = truth * 2.0 - 1
    means = np.average(classes, axis=0, weights=record_weight)
    if len(features) == 1:  # all others weigh nothing, and it cannot be left out
        with torch.no_grad():
            model.bias.copy_(torch.from_numpy(means))
        return
    mean = record_weight @ features / record_weight.sum()
    scale = _choose_scale(features, model.num_statistics)
    roots = np.sqrt(record_weight)[:, None]
    x = features
    x -= mean
    x /= scale
    x *= roots
    y = roots * (classes - means)
    values, vectors = np.linalg.eigh(x @ x.T)
    values = values.clip(min=0)
    turned = vectors.T @ y
    best = (np.inf, 0.0, 0.0)
    for penalty in PENALTIES:
        shrunk = values / (values + penalty)
        leverage = (vectors**2) @ shrunk + record_weight / record_weight.sum()
        error = (y - vectors @ (shrunk[:, None] * turned)) / (1 - leverage[:, None])
        left_out = classes - error / roots  # what is said of each record without having seen it
        best = min(best, (*_least_surprise(left_out, targets, record_weight), penalty))
    _, sureness, penalty = best
    dual = vectors @ (turned / (values + penalty)[:, None])
    with torch.no_grad():
        model.mean = torch.from_numpy(mean).float()
        model.scale = torch.from_numpy(scale).float()
        model.weight.copy_(torch.from_numpy(x.T @ dual * sureness))
        model.bias.copy_(torch.from_numpy(means * sureness))


def _choose_scale(features: NDArray[np.float64], num_statistics: int) -> NDArray[np.float64]:
    """Choose what features are divided by, ``(num_features,)``; the statistics are the last."""
    columns = range(0, features.shape[1], COLUMNS_AT_ONCE)
    scale: NDArray[np.float64] = np.concatenate(
        [features[:, start : start + COLUMNS_AT_ONCE].std(axis=0) for start in columns]
    )
    largest = np.maximum(features.max(axis=0), -features.min(axis=0))
    # A feature that all records have alike may differ by a rounding, which is not to be blown up:
    # a record that has it otherwise, a longer one for instance, would be all that.
    scale[scale <= LEAST_SPREAD * largest.clip(min=1)] = 1
    # Convolutions and statistics weigh the same, however many there are of each.
    num_others = len(scale) - num_statistics
    scale[:num_others] *= np.sqrt(num_others)
    scale[num_others:] *= np.sqrt(max(1, num_statistics))
    return scale


def _least_surprise(
    scores: NDArray[np.float64], targets: Targets, record_weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Find the factor that makes logits of scores, and the log loss with it."""
    signs = 1.0 - 2.0 * targets.toarray() if is_multilabel(targets) else None

    def log_loss(power: float) -> float:
        logits = scores * np.exp(power)
        if signs is not None:
            return float(np.logaddexp(0, signs * logits).mean())
        beliefs = log_softmax(logits, axis=1)
        of_truth = beliefs[np.arange(len(targets)), targets]
        return float(-np.average(of_truth, weights=record_weight))

    found = minimize_scalar(log_loss, bounds=(-2.0, 6.0), method="bounded")
    return float(found.fun), float(np.exp(found.x))
