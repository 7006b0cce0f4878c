"""From lengths to masks, and the two index tricks that keep padding out of answers."""

from __future__ import annotations

import torch
from torch import Tensor

from seqwise.nn.batch import shape_error


def mask_from_lengths(lengths: Tensor, time: int, device: torch.device | None = None) -> Tensor:
    """Mark the real steps.

    Parameters
    ----------
    lengths
        int64 ``(batch,)``.
    time
        Steps that the batch is padded to.
    device
        Where the mask is needed; that of `lengths` by default.

    Returns
    -------
    Tensor
        bool ``(batch, time)``, True at a real step.

    Examples
    --------
    >>> mask_from_lengths(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    lengths = lengths.to(device) if device is not None else lengths
    return torch.arange(time, device=lengths.device) < lengths.unsqueeze(1)


def zero_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """Replace what stands in the padding by 0, NaN included.

    Parameters
    ----------
    x
        ``(batch, time)`` or ``(batch, time, features)``.
    lengths
        int64 ``(batch,)``.
    """
    if int(lengths.min()) == x.size(1):
        return x
    padding = ~mask_from_lengths(lengths, x.size(1), x.device)
    return x.masked_fill(padding if x.dim() == 2 else padding.unsqueeze(-1), 0)


def reverse_within_lengths(x: Tensor, lengths: Tensor) -> Tensor:
    """Turn each sequence round within its own length; padding stays behind the end.

    Its own inverse at the real steps.

    Parameters
    ----------
    x
        ``(batch, time, features)``.
    lengths
        int64 ``(batch,)``, none above ``time``.

    Examples
    --------
    >>> x = torch.tensor([[1, 2, 3, 0]]).unsqueeze(-1)
    >>> reverse_within_lengths(x, torch.tensor([3])).flatten()
    tensor([3, 2, 1, 0])
    """
    steps = torch.arange(x.size(1), device=x.device)
    mirrored = lengths.to(x.device).unsqueeze(1) - 1 - steps  # (batch, time)
    index = torch.where(mirrored >= 0, mirrored, steps)
    # Whole rows are copied, in both passes: gathering value by value has a backward pass that takes
    # thirty times as long.
    rows = index + x.size(1) * torch.arange(x.size(0), device=x.device).unsqueeze(1)
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)


def step_at(x: Tensor, index: Tensor) -> Tensor:
    """Pick one step of each sequence.

    Parameters
    ----------
    x
        ``(batch, time, features)``.
    index
        int64 ``(batch,)``, the step of each sequence, from 0 to ``time - 1``.

    Returns
    -------
    Tensor
        ``(batch, features)``.

    Raises
    ------
    ShapeError
        If a sequence has no such step.
    """
    first, last = int(index.min()), int(index.max())
    if first < 0 or last >= x.size(1):  # it would be a step of another sequence
        found = f"steps from {first} to {last}"
        raise shape_error(found, f"0 to {x.size(1) - 1}", "give lengths from 1 to the time steps")
    starts = torch.arange(0, x.size(0) * x.size(1), x.size(1), device=x.device)
    return x.flatten(0, 1).index_select(0, starts + index.to(x.device))
