"""What every encoder is: steps in, as many steps out."""

from __future__ import annotations

from torch import nn


class Encoder(nn.Module):
    """Called as ``encoder(x, lengths)``.

    x is ``(batch, time, input_size)``, lengths int64 ``(batch,)`` on the CPU; the result is
    ``(batch, time, output_size)``, unspecified at or beyond a length.
    """

    input_size: int
    output_size: int
