"""All contenders by name: where each is, what it needs, whether its seed changes anything."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "seqwise"
BUDGETED = "seqwise-10m"  # the same, told how long it may take


@dataclass(frozen=True)
class Contender:
    """A way to a classifier.

    Parameters
    ----------
    module
        In this folder, with `build(name, kind, seed)`.
    libraries
        Names to import; where one is missing, the contender is left out.
    seeded
        Whether another seed gives another model; others are run with the first seed alone.
    """

    module: str
    libraries: tuple[str, ...]
    seeded: bool


_NGRAMS = Contender("ngrams", ("sklearn",), seeded=False)
_NBSVM = Contender("nbsvm", ("sklearn",), seeded=False)
_FASTTEXT = Contender("fasttext_model", ("fasttext",), seeded=True)
_LSTM = Contender("skorch_lstm", ("skorch",), seeded=True)
_AEON = Contender("aeon_series", ("aeon",), seeded=True)
_SEQWISE = Contender("seqwise_default", ("seqwise",), seeded=True)

# Cheap ones first.
CONTENDERS = {
    "positions-lr": Contender("positions", ("sklearn",), seeded=False),
    "words-nbsvm": _NBSVM,
    "chars-nbsvm": _NBSVM,
    "words-svm": _NGRAMS,
    "chars-svm": _NGRAMS,
    "words-lr": _NGRAMS,
    "chars-lr": _NGRAMS,
    "summary-trees": Contender("summary", ("sklearn",), seeded=True),
    "minirocket": _AEON,
    "quant": _AEON,
    "multirocket-hydra": _AEON,
    "words-fasttext": _FASTTEXT,
    "chars-fasttext": _FASTTEXT,
    "cnn": Contender("genomic_cnn", ("torch",), seeded=True),
    "words-lstm": _LSTM,
    "chars-lstm": _LSTM,
    "lstm": _LSTM,
    "inceptiontime": Contender("aeon_series", ("aeon", "tensorflow"), seeded=True),
    BUDGETED: _SEQWISE,
    OURS: _SEQWISE,
}
