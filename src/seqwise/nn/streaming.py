"""Logits of one sequence of any length, in memory that only copies of its inputs grow with."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqwise.nn.batch import check_inputs, shape_error
from seqwise.nn.embedding import Embedding
from seqwise.nn.model import SequenceModel
from seqwise.nn.precision import in_float32


def can_stream(model: SequenceModel) -> bool:
    """Say whether all parts of a model can work chunk by chunk.

    Not those with attention pooling, with positions, or with layers above two directions.
    """
    reads = model.encoder.reads or model.encoder.context is not None
    return model.embedding.context is not None and reads and model.pooling.merges


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
        Steps that are embedded and encoded at once, rounded down to whole vectors.

    Returns
    -------
    Tensor
        ``(1, num_classes)``.

    Raises
    ------
    ShapeError
        If the model cannot stream, or the inputs are not one sequence that it reads.
    """
    if not can_stream(model):
        found, expected = "a model that reads whole sequences", "one that `can_stream`"
        raise shape_error(found, expected, "call the model itself")
    if len(inputs) != 1:
        raise shape_error(f"{len(inputs)} sequences", "one", "stream one after the other")
    check_inputs(inputs, model.embedding.num_channels, model.dtype)
    with in_float32(inputs):
        inputs = model.embedding.prepare(inputs, torch.tensor([inputs.size(1)]))
    summaries, lengths = [], []
    for chunk in _encode(model, inputs, max(1, chunk_steps // model.embedding.stride)):
        with in_float32(inputs):
            summaries.append(model.pooling.summarise(chunk.to(model.dtype)))
        lengths.append(chunk.size(1))
    lengths_of_chunks = torch.tensor(lengths, device=inputs.device)
    with in_float32(inputs):
        return model.head(  # type: ignore[no-any-return]
            model.pooling.merge(torch.cat(summaries), lengths_of_chunks)
        )


def _encode(model: SequenceModel, inputs: Tensor, chunk_steps: int) -> Iterator[Tensor]:
    """Encode a sequence, ``(1, steps, output_size)`` at a time, no two directions of one step.

    From here on steps are those that the encoder is given, a vector each.
    """
    encoder = model.encoder
    if not encoder.reads:
        yield from _encode_with_neighbours(model, inputs, chunk_steps)
        return
    readers = [
        encoder.read(
            _embed(model.embedding, inputs, chunk_steps, backward=backward), backward=backward
        )
        for backward in ((False, True) if encoder.bidirectional else (False,))
    ]
    for parts in zip(*readers, strict=True):
        yield torch.cat(parts, dim=-1)


def _encode_with_neighbours(
    model: SequenceModel, inputs: Tensor, chunk_steps: int
) -> Iterator[Tensor]:
    """Encode each chunk with as many neighbours as its steps depend on."""
    reach = model.encoder.context
    assert reach is not None
    time = _num_vectors(model.embedding, inputs)
    for start in range(0, time, chunk_steps):
        stop = min(start + chunk_steps, time)
        first, last = max(0, start - reach), min(stop + reach, time)
        x = _embed_between(model.embedding, inputs, first, last)
        steps = model.encoder(x, torch.tensor([last - first]))
        yield steps[:, start - first : stop - first]


def _embed(
    embedding: Embedding, inputs: Tensor, chunk_steps: int, *, backward: bool
) -> Iterator[Tensor]:
    """Embed chunks in the order of reading."""
    time = _num_vectors(embedding, inputs)
    for read in range(0, time, chunk_steps):
        steps = min(chunk_steps, time - read)
        start = time - read - steps if backward else read
        x = _embed_between(embedding, inputs, start, start + steps)
        yield x.flip(1) if backward else x


def _num_vectors(embedding: Embedding, inputs: Tensor) -> int:
    return int(embedding.shorten(torch.tensor(inputs.size(1))))


def _embed_between(embedding: Embedding, inputs: Tensor, start: int, stop: int) -> Tensor:
    """Give some of the vectors, read with as many neighbours as they depend on."""
    context, stride = embedding.context, embedding.stride
    assert context is not None
    before = min(context, start * stride)
    with in_float32(inputs):
        x = embedding(inputs[:, start * stride - before : stop * stride + context])
    first = before // stride
    return x[:, first : first + stop - start]  # type: ignore[no-any-return]
