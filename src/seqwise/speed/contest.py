"""Contenders side by side in one run, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.speed.contenders import (
    ALL,
    SEQWISE,
    USUAL,
    Name,
    Shape,
    build_contenders,
    check_agreement,
)
from seqwise.speed.timing import MODES, Mode, copy_rate, matrix_rate, measure_in_turns, plan_pass

PASSES: dict[Mode, int] = {"train": 3, "infer": 1}  # how many times the work of a forward pass


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much time measuring may take.

    Parameters
    ----------
    rounds
        How often each contender gets its turn.
    seconds
        About what a turn may take; who is slower is measured on fewer batches.
    batch_size
        Sequences in a batch.
    """

    rounds: int
    seconds: float
    batch_size: int = 32


@dataclass(frozen=True)
class Speed:
    """What one contender reached.

    Parameters
    ----------
    steps_per_second
        Real steps, the median of the rounds.
    num_batches
        Measured in each round.
    num_all_batches
        That all sequences make.
    """

    steps_per_second: float
    num_batches: int
    num_all_batches: int


@dataclass(frozen=True, kw_only=True)
class ContestResult:
    """Speeds of contenders and the limits of the machine, from the same rounds.

    Parameters
    ----------
    shape
        Of the recurrent layer.
    num_sequences, num_steps, longest
        What the lengths were.
    padding
        Share of padding in the steps that seqwise computes in training.
    train, infer
        The speed of each contender.
    matrix_flops
        Operations a second of a float32 matrix product.
    copied_bytes
        Bytes a second of a copy; None on a CPU, where it is not what limits.
    """

    shape: Shape
    num_sequences: int
    num_steps: int
    longest: int
    padding: float
    train: dict[Name, Speed]
    infer: dict[Name, Speed]
    matrix_flops: float
    copied_bytes: float | None

    def speeds(self, mode: Mode) -> dict[Name, Speed]:
        """Give the speeds in training or in inference."""
        return self.train if mode == "train" else self.infer

    def ratio(self, mode: Mode, to: Name = USUAL) -> float:
        """Say how many times as fast as another seqwise is."""
        speeds = self.speeds(mode)
        return speeds[SEQWISE].steps_per_second / speeds[to].steps_per_second

    def matrix_share(self, mode: Mode) -> float:
        """Say which share of the matrix-product rate the real steps of seqwise reach."""
        work = PASSES[mode] * self.shape.step_flops
        return work * self.speeds(mode)[SEQWISE].steps_per_second / self.matrix_flops

    def bandwidth_share(self, mode: Mode) -> float | None:
        """Say which share of the copying rate the real steps of seqwise reach."""
        if self.copied_bytes is None:
            return None
        moved = PASSES[mode] * self.shape.step_bytes
        return moved * self.speeds(mode)[SEQWISE].steps_per_second / self.copied_bytes

    def to_dict(self) -> dict[str, Any]:
        """Turn to JSON values, with what follows from them."""
        found = asdict(self)
        for mode in MODES:
            others = [name for name in self.speeds(mode) if name != SEQWISE]
            found[f"{mode}_ratios"] = {name: self.ratio(mode, name) for name in others}
            found[f"{mode}_matrix_share"] = self.matrix_share(mode)
            found[f"{mode}_bandwidth_share"] = self.bandwidth_share(mode)
        return found


def run_contest(
    shape: Shape,
    lengths: NDArray[np.int64],
    effort: Effort,
    *,
    device: torch.device,
    names: tuple[Name, ...] = ALL,
) -> ContestResult:
    """Check that contenders agree, and measure them in turns with the machine's limits.

    Parameters
    ----------
    shape
        Of the recurrent layer.
    lengths
        Steps of each sequence, ``(n,)``.
    effort
        How much time it may take.
    device
        Where.
    names
        Which contenders; seqwise among them.
    """
    contenders = build_contenders(
        shape, lengths, batch_size=effort.batch_size, device=device, names=names
    )
    check_agreement(contenders)
    passes = {
        (each.name, mode): plan_pass(each, mode, seconds=effort.seconds)
        for each in contenders
        for mode in MODES
    }
    limits: dict[tuple[str, str], Callable[[], float]] = {
        ("limit", "matrix"): lambda: matrix_rate(device)
    }
    if device.type == "cuda":
        limits["limit", "copy"] = lambda: copy_rate(device)
    medians = measure_in_turns({**passes, **limits}, rounds=effort.rounds)
    speeds: dict[Mode, dict[Name, Speed]] = {
        mode: {
            each.name: Speed(
                medians[each.name, mode],
                len(passes[each.name, mode].batches),
                len(each.batches if mode == "train" else each.inference_batches),
            )
            for each in contenders
        }
        for mode in MODES
    }
    return ContestResult(
        shape=shape,
        num_sequences=len(lengths),
        num_steps=int(lengths.sum()),
        longest=int(lengths.max()),
        padding=next(each.padding for each in contenders if each.name == SEQWISE),
        train=speeds["train"],
        infer=speeds["infer"],
        matrix_flops=medians["limit", "matrix"],
        copied_bytes=medians.get(("limit", "copy")),
    )


@contextmanager
def use_threads(threads: int | None) -> Iterator[None]:
    """Have torch use a number of threads for a while; None leaves it as it is."""
    before = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)
