"""From trials to figures: medians over rounds, ratios to seqwise, and the table."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

from peers.measure import Trial
from peers.task import Recipe

OURS = "seqwise"

COLUMNS = (
    "data",
    "contender",
    "one epoch, s",
    "times ours",
    "to the accuracy, s",
    "times ours",
    "epochs",
    "peak memory, MB",
    "before training, MB",
)

INTRODUCTION = """\
# Training, beside what else one would pick

Made by `python benchmarks/training_peers.py`. All are given the same ids, the same two parts of
the training file and the same recipe: an embedding of {embedding_dim}, an LSTM of {hidden_size},
its last real step, a linear head; Adam at {learning_rate:g}, batches of {batch_size}, gradients
clipped at a norm of {clip_norm:g}; whole sequences. Weights start as each library starts them. What
seqwise does by default and the others do not is off: no dropout, one pooling, a constant rate, no
dropped tokens. Its batches are of near-equal lengths, as always; those of the others are random.

- *tutorial*: a plain torch loop, shuffled, padded per batch, packed.
- *skorch*: `NeuralNetClassifier`, padded per batch, not packed{skorch_note}.
- *keras*: Keras 3 on the torch backend, `mask_zero=True`, padded per batch. On a CPU it runs an
  LSTM as a loop over steps in Python.

*One epoch* is the pass over the training part; *to the accuracy* counts validation, too. Medians
over rounds in which each contender had its turn; a ratio to seqwise is the median of those within
a round. Memory is that of the whole process, libraries included.
"""


def summarize(timed: list[Trial], learned: list[Trial], *, accuracy: float, seconds: float) -> Any:
    """Put the figures of each contender together.

    Parameters
    ----------
    timed
        Trials for the time of an epoch, in rounds: the last epoch of each counts.
    learned
        Trials for the time to the accuracy, in rounds.
    accuracy, seconds
        What was to be reached, and within which time.
    """
    names = list(dict.fromkeys(trial.contender for trial in timed))
    epochs = {name: [_last_epoch(each) for each in _of(timed, name)] for name in names}
    reached = {
        name: [_time_to(each, accuracy, seconds) for each in _of(learned, name)] for name in names
    }
    return {
        name: {
            "num_weights": _of(timed, name)[0].num_weights,
            "epoch_seconds": _median(epochs[name]),
            "epoch_ratio": _median_ratio(epochs[name], epochs.get(OURS, [])),
            "epoch_seconds_by_round": epochs[name],
            "seconds_to_accuracy": _median(reached[name]),
            "accuracy_ratio": _median_ratio(reached[name], reached.get(OURS, [])),
            "seconds_to_accuracy_by_round": reached[name],
            "epochs_by_round": [len(each.epochs) for each in _of(learned, name)],
            "best_accuracy_by_round": [_best_accuracy(each) for each in _of(learned, name)],
            "peak_memory_mb": median(each.peak_memory_mb for each in _of(timed, name)),
            "start_memory_mb": median(each.start_memory_mb for each in _of(timed, name)),
        }
        for name in names
    }


def make_table(datasets: dict[str, dict[str, Any]]) -> str:
    """Draw all data sets as one page."""
    packs = any(result["recipe"]["bidirectional"] for result in datasets.values())
    note = " (packed where the LSTM reads both ways)" if packs else ""
    lines = [INTRODUCTION.format(skorch_note=note, **Recipe().to_dict())]
    lines += [f"- {_describe(name, result)}" for name, result in datasets.items()]
    lines += ["", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for name, result in datasets.items():
        for contender, row in result["contenders"].items():
            cells = _cells(row, result)
            lines.append(f"| {' | '.join((name, contender, *cells))} |")
    return "\n".join(lines) + "\n"


def _describe(name: str, result: dict[str, Any]) -> str:
    epoch, accuracy = result["data"]["epoch"], result["data"]["accuracy"]
    machine, minutes = result["machine"], result["seconds"] / 60
    directions = "two directions" if result["recipe"]["bidirectional"] else "one direction"
    parts = [
        f"*{name}*: an epoch of {_describe_data(epoch)}, {result['rounds']} rounds",
        f"to accuracy {result['accuracy']} on {_describe_data(accuracy)}, "
        f"{result['accuracy_rounds']} rounds, within {minutes:g} minutes",
        f"{epoch['num_classes']} classes; {directions}",
        f"{result['threads']} threads of {machine['cores']} cores ({machine['processor']}), "
        f"torch {machine['torch']}, skorch {machine['skorch']}, keras {machine['keras']}.",
    ]
    return "; ".join(parts)


def _describe_data(data: dict[str, Any]) -> str:
    return (
        f"{data['num_train']:,} records (and {data['num_valid']:,} to validate on) of "
        f"{data['median_steps']:,} steps in the median and {data['longest_steps']:,} at the most"
    )


def _cells(row: dict[str, Any], result: dict[str, Any]) -> list[str]:
    limit, ours = result["seconds"], result["contenders"].get(OURS, {})
    cells = [
        _show_seconds(row["epoch_seconds"], limit),
        _show_ratio(row["epoch_ratio"], ours.get("epoch_seconds"), limit),
    ]
    if epochs := row["epochs_by_round"]:
        cells += [
            _show_seconds(row["seconds_to_accuracy"], limit),
            _show_ratio(row["accuracy_ratio"], ours.get("seconds_to_accuracy"), limit),
            f"{median(epochs):g}",
        ]
    else:
        cells += ["", "", ""]
    return [*cells, f"{row['peak_memory_mb']:,.0f}", f"{row['start_memory_mb']:,.0f}"]


def _show_seconds(seconds: float | None, limit: float) -> str:
    return f"not within {limit / 60:g} min" if seconds is None else f"{seconds:,.1f}"


def _show_ratio(ratio: float | None, ours: float | None, limit: float) -> str:
    if ratio is not None:
        return f"{ratio:.2f}"
    # The other one took longer than it was given.
    return "" if ours is None else f"over {limit / ours:.1f}"


def _of(trials: list[Trial], name: str) -> list[Trial]:
    return [trial for trial in trials if trial.contender == name]


def _last_epoch(trial: Trial) -> float | None:
    """Take the last epoch, when everything is warm; None where time was up before."""
    return round(trial.epochs[-1]["train_seconds"], 3) if trial.epochs else None


def _time_to(trial: Trial, accuracy: float, seconds: float) -> float | None:
    last = trial.epochs[-1] if trial.epochs else {"valid_accuracy": 0.0, "elapsed": math.inf}
    reached = last["valid_accuracy"] >= accuracy and last["elapsed"] <= seconds
    return round(last["elapsed"], 3) if reached else None


def _best_accuracy(trial: Trial) -> float | None:
    return max((round(epoch["valid_accuracy"], 4) for epoch in trial.epochs), default=None)


def _median(values: list[float | None]) -> float | None:
    """Take the median; None counts as longer than any, and is the answer where it is the median."""
    if not values:
        return None
    middle = median(math.inf if value is None else value for value in values)
    return None if math.isinf(middle) else round(middle, 3)


def _median_ratio(theirs: list[float | None], ours: list[float | None]) -> float | None:
    if _median(theirs) is None or _median(ours) is None:
        return None
    pairs = zip(theirs, ours, strict=True)
    return _median([a / b if a is not None and b is not None else None for a, b in pairs])
