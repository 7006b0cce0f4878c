"""Logits of one sequence of any length, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqwise.nn.embedding import Embedding
from seqwise.nn.model import SequenceModel


def can_stream(model: SequenceModel) -> bool:
    """Say whether all parts of a model can work chunk by chunk.

    Not those with attention over the steps, with positions, or with layers above two directions.
    """
    return model.embedding.context is not None and model.encoder.reads and model.pooling.merges


@torch.no_grad()
def stream_logits(model: SequenceModel, inputs: Tensor, *, chunk_steps: int) -> Tensor:
    """Classify one sequence chunk by chunk, each direction in the order in which it reads.

    Parameters
    ----------
    model
        In evaluation mode, one that `can_stream`.
    inputs
        One sequence without padding, ``(1, time)`` or ``(1, time, channels)``.
    chunk_steps
        Steps that are embedded and encoded at once.

    Returns
    -------
    Tensor
        ``(1, num_classes)``.
    """
    directions = (False, True) if model.encoder.bidirectional else (False,)
    readers = [
        model.encoder.read(
            _embed(model.embedding, inputs, chunk_steps, backward=backward), backward=backward
        )
        for backward in directions
    ]
    summaries, lengths = [], []
    for parts in zip(*readers, strict=True):
        chunk = torch.cat(parts, dim=-1)  # (1, chunk_steps, output_size), no two of one step
        summaries.append(model.pooling.summarise(chunk))
        lengths.append(chunk.size(1))
    lengths_of_chunks = torch.tensor(lengths, device=inputs.device)
    return model.head(  # type: ignore[no-any-return]
        model.pooling.merge(torch.cat(summaries), lengths_of_chunks)
    )


def _embed(
    embedding: Embedding, inputs: Tensor, chunk_steps: int, *, backward: bool
) -> Iterator[Tensor]:
    """Embed chunks in the order of reading, with as many neighbours as their vectors depend on."""
    time, context = inputs.size(1), embedding.context
    assert context is not None
    for read in range(0, time, chunk_steps):
        steps = min(chunk_steps, time - read)
        start = time - read - steps if backward else read
        before = min(context, start)
        x = embedding(inputs[:, start - before : start + steps + context])
        x = x[:, before : before + steps]  # (1, steps, embedding_dim)
        yield x.flip(1) if backward else x
