"""What every encoder is: steps in, as many steps out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from seqwise.nn.batch import describe, shape_error


class Encoder(nn.Module):
    """Called as ``encoder(x, lengths)``.

    x is ``(batch, time, input_size)``, lengths int64 ``(batch,)`` on the CPU, from 1 to ``time`` as
    `Batch` has them; the result is ``(batch, time, output_size)``, unspecified at or beyond a
    length.

    Where `bidirectional` is true, the second half of the features comes from a direction that
    starts at the end. A sequence of any length can be read in bounded memory where `reads` is true,
    by `read`, or where a step depends on no more than `context` steps to either side.

    Where `looks_one_way` is true, what a direction gives for a step depends on this step and those
    before it in the order of the direction, and on no other.
    """

    input_size: int
    output_size: int
    bidirectional: bool = False
    reads: bool = False
    context: int | None = None
    looks_one_way: bool = False

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
            ``(1, steps, features)``, with the features of this direction, for all steps in order.
            Encoders of two directions give one for each chunk.
        """
        raise NotImplementedError


def check_features(x: Tensor, input_size: int) -> None:
    """Check that an encoder is given what it takes.

    Raises
    ------
    ShapeError
        If x is not ``(batch, time, input_size)``.
    """
    if x.dim() != 3 or x.size(-1) != input_size:
        raise shape_error(
            f"x is {describe(x)}",
            f"(batch, time, {input_size})",
            "give the encoder the embedding's size as input_size",
        )
