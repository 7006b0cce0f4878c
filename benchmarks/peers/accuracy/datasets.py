"""The data sets: their files, the aims, who is tried on them and how they are parted. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from peers.accuracy.contenders import BUDGETED, OURS

_WORDS = ("words-nbsvm", "words-svm", "words-lr", "words-fasttext", "words-lstm")
_CHARS = ("chars-nbsvm", "chars-svm", "chars-lr", "chars-fasttext", "chars-lstm")
TEXT = (*_WORDS, "chars-nbsvm", "chars-svm", "chars-lr")
DNA = (*_CHARS, "cnn")
SERIES = ("summary-trees", "minirocket", "quant", "multirocket-hydra", "lstm", "inceptiontime")
PEERS = {"text": TEXT, "dna": DNA, "protein": _CHARS, "series": SERIES, "events": _WORDS}

Parting = Literal["files", "folds", "speakers"]
NUM_FOLDS = {"files": 1, "folds": 10, "speakers": 6}


@dataclass(frozen=True)
class Dataset:
    """A data set and what is asked of it.

    Parameters
    ----------
    folder
        In the folder of the data.
    train, test
        Its files.
    peers
        Names of those that suit it.
    accuracy, macro_f1, unseen_accuracy
        Aims; the last one without the test records that stand in the training file, too.
    parting
        By its files, by ten folds over all records, or leaving one speaker of all records out.
    kind
        Of its sequences; None where it is guessed as the command line does.
    source
        Where it is from, in a sentence.
    """

    folder: str
    train: str
    test: str
    peers: tuple[str, ...]
    accuracy: float | None = None
    macro_f1: float | None = None
    unseen_accuracy: float | None = None
    parting: Parting = "files"
    kind: str | None = None
    source: str = ""

    @property
    def folds(self) -> list[int | None]:
        """Give the number of each fold, or None where the files are the parts."""
        return [None] if self.parting == "files" else list(range(NUM_FOLDS[self.parting]))

    @property
    def contenders(self) -> tuple[str, ...]:
        """Names of all that run on it."""
        return (*self.peers, BUDGETED, OURS)


_CSV = ("train.csv.gz", "test.csv.gz")
_VOWELS = ("JapaneseVowels_TRAIN.ts.gz", "JapaneseVowels_TEST.ts.gz")
_PLAID = ("PLAID_TRAIN.ts.gz", "PLAID_TEST.ts.gz")
_FSDD = ("train.parquet", "test.parquet")
_CLINC = ("data_full.json.gz", "data_full.json.gz")

# Small ones first.
DATASETS = {
    "JapaneseVowels": Dataset("JapaneseVowels", *_VOWELS, SERIES, 0.995),
    "splice": Dataset("splice", *_CSV, ("positions-lr", *DNA), 0.97),
    "trec6": Dataset("trec6", *_CSV, TEXT, 0.94),
    "sms_spam": Dataset("sms_spam", *_CSV, TEXT),
    "names": Dataset("names", *_CSV, _CHARS, 0.87),
    "malapi": Dataset("malapi", *_CSV, _WORDS, 0.62),
    "PLAID": Dataset("PLAID", *_PLAID, SERIES, 0.955),
    "ncrna": Dataset("ncrna", *_CSV, DNA, 0.97, unseen_accuracy=0.96),
    "clinc150": Dataset("clinc150", *_CLINC, TEXT, 0.95),
    "fsdd": Dataset("fsdd", *_FSDD, SERIES, 0.985),
    "imdb": Dataset("imdb", *_CSV, _WORDS, 0.93),
    "sms_spam-folds": Dataset("sms_spam", *_CSV, TEXT, 0.995, 0.988, parting="folds"),
    "malapi-folds": Dataset("malapi", *_CSV, _WORDS, 0.62, parting="folds"),
    "fsdd-speakers": Dataset("fsdd", *_FSDD, SERIES, 0.75, parting="speakers"),
}


def load_datasets(path: Path | None) -> dict[str, Dataset]:
    """Give `DATASETS`, or those that a JSON file names, whose peers follow from their kind.

    The file has, for each name, ``{"kind": ..., "train": FILE, "test": FILE, "source": ...}``; the
    last may be missing. Files are looked for in the folder of the data.
    """
    if path is None:
        return DATASETS
    return {
        name: Dataset("", peers=PEERS[each["kind"]], **each)
        for name, each in json.loads(path.read_text()).items()
    }
