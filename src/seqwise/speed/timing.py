"""Rates, measured in turns: of passes over batches, of matrix products, of copying."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import torch
from torch import nn

from seqwise.nn import Batch
from seqwise.speed.contenders import Contender, count_steps, targets_of

Mode = Literal["train", "infer"]
MODES: tuple[Mode, ...] = ("train", "infer")
# Sides of the square matrices whose product is timed; the best one counts.
MATRIX_SIZES = {"cpu": (512, 1_024, 2_048), "cuda": (2_048, 4_096, 8_192)}
COPIED_VALUES = 1 << 28
LEAST_SECONDS = 0.05  # what a single product or copy is repeated for

Key = TypeVar("Key")


def measure_in_turns(
    measures: Mapping[Key, Callable[[], float]], *, rounds: int
) -> dict[Key, float]:
    """Take each measure once a round, so that a busy moment of the machine falls on all.

    Returns
    -------
    dict
        The median of each over the rounds.
    """
    found: dict[Key, list[float]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, measure in measures.items():
            found[key].append(measure())
    return {key: statistics.median(values) for key, values in found.items()}


@dataclass(frozen=True)
class Pass:
    """A way through some batches; calling it gives real steps a second.

    Training is a forward pass, the loss and a backward pass; the optimizer's update, which is the
    same for all, is left out. Making the batches is left out too.

    Parameters
    ----------
    mode
        ``"train"`` or ``"infer"``.
    model
        Called with each batch.
    batches
        With targets, for training.
    """

    mode: Mode
    model: nn.Module
    batches: list[Batch]

    def __call__(self) -> float:
        """Go once through the batches; returns real steps a second."""
        return count_steps(self.batches) / self.seconds()

    def seconds(self) -> float:
        """Go once through the batches; returns how long it took."""
        return _timed(self._run, self.batches[0].inputs.device)

    def _run(self) -> None:
        if self.mode == "infer":
            self.model.eval()
            with torch.inference_mode():
                for batch in self.batches:
                    self.model(batch)
            return
        self.model.train()
        for batch in self.batches:
            self.model.zero_grad()
            loss = nn.functional.cross_entropy(self.model(batch), targets_of(batch))
            loss.backward()  # type: ignore[no-untyped-call]


def plan_pass(contender: Contender, mode: Mode, *, seconds: float) -> Pass:
    """Choose as many of a contender's batches as take about so many seconds, at least one.

    They lie evenly among all in order of their steps. The batch in the middle is run to see how
    long it takes; a first time for warm-up, unless that alone takes so long.
    """
    batches = contender.batches if mode == "train" else contender.inference_batches
    ordered = sorted(batches, key=lambda batch: int(batch.lengths.sum()))
    trial = Pass(mode, contender.model, [ordered[len(ordered) // 2]])
    taken = trial.seconds()
    if taken < seconds:
        taken = trial.seconds()
    all_seconds = taken * count_steps(ordered) / count_steps(trial.batches)
    count = max(1, min(len(ordered), int(len(ordered) * seconds / all_seconds)))
    chosen = [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]
    return Pass(mode, contender.model, chosen)


def matrix_rate(device: torch.device) -> float:
    """Measure the float32 matrix product, the best of a few sizes; returns operations a second."""
    rates = []
    for size in MATRIX_SIZES[device.type]:
        one, two = torch.rand(2, size, size, device=device)
        product = partial(torch.mm, one, two, out=torch.empty_like(one))
        rates.append(2 * size**3 / _once(product, device))
    return max(rates)


def copy_rate(device: torch.device) -> float:
    """Measure the copying of a large tensor; returns bytes read and written a second."""
    source = torch.zeros(COPIED_VALUES, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _once(partial(target.copy_, source), device)


def _once(do: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that something short takes, done again and again."""
    _timed(do, device)  # warm-up
    count = 1 + int(LEAST_SECONDS / _timed(do, device))
    return _timed(lambda: [do() for _ in range(count)], device) / count


def _timed(do: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    do()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
