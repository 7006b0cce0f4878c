"""Encoders in bfloat16: eight bits of a fraction instead of 24, faster where a processor has it.

Weights, embeddings, pooling and logits stay in float32.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from seqwise.config import Precision
from seqwise.errors import Code, ConfigError, Problem

PROCESSORS = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last is ARM's
# Torch has no kernel of oneDNN for these; its own loops take longer in bfloat16
# (docs/design/0020-bfloat16.md).
SLOWER_ON_CPU = ("rnn", "gru")


def check_precision(precision: Precision, *, encoder: str, device: torch.device) -> None:
    """Make sure that a precision gains something.

    Parameters
    ----------
    precision
        What is asked for.
    encoder
        By its name in `ENCODERS`.
    device
        Where it computes.

    Raises
    ------
    ConfigError
        If it would be slower than float32, or is not there.
    """
    if precision == "float32":
        return
    if not _has_bfloat16(device):
        where = "GPU" if device.type == "cuda" else "processor"
        raise _gains_nothing(f"on a {where} without instructions for it")
    if encoder in SLOWER_ON_CPU and device.type == "cpu":
        raise _gains_nothing(f"for {encoder} on a CPU")


def in_precision(precision: Precision, device: torch.device) -> torch.autocast:
    """Have the encoder of a `SequenceModel` that is called inside compute in a precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def in_float32(x: Tensor) -> torch.autocast:
    """Compute inside as if nobody had asked for less."""
    return torch.autocast(x.device.type, enabled=False)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        return not INSTRUCTIONS.isdisjoint(PROCESSORS.read_text().split())
    except OSError:  # not Linux
        return False


def _gains_nothing(where: str) -> ConfigError:
    found = f"precision is 'bfloat16', which is slower {where}"
    return ConfigError(Problem(Code.BAD_SETTING, found, "float32", "leave out --precision"))
