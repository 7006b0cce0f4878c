"""What every encoder is: steps in, as many steps out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn


class Encoder(nn.Module):
    """Called as ``encoder(x, lengths)``.

    x is ``(batch, time, input_size)``, lengths int64 ``(batch,)`` on the CPU; the result is
    ``(batch, time, output_size)``, unspecified at or beyond a length.
    """

    input_size: int
    output_size: int
    bidirectional: bool
    reads: bool = False  # whether `read` is there

    def read(self, chunks: Iterable[Tensor], *, backward: bool) -> Iterator[Tensor]:
        """Run one direction over consecutive chunks of a sequence, its state carried on.

        Parameters
        ----------
        chunks
            ``(1, steps, input_size)`` each, in the order in which the direction reads.
        backward
            Whether it is the direction that starts at the end.

        Yields
        ------
        Tensor
            ``(1, steps, features)`` for each chunk, with the features of this direction.
        """
        raise NotImplementedError
