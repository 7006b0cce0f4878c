"""Hold the text codec against the bare tokenizers library on IMDB's training texts.

    python benchmarks/encoding_speed.py [--data ../shared/data] [--repeats 5]

*encode*: `Codec.encode` of all texts, capitals marked, to arrays of ids, against `encode_batch` of
the same tokenizer, which marks none, to the library's own objects. *fit*: `Codec.fit`, to words and
pieces of words with ids that are the codec's own, against `train_from_iterator` for words alone. In
turn, in one process; the library uses as many threads as it likes. Writes
benchmarks/results/encoding_speed.json; skips in a clear line where there is no data.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from seqwise.config import DataConfig
from seqwise.data.codecs import build_codec
from seqwise.data.codecs.text import _build_trainer
from seqwise.data.records import read_records
from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "encoding_speed.json"
ALLOWED = 1.2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    file = arguments.data / "imdb" / "train.csv.gz"
    if not file.exists():
        print(f"skipped: there is no {file}")
        return
    texts = [str(record.sequence) for record in read_records(file)]
    config = DataConfig(kind="text")
    codec = build_codec(config).fit(texts)
    bare = Tokenizer.from_str(codec.to_dict()["tokenizer"])
    unfitted = Tokenizer(WordLevel())
    unfitted.normalizer, unfitted.pre_tokenizer = bare.normalizer, bare.pre_tokenizer
    result = {
        "texts": len(texts),
        "allowed_ratio": ALLOWED,
        "encode": compare(
            lambda: codec.encode(texts),
            lambda: bare.encode_batch(texts, add_special_tokens=False),
            arguments.repeats,
        ),
        "fit": compare(
            lambda: build_codec(config).fit(texts),
            lambda: unfitted.train_from_iterator(texts, trainer=_build_trainer(config)),
            arguments.repeats,
        ),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")
    print(RESULT.read_text())


def compare(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> dict:
    runs: dict[str, list[float]] = {"codec": [], "library": []}
    for _ in range(repeats):
        for name, function in (("codec", ours), ("library", theirs)):
            started = time.perf_counter()
            function()
            runs[name].append(round(time.perf_counter() - started, 3))
    return {**runs, "ratio": round(median(runs["codec"]) / median(runs["library"]), 3)}


if __name__ == "__main__":
    main()
