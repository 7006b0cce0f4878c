"""A shard: some ten thousand encoded sequences with their targets, as an Arrow IPC file.

One record batch of two columns: `sequence`, a list of ids or of steps of a fixed number of float32
channels; and `target`, the class index, or where a record may bear any number of labels `targets`,
the ascending list of class indices. Written whole, and mapped into memory to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqwise.data.codecs import Codec
from seqwise.data.labels import Labels
from seqwise.data.store import RaggedStore
from seqwise.data.targets import Targets, from_lists, is_multilabel

SHARD_RECORDS = 1 << 16
SHARD_VALUES = 1 << 22


@dataclass(frozen=True)
class Shard:
    """The sequences and targets of a shard.

    Parameters
    ----------
    sequences
        ``n`` encoded sequences.
    targets
        Of the ``n`` records.
    """

    sequences: RaggedStore
    targets: Targets


def shard_schema(codec: Codec, *, multilabel: bool) -> pa.Schema:
    """Say how the sequences that a codec encodes stand in a file, and what of their labels."""
    if codec.num_channels:
        step = pa.list_(pa.field("item", pa.float32(), nullable=False), codec.num_channels)
    else:
        step = pa.uint16() if codec.vocab_size <= 1 << 16 else pa.int32()
    sequence = pa.list_(pa.field("item", step, nullable=False))
    target = pa.field("target", pa.int32(), nullable=False)
    if multilabel:
        target = pa.field("targets", pa.list_(pa.field("item", pa.int32(), nullable=False)))
    return pa.schema([pa.field("sequence", sequence, nullable=False), target.with_nullable(False)])


def write_shard(shard: Shard, codec: Codec) -> bytes:
    """Give the bytes of a shard's file."""
    schema = shard_schema(codec, multilabel=is_multilabel(shard.targets))
    values = pa.array(shard.sequences.values.reshape(-1))
    kind = schema.field("sequence").type
    if codec.num_channels:
        values = pa.FixedSizeListArray.from_arrays(values, type=kind.value_type)
    offsets = pa.array(shard.sequences.offsets.astype(np.int32))
    columns = [
        pa.ListArray.from_arrays(offsets, values, type=kind),
        _targets_column(shard.targets, schema.field(1).type),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _targets_column(targets: Targets, kind: pa.DataType) -> pa.Array:
    if not is_multilabel(targets):
        return pa.array(targets, kind)
    offsets = pa.array(targets.indptr, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(targets.indices, pa.int32()), type=kind)


def map_shard(path: Path, codec: Codec, labels: Labels) -> Shard:
    """Map a shard into memory: its pages are read when they are looked at.

    Raises
    ------
    ValueError
        If it is not of the form that `write_shard` gives; pyarrow's own errors are among these.
    OSError
        If it cannot be read.
    """
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        schema = shard_schema(codec, multilabel=labels.multilabel)
        if reader.schema != schema or reader.num_record_batches != 1:
            raise ValueError("other columns than those of encoded sequences")
        batch = reader.get_batch(0)
    batch.validate(full=True)
    sequences, targets = batch.columns
    steps = sequences.values
    if sequences.null_count or steps.null_count or targets.null_count:
        raise ValueError("missing values")
    offsets = sequences.offsets.to_numpy()
    if not len(targets) or offsets[0] != 0 or offsets[-1] != len(steps):
        raise ValueError("values that belong to no sequence")
    if codec.num_channels:
        if steps.values.null_count:
            raise ValueError("missing values")
        values = steps.values.to_numpy().reshape(len(steps), codec.num_channels)
    else:
        values = steps.to_numpy()
    return Shard(RaggedStore(values, offsets), _map_targets(targets, labels))


def _map_targets(column: pa.Array, labels: Labels) -> Targets:
    if not labels.multilabel:
        return column.to_numpy()
    indices, offsets = column.values, column.offsets.to_numpy()
    if indices.null_count or offsets[0] != 0 or offsets[-1] != len(indices):
        raise ValueError("labels that belong to no sequence")
    found = indices.to_numpy()
    if len(found) and not 0 <= found.min() <= found.max() < len(labels):
        raise ValueError("a target that is none of the classes")
    table = from_lists(found, offsets, len(labels))
    if not table.has_canonical_format:  # ascending, and each once
        raise ValueError("a target that stands twice")
    return table


def check_shard(shard: Shard, codec: Codec, labels: Labels) -> None:
    """Make sure that a model can be trained on a shard, whoever has written it.

    Raises
    ------
    ValueError
        If a sequence is empty, or a value or a target is none that can be.
    """
    if shard.sequences.lengths.min() < 1:
        raise ValueError("an empty sequence")
    classes = shard.targets.indices if labels.multilabel else shard.targets
    if len(classes) and not 0 <= classes.min() <= classes.max() < len(labels):
        raise ValueError("a target that is none of the classes")
    least, most = shard.sequences.values.min(), shard.sequences.values.max()
    if codec.num_channels:
        if not (np.isfinite(least) and np.isfinite(most)):  # NaN is the least and the most
            raise ValueError("a value that is not finite")
    elif least < 1 or most >= codec.vocab_size:
        raise ValueError("an id that is not in the vocabulary")
