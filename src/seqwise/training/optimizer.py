"""AdamW: what it is made with, the curve of its rate, and what it remembers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqwise.config import TrainConfig
from seqwise.training.state import check_tensors

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW remembers of each weight


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Make the optimizer of a model; weight matrices decay, and vectors do not."""
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        fused=True,  # one pass over a large table of embeddings instead of ten
    )


def rate(position: float, warmup_fraction: float) -> float:
    """Give the share of the learning rate at a position from 0 to 1 of training."""
    if position < warmup_fraction:
        return max(position / warmup_fraction, 0.01)
    rest = (position - warmup_fraction) / max(1 - warmup_fraction, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * rest))


def moments_by_name(optimizer: torch.optim.AdamW, model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """Give what the optimizer remembers, by its own names and then by those of the weights."""
    known = [
        (name, optimizer.state[weight])
        for name, weight in model.named_parameters()
        if weight in optimizer.state
    ]
    return {key: {name: moments[key] for name, moments in known} for key in MOMENTS}


def check_moments(model: nn.Module, moments: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Make sure that an optimizer of a model may have come to remember this.

    Raises
    ------
    LookupError, ValueError
        If it could not.
    """
    weights = dict(model.named_parameters())
    names = moments["step"].keys()
    count = torch.zeros(())
    for key in MOMENTS:
        check_tensors(
            moments[key], {name: count if key == "step" else weights[name] for name in names}
        )


def put_moments(
    optimizer: torch.optim.AdamW,
    model: nn.Module,
    moments: Mapping[str, Mapping[str, Tensor]],
) -> None:
    """Let a fresh optimizer remember what `moments_by_name` gave."""
    for name, weight in model.named_parameters():
        if name in moments["step"]:
            optimizer.state[weight] = {key: moments[key][name] for key in MOMENTS}
