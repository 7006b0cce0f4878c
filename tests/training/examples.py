"""Small labelled sequences, models and runs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from seqwise.artifact import Artifact, TrainingAccount, current_versions
from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.data.codecs import build_codec
from seqwise.data.kinds import Kind, check_sequence
from seqwise.data.labels import Labels
from seqwise.data.records import Record
from seqwise.data.store import RaggedStore
from seqwise.evaluation.decision import Decision
from seqwise.nn import SequenceModel
from seqwise.training.distribution import ALONE, World
from seqwise.training.gathering import LabelledRecords, gather
from seqwise.training.loop import Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore, prepare
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes

LABELS = Labels(("a", "ä", "3"))
CPU = torch.device("cpu")
CLASSES = ["no", "yes"]
SMALL = {"embedding_dim": 8, "hidden_size": 8, "num_layers": 1, "dropout": 0.0}
FAST = {
    "device": "cpu",
    "learning_rate": 0.03,
    "patience": 100,
    "token_dropout": 0.0,
    "linear": False,
}

ACCOUNT = TrainingAccount(
    file="ü.csv",
    num_train=9,
    num_valid=2,
    num_cut=0,
    seconds=1.5,
    best_epoch=1,
    valid_accuracy=0.5,
    valid_macro_f1=0.25,
    valid_log_loss=0.75,
    epochs=[{"epoch": 1, "train_loss": 0.5, "valid_accuracy": 0.5, "valid_log_loss": 0.75}],
    refitted=False,
)

SEQUENCES: dict[str, list[Any]] = {
    "text": ["good day", "bad night", "good good", "so bad", "one 1"],
    "dna": ["ACGT", "TTTTTTT", "GATTACA", "C"],
    "protein": ["MKT", "WWWWWW", "ACD"],
    "events": ["open close", ["4", "17", "4"], "4"],
    "series": [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((7, 2))],
}


def labelled(
    pairs: Any, kind: Kind = Kind.TEXT, path: str | None = "train.csv", *, skip_bad: bool = False
) -> LabelledRecords:
    """Labelled records from pairs."""
    records = [Record(*pair, number) for number, pair in enumerate(pairs, start=1)]
    return gather(lambda: records, kind, skip_bad=skip_bad, path=path)


def labels_of(data: LabelledRecords) -> list[Any]:
    """The label of each record."""
    return [data.labels[code] for code in data.codes.tolist()]


def make_artifact(kind: str = "text", *, max_length: int | None = None, **shape: Any) -> Artifact:
    """An artifact whose codec is fitted and whose weights are random."""
    sequences = [check_sequence(sequence, Kind(kind)) for sequence in SEQUENCES[kind]]
    data = DataConfig(kind=kind, max_length=max_length)
    codec = build_codec(data).fit(sequences)
    config = ModelConfig.from_dict(
        {
            "num_classes": 3,
            "vocab_size": codec.vocab_size,
            "num_channels": codec.num_channels,
            **SMALL,
            **shape,
        }
    )
    torch.manual_seed(0)
    return Artifact(
        model=SequenceModel.from_config(config).eval(),
        codec=codec,
        labels=LABELS,
        decision=Decision.of(LABELS),
        data=data,
        shape=config,
        train=TrainConfig(class_weight={"ä": 2.0}),
        training=ACCOUNT,
        versions=current_versions(),
    )


def make_records(kind: str = "text", *, labels: Any = None) -> list[Record]:
    """The records of a kind, with labels where there are some."""
    sequences = [check_sequence(sequence, Kind(kind)) for sequence in SEQUENCES[kind]]
    labels = labels or [None] * len(sequences)
    return [
        Record(sequence, label, number, line=number + 1)
        for number, (sequence, label) in enumerate(zip(sequences, labels, strict=True), start=1)
    ]


def make_store(
    num_records: int, *, seed: int, length: int = 8, noise: bool = False
) -> LabelledStore:
    """Ids whose first one gives the class, or nothing does where there is noise."""
    random = np.random.default_rng(seed)
    arrays = [
        random.integers(2, 8, random.integers(2, length + 1)).astype(np.int32)
        for _ in range(num_records)
    ]
    targets = np.array([int(array[0] >= 5) for array in arrays])
    if noise:
        targets = random.integers(0, 2, num_records)
    return LabelledStore(RaggedStore.from_arrays(arrays), targets)


@dataclass
class Task:
    """What a small training is made of."""

    train: LabelledStore = field(default_factory=lambda: make_store(40, seed=1))
    valid: LabelledStore | None = field(default_factory=lambda: make_store(20, seed=2))
    shape: dict[str, Any] = field(default_factory=dict)

    def start(self, *, world: World = ALONE, workers: int = 0, **config: Any) -> Training:
        """Build a model and the training of it, nothing done yet."""
        torch.manual_seed(0)
        shape = ModelConfig.from_dict({"num_classes": 2, "vocab_size": 8, **SMALL, **self.shape})
        config = TrainConfig.from_dict({**FAST, "epochs": 3, **config})
        return Training(
            SequenceModel.from_config(shape),
            self.train,
            Classification(self.train, self.valid, class_names=CLASSES, config=config),
            config=config,
            world=world,
            workers=workers,
        )


GOOD = [(f"good {number}", "yes") for number in range(20)]
BAD = [(f"bad {number}", "no") for number in range(20)]


def make_run(
    pairs: Any = (*GOOD, *BAD),
    kind: Kind = Kind.TEXT,
    *,
    valid: Any = None,
    skip_bad: bool = False,
    world: World = ALONE,
    workers: int = 0,
    begun: float | None = None,
    **settings: Any,
) -> TrainingRun:
    """A small run from pairs of sequence and label, without a refit unless it is asked for."""
    wishes = Wishes.sorted(
        {**SMALL, **FAST, "encoder": "lstm", "epochs": 3, "refit": False, **settings}
    )
    held_out = None if valid is None else labelled(valid, kind)
    records = labelled(pairs, kind)
    prepared = prepare(records, kind, wishes, valid=held_out, skip_bad=skip_bad)
    return TrainingRun(prepared, wishes, world=world, workers=workers, begun=begun)


def make_noisy_run() -> tuple[TrainingRun, list[tuple[str, str]]]:
    """A run in which there is nothing to learn, so that its best epoch is an early one."""
    random = np.random.default_rng(0)
    pairs = [(f"{n} {random.integers(9)}", "ab"[random.integers(2)]) for n in range(100, 160)]
    return make_run(pairs[:40], valid=pairs[40:], epochs=12, learning_rate=0.1), pairs[40:]


# Each with a word of its own, which a codec knows only if it has seen this record.
REFIT_PAIRS = [
    (f"word{chr(97 + n // 10)}{chr(97 + n % 10)} {n % 7}", "aab"[chance])
    for n, chance in enumerate(np.random.default_rng(0).integers(0, 3, 60).tolist())
]


def make_refit_run(*, world: World = ALONE, workers: int = 0, **settings: Any) -> TrainingRun:
    """A run that ends with a refit, where there is nothing to learn, either."""
    return make_run(
        REFIT_PAIRS,
        world=world,
        workers=workers,
        **{"epochs": 6, "learning_rate": 0.1, "batch_size": 8, "refit": True, **settings},
    )


WORDS_OF_TOPIC = {
    "food": ("bread", "soup", "cheese"),
    "money": ("bank", "coin", "debt"),
    "sea": ("wave", "ship", "tide"),
}


def topical(num_records: int, *, seed: int = 0) -> list[tuple[str, tuple[str, ...]]]:
    """Texts with a word of each of their topics, of which there may be any number."""
    random = np.random.default_rng(seed)
    pairs = []
    for number in range(num_records):
        topics = tuple(name for name in WORDS_OF_TOPIC if random.random() < 0.4)
        words = [str(random.choice(WORDS_OF_TOPIC[name])) for name in topics]
        pairs.append((" ".join(["so", *words, f"w{number % 9}", "then"]), topics))
    return pairs
