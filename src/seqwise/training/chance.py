"""Seeds that are mixed of numbers: chance in training has no state that could be lost."""

from __future__ import annotations

import numpy as np
import torch


def mix_seed(*parts: int) -> int:
    """Make one seed of several numbers, such as (seed, epoch, purpose)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the generator of a device; `torch.manual_seed`, for all there are, takes 0.4 ms."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
