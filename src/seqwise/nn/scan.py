"""The linear recurrence ``h[t] = keep[t] * h[t - 1] + added[t]``, by a loop and by a scan."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Steps of a chunk. All chunks take each of their steps at once, then the chunks are joined one by
# one: `CHUNK + time / CHUNK` calls of torch instead of `time`. It does not depend on the padding.
CHUNK = 64


def scan_by_loop(keep: Tensor, added: Tensor, start: Tensor) -> Tensor:
    """Run the recurrence step by step: what `scan` is held to.

    Parameters
    ----------
    keep, added
        ``(batch, time, features)``.
    start
        The state before the first step, ``(batch, features)``.

    Returns
    -------
    Tensor
        The state after each step, ``(batch, time, features)``.

    Examples
    --------
    >>> keep, added = torch.full((1, 3, 1), 0.5), torch.ones(1, 3, 1)
    >>> scan_by_loop(keep, added, torch.zeros(1, 1)).flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """
    state, states = start, []
    for step in range(keep.size(1)):
        state = keep[:, step] * state + added[:, step]
        states.append(state)
    return torch.stack(states, dim=1)


def scan(keep: Tensor, added: Tensor, start: Tensor) -> Tensor:
    """Run the recurrence with few calls, as `scan_by_loop` but for the last digits.

    Nothing is divided and no logarithm taken, so that nothing overflows, whatever `keep` is.
    Gradients of gradients are not there.
    """
    return _Scan.apply(keep, added, start)  # type: ignore[no-any-return, no-untyped-call]


class _Scan(torch.autograd.Function):
    """The gradient of a linear recurrence is one, too, from the last step to the first."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, added: Tensor, start: Tensor) -> Tensor:
        states = _run(keep, added, start)
        ctx.save_for_backward(keep, start, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, start, states = ctx.saved_tensors
        # A state acts on the loss by itself and by the next state, which keeps a share of it.
        shares = torch.cat([keep[:, 1:], torch.zeros_like(keep[:, :1])], dim=1)
        of_added = _run(shares.flip(1), gradient.flip(1), torch.zeros_like(start)).flip(1)
        before = torch.cat([start.unsqueeze(1), states[:, :-1]], dim=1)
        return of_added * before, of_added, of_added[:, 0] * keep[:, 0]


def _run(keep: Tensor, added: Tensor, start: Tensor) -> Tensor:
    batch, time, features = keep.shape
    missing = -time % CHUNK if time > CHUNK else 0
    shape = (batch, -1, min(time, CHUNK), features)
    keep = nn.functional.pad(keep, (0, 0, 0, missing)).view(
        shape
    )  # (batch, chunks, steps, features)
    added = nn.functional.pad(added, (0, 0, 0, missing)).view(shape)
    states = torch.empty_like(added)
    state = _join(keep, added, start)
    for step in range(added.size(2)):
        state = torch.addcmul(added[:, :, step], keep[:, :, step], state, out=states[:, :, step])
    return states.flatten(1, 2)[:, :time]


def _join(keep: Tensor, added: Tensor, start: Tensor) -> Tensor:
    """Give the state before each chunk, ``(batch, chunks, features)``."""
    starts = [start]
    if keep.size(1) > 1:
        # What each chunk makes of nothing, and the share that it keeps of what was there before.
        end = added[:, :, 0]
        for step in range(1, added.size(2)):
            end = torch.addcmul(added[:, :, step], keep[:, :, step], end)
        kept = keep.prod(dim=2)
        for chunk in range(keep.size(1) - 1):
            starts.append(torch.addcmul(end[:, chunk], kept[:, chunk], starts[-1]))
    return torch.stack(starts, dim=1)
