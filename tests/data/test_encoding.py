import numpy as np
import pytest

from seqwise.config import DataConfig
from seqwise.data import encoding
from seqwise.data.codecs import build_codec
from seqwise.data.encoding import encode_blocks, encode_sequences

CODEC = build_codec(DataConfig(kind="events")).fit([["a", "b"]])
SEQUENCES = [["a", "x", "b", "x"], ["b"], ["x", "a"]]


@pytest.mark.parametrize(
    ("max_length", "lengths", "num_steps", "num_unknown", "num_cut"),
    [
        (None, [4, 1, 2], 7, 3, 0),
        (4, [4, 1, 2], 7, 3, 0),
        (3, [3, 1, 2], 6, 2, 1),
        (1, [1, 1, 1], 3, 1, 2),
    ],
)
def test_what_is_lost_is_counted(max_length, lengths, num_steps, num_unknown, num_cut):
    encoded = encode_sequences(CODEC, SEQUENCES, max_length)
    assert [len(array) for array in encoded.arrays] == lengths
    assert (encoded.num_unknown, encoded.num_cut) == (num_unknown, num_cut)
    assert encoded.num_steps == num_steps


def test_the_start_is_kept():
    whole = encode_sequences(CODEC, SEQUENCES, None).arrays[0]
    cut = encode_sequences(CODEC, SEQUENCES, 2).arrays[0]
    assert cut.tolist() == whole[:2].tolist()


def test_values_are_never_unknown():
    codec = build_codec(DataConfig(kind="series")).fit([np.array([[0.0], [2.0]])])
    encoded = encode_sequences(codec, [np.array([[2.0], [2.0]])], None)  # standardised to 1.0
    assert encoded.arrays[0].tolist() == [[1.0], [1.0]]
    assert encoded.num_unknown == 0


def test_nothing_to_encode():
    encoded = encode_sequences(CODEC, [], None)
    assert (encoded.arrays, encoded.num_steps, encoded.num_unknown) == ([], 0, 0)


# Blocks


def arrays_of(blocks):
    return [
        block.sequences[index].tolist() for block in blocks for index in range(len(block.sequences))
    ]


def test_blocks_are_cut_by_number_and_by_size_and_anew_behind_each(monkeypatch):
    monkeypatch.setattr(encoding, "BLOCK_RECORDS", 3)
    monkeypatch.setattr(encoding, "BLOCK_SIZE", 6)
    stream = [["a"] * length for length in (1, 1, 1, 1, 5, 9, 2, 2, 2, 1)]
    blocks = list(encode_blocks(CODEC, stream, None))
    assert [block.sequences.lengths.tolist() for block in blocks] == [
        [1, 1, 1],
        [1, 5],
        [9],
        [2, 2, 2],
        [1],
    ]
    start = 0
    for number, block in enumerate(blocks):
        again = list(encode_blocks(CODEC, iter(stream[start:]), None))
        assert arrays_of(again) == arrays_of(blocks[number:])
        assert len(again) == len(blocks) - number
        start += len(block.sequences)


def test_blocks_count_what_was_lost():
    blocks = list(encode_blocks(CODEC, SEQUENCES, 3))
    assert sum(block.num_cut for block in blocks) == 1
    assert sum(block.num_unknown for block in blocks) == 2
    assert arrays_of(blocks) == [
        each.tolist() for each in encode_sequences(CODEC, SEQUENCES, 3).arrays
    ]
