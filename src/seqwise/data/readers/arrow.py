"""Columns of Arrow as sequences and as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqwise.data.readers.interface import RawSequence, Wanted
from seqwise.data.readers.label_form import LabelForm


def label_form(schema: pa.Schema, label: str | None, wanted: Wanted) -> LabelForm:
    """Tell by the type of the column how labels are to be read: a list holds any number."""
    kind = None if label is None else schema.field(label).type
    holds_lists = kind is not None and (is_list(kind) or pa.types.is_fixed_size_list(kind))
    separator = wanted.label_separator
    return LabelForm(wanted.label_required, holds_lists or separator is not None, separator)


def to_values(column: pa.Array) -> list[Any]:
    """Give plain values; text that is not UTF-8 comes with lone surrogates in it."""
    if pa.types.is_dictionary(column.type):
        words = to_values(column.dictionary)
        return [None if index is None else words[index] for index in column.indices.to_pylist()]
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(_as_binary(column.type)).to_pylist()
    return [_decoded(value) for value in values]


def _as_binary(kind: pa.DataType) -> pa.DataType:
    return pa.large_list(pa.large_binary()) if pa.types.is_nested(kind) else pa.large_binary()


def _decoded(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [_decoded(step) for step in value]
    return value


def to_sequences(column: pa.Array) -> Iterable[RawSequence | None]:
    """Give the sequences of a column: views of one array where they are made of numbers.

    Lists of numbers give arrays ``(time,)``, and lists of lists ``(time, channels)`` where each
    step has as many; other lists give lists.
    """
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    column = _plain_list(column)
    if not is_list(column.type):
        return to_values(column)
    present = column.is_valid().to_pylist()
    bounds = column.offsets.to_numpy()
    steps = _plain_list(column.values)
    if _is_numbers(steps):
        values = steps.to_numpy(zero_copy_only=False)
        return (
            values[start:end] if there else None
            for there, (start, end) in zip(present, pairwise(bounds), strict=True)
        )
    if is_list(steps.type) and not steps.null_count and _is_numbers(steps.values):
        values = steps.values.to_numpy(zero_copy_only=False)
        inner = steps.offsets.to_numpy()
        return (
            _channels(values, inner[start : end + 1]) if there else None
            for there, (start, end) in zip(present, pairwise(bounds), strict=True)
        )
    return to_values(column)


def _channels(values: NDArray[Any], bounds: NDArray[np.integer]) -> RawSequence:
    num_channels = np.unique(np.diff(bounds))
    if len(num_channels) == 1:
        steps = values[bounds[0] : bounds[-1]]
        return steps.reshape(len(bounds) - 1, num_channels[0])  # (time, channels)
    return [values[start:end].tolist() for start, end in pairwise(bounds)]  # bad, or empty


def _plain_list(column: pa.Array) -> pa.Array:
    """Turn lists of a fixed size into lists with offsets."""
    if pa.types.is_fixed_size_list(column.type):
        return column.cast(pa.large_list(column.type.value_field))
    return column


def is_list(kind: pa.DataType) -> bool:
    """Tell lists with offsets from other types."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_numbers(values: pa.Array) -> bool:
    kind = values.type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return bool(plain) and not values.null_count
