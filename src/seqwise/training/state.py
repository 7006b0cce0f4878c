"""What a training needs to go on, as plain values and tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import safetensors.torch
from torch import Tensor


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
        ValueError, SafetensorError
            If it is something else.
        """
        return cls(json.loads(values), safetensors.torch.load(tensors))


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
