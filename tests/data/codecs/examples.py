"""One small codec of each kind, fitted."""

import json

import numpy as np

from seqwise.config import DataConfig
from seqwise.data.codecs import Codec, build_codec

TEXTS = [
    "The quick brown fox doesn't jump 42 times!",
    "the lazy dog sleeps, the fox runs",
    "naïve café — 3.14 ≈ π 日本語\nnew line",
    "low lower lowest new newer newest wide wider widest",
]
DNA = ["ACGTTGCAACGT", "acgun", "GATTACA-GATTACA", "A"]
PROTEINS = ["MKTAYIAKQR", "mktayx*", "W"]
EVENTS = [["open", "read", "close"], "open write close", ["4", "17"], "4"]
SERIES = [
    np.array([[0.0, 5.0], [1.0, 5.5], [4.0, 4.0]]),
    np.array([[2.5, 1e3]]),
]

# More than there can be pieces, and none of them more often than the others.
MANY_LETTERS = ["".join(map(chr, range(start, start + 3))) for start in range(0x4E00, 0x5200, 3)]

CASES = {
    "words": (DataConfig(kind="text"), TEXTS),
    "cased": (DataConfig(kind="text", case="keep"), TEXTS),
    "characters": (DataConfig(kind="text", tokens="characters"), TEXTS),
    "bytes": (DataConfig(kind="text", tokens="bytes"), TEXTS),
    "pieces": (DataConfig(kind="text", min_count=9), TEXTS),
    "letters": (DataConfig(kind="text", min_count=9), MANY_LETTERS),
    "bpe": (DataConfig(kind="text", tokens="bpe", vocab_size=268), TEXTS * 4),
    **{f"dna-{k}": (DataConfig(kind="dna", kmer=k), DNA) for k in range(1, 7)},
    "protein-1": (DataConfig(kind="protein", kmer=1), PROTEINS),
    "protein-3": (DataConfig(kind="protein", kmer=3), PROTEINS),
    "series": (DataConfig(kind="series"), SERIES),
    "events": (DataConfig(kind="events"), EVENTS),
}


def fit(name: str) -> Codec:
    config, sequences = CASES[name]
    return build_codec(config).fit(sequences)


def states() -> str:
    """What each codec learns, as one string."""
    return json.dumps({name: fit(name).to_dict() for name in CASES}, allow_nan=False)
