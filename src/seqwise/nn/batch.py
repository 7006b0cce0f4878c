"""The one thing that a model is called with: padded inputs and their true lengths."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqwise.errors import Code, Problem, ShapeError


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sequences padded to a common length, with the number of real steps of each.

    Parameters
    ----------
    inputs
        Token ids, int64 ``(batch, time)``, or channel values, floating ``(batch, time, channels)``.
    lengths
        int64 ``(batch,)`` on the CPU, each between 1 and ``time``. What stands at or beyond a
        length is padding; no result depends on it.
    targets
        Class indices, int64 ``(batch,)``; floating ``(batch, num_classes)``, from 0 to 1, where a
        sequence may bear any number of labels; or None where no label is known.

    Raises
    ------
    ShapeError
        If the tensors do not fit together, have the wrong type, or `lengths` is not on the CPU.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        _check_inputs(self.inputs)
        _check_lengths(self.lengths, self.inputs)
        if self.targets is not None:
            _check_targets(self.targets, self.inputs)

    def to(self, device: torch.device | str) -> Batch:
        """Move `inputs` and `targets`; `lengths` stay on the CPU, where packing reads them."""
        return Batch(
            self.inputs.to(device),
            self.lengths,
            None if self.targets is None else self.targets.to(device),
        )

    def __len__(self) -> int:
        return self.inputs.size(0)


def describe(tensor: object) -> str:
    """Name a tensor's type, shape and device, for messages."""
    if not isinstance(tensor, Tensor):
        return f"a {type(tensor).__name__}"
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"{kind} {tuple(tensor.shape)} on {tensor.device}"


def check_inputs(inputs: Tensor, num_channels: int, dtype: torch.dtype | None = None) -> None:
    """Make sure that inputs are what a model reads.

    Parameters
    ----------
    inputs
        Of a batch.
    num_channels
        Of a step of a series; 0 where ids are read.
    dtype
        Of a series; None where any will do.

    Raises
    ------
    ShapeError
        If they are not.
    """
    found = f"inputs are {describe(inputs)}"
    if not num_channels:
        if inputs.dim() != 2 or inputs.dtype != torch.int64 or 0 in inputs.shape:
            raise shape_error(found, "int64 (batch, time)", "give it ids; it reads no series")
        return
    if inputs.dim() != 3 or inputs.size(2) != num_channels:
        raise shape_error(found, f"(batch, time, {num_channels})", "give it such a series")
    if dtype is not None and inputs.dtype != dtype:
        expected = str(dtype).removeprefix("torch.")
        raise shape_error(found, f"{expected}, as the weights are", f"call inputs.to({dtype})")


def shape_error(found: str, expected: str, remedy: str) -> ShapeError:
    """Make the error for tensors that do not fit together."""
    return ShapeError(Problem(Code.WRONG_SHAPE, found, expected, remedy))


def _check_inputs(inputs: Tensor) -> None:
    if not isinstance(inputs, Tensor):
        raise shape_error(f"inputs are {describe(inputs)}", "a tensor", "stack the sequences")
    is_ids = inputs.dtype == torch.int64 and inputs.dim() == 2
    is_values = inputs.is_floating_point() and inputs.dim() == 3
    if not (is_ids or is_values) or 0 in inputs.shape:
        raise shape_error(
            f"inputs are {describe(inputs)}",
            "int64 (batch, time) or floating (batch, time, channels), none of them 0",
            "stack the sequences batch first",
        )


def _check_lengths(lengths: Tensor, inputs: Tensor) -> None:
    is_integers = isinstance(lengths, Tensor) and lengths.dtype == torch.int64
    if not is_integers or lengths.shape != inputs.shape[:1]:
        raise shape_error(
            f"lengths are {describe(lengths)}",
            f"int64 ({inputs.size(0)},), a length for each sequence",
            "build them with torch.tensor([len(s) for s in sequences])",
        )
    if lengths.device.type != "cpu":
        raise shape_error(
            f"lengths are {describe(lengths)}",
            "lengths on the CPU, where pack_padded_sequence reads them",
            "call lengths.cpu(), or move a whole batch with Batch.to(device)",
        )
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest < 1 or longest > inputs.size(1):
        raise shape_error(
            f"lengths run from {shortest} to {longest}",
            f"1 to {inputs.size(1)}, the time steps of inputs",
            "drop empty sequences, and pad to the longest one",
        )


def _check_targets(targets: Tensor, inputs: Tensor) -> None:
    if not isinstance(targets, Tensor):
        raise shape_error(f"targets are {describe(targets)}", "a tensor", "use torch.tensor")
    if targets.is_floating_point() and targets.dim() == 2 and len(targets) == len(inputs):
        return
    if targets.dim() == 2 and targets.shape == inputs.shape[:2]:
        raise shape_error(
            f"targets are {describe(targets)}, one a step",
            f"one a sequence: int64 ({inputs.size(0)},)",
            "give each sequence one label; labels for single steps are another task",
        )
    if targets.dtype != torch.int64 or targets.shape != inputs.shape[:1]:
        raise shape_error(
            f"targets are {describe(targets)}",
            f"class indices, int64 ({inputs.size(0)},)",
            "map labels to 0 .. num_classes - 1",
        )
