"""What a training needs to go on, as plain values and tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import safetensors.torch
from torch import Tensor

from seqwise.bounded import parse_json


@dataclass(frozen=True)
class State:
    """A moment of a training.

    Parameters
    ----------
    values
        JSON values.
    tensors
        On the CPU, by name. They may be those of the training itself: whoever wants to keep them
        copies or writes them before training goes on.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return the values as JSON and the tensors as safetensors."""
        return json.dumps(self.values, allow_nan=False).encode(), safetensors.torch.save(
            self.tensors
        )

    @classmethod
    def from_bytes(cls, values: bytes, tensors: bytes) -> Self:
        """Read what `to_bytes` gave.

        Raises
        ------
        ValueError, SafetensorError, KeyError
            If it is something else.
        """
        state = parse_json(values)
        if not isinstance(state, dict):
            raise ValueError(f"a JSON {type(state).__name__}")
        return cls(state, safetensors.torch.load(tensors))


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Make sure that tensors could stand in the place of others.

    Raises
    ------
    ValueError
        If they have other names, types or shapes, or values that are not finite.
    """
    if tensors.keys() != expected.keys():
        raise ValueError(f"a tensor {min(tensors.keys() ^ expected.keys())}, or none")
    for name, tensor in tensors.items():
        if (tensor.dtype, tensor.shape) != (expected[name].dtype, expected[name].shape):
            raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}")
        if not all(map(math.isfinite, tensor.aminmax())):
            raise ValueError(f"{name} has a value that is not finite")


def join_names(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Put tensors of several parts side by side, the part before a point in front of the name."""
    return {f"{part}.{name}": tensor for part, own in parts.items() for name, tensor in own.items()}


def select_names(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Give the tensors of one part, by their names in it."""
    start = f"{part}."
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }
