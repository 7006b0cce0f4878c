"""From gathered records to the encoded parts that training needs, in memory or in a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.config import DataConfig, TrainConfig
from seqwise.data.codecs import Codec, channel_problem
from seqwise.data.encoding import encode_blocks
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.data.manifest import damaged
from seqwise.data.parts import EncodedPart, MemoryStore, PartSource, PartStore
from seqwise.data.store import ChainedStore, RaggedStore
from seqwise.data.store_folder import begin_store, open_store
from seqwise.data.targets import Targets
from seqwise.errors import Code, ConfigError, DataError, Problem, excerpt
from seqwise.training.equality import are_strands_one
from seqwise.training.gathering import Dropped, LabelledRecords, digest
from seqwise.training.plan import Plan
from seqwise.training.settings import SAMPLE, Wishes, choose_refit, choose_valid_fraction
from seqwise.training.split import check_classes, count_equal, split
from seqwise.training.start import Start, open_start

TRAIN, VALID, WHOLE = "train", "valid", "whole"


@dataclass(frozen=True)
class LabelledStore:
    """Encoded sequences with a class index each, or the classes that each bears.

    Parameters
    ----------
    sequences
        ``n`` encoded sequences.
    targets
        Of ``n`` records.
    """

    sequences: RaggedStore | ChainedStore
    targets: Targets


@dataclass(frozen=True)
class PreparedData:
    """Both parts, encoded by a codec that was fitted on the training part alone.

    Parameters
    ----------
    plan
        What was decided before.
    codec
        Fitted on the training part.
    train, valid
        The part to learn from, and the part that chooses the epoch.
    whole
        Where a refit follows: a codec that was fitted on all records, and all of them.
    num_cut
        Sequences of both parts that `max_length` cut.
    num_unknown, num_valid_steps
        Tokens of the validation part that the training part does not have, out of how many.
    dropped
        What was wrong with the records that were left out.
    """

    plan: Plan
    codec: Codec
    train: LabelledStore
    valid: LabelledStore
    whole: tuple[Codec, LabelledStore] | None
    num_cut: int
    num_unknown: int
    num_valid_steps: int
    dropped: Dropped = field(default_factory=Dropped)

    @property
    def data(self) -> DataConfig:
        """How sequences are turned into numbers."""
        return self.plan.data

    @property
    def labels(self) -> Labels:
        """The classes in the order of the targets."""
        return self.plan.labels


def prepare(
    records: LabelledRecords,
    kind: Kind,
    wishes: Wishes,
    *,
    valid: LabelledRecords | None = None,
    labels: Labels | None = None,
    skip_bad: bool = False,
    store: str | Path | None = None,
    overwrite: bool = False,
) -> PreparedData:
    """Split the records, fit the codec on the training part and encode both parts.

    Parameters
    ----------
    records
        To train on; a part of them is held out where `valid` is None.
    kind
        What they are.
    wishes
        The settings that the user has spoken of.
    valid
        Records that choose the epoch, instead of a part of `records`.
    labels
        The classes, where they are known before; found in `records` otherwise.
    skip_bad
        Leave a class with a single record out instead of refusing the file.
    store
        A folder to put the encoded parts into; where it was begun before, it is gone on with. None
        keeps them in memory.
    overwrite
        Replace a store of other records or settings.

    Raises
    ------
    DataError
        If the records cannot be trained on.
    ConfigError
        If the settings do not exist or do not fit.
    StoreError
        If the store cannot be written, or if something else stands there.
    """
    start = open_start(wishes)
    plan, parts, dropped = _plan(
        records, kind, wishes, start, valid=valid, labels=labels, skip_bad=skip_bad
    )
    prepared = encode_parts(plan, parts, start, store=store, overwrite=overwrite)
    return replace(prepared, dropped=dropped)


def encode_parts(
    plan: Plan,
    parts: dict[str, LabelledRecords],
    start: Start,
    *,
    store: str | Path | None,
    overwrite: bool,
) -> PreparedData:
    """Encode the parts of a plan; `start`, `store` and `overwrite` as `prepare` has them."""
    targets = {name: _encode_labels(plan.labels, part) for name, part in parts.items()}

    def fit(name: str) -> Codec:
        return start.fit_codec(plan.data, parts[name].sequences())

    def encode(name: str, codec: Codec) -> PartSource:
        part, max_length = parts[name], plan.data.max_length
        return PartSource(
            targets[name], lambda start: encode_blocks(codec, part.sequences(start), max_length)
        )

    if store is None:
        return _assemble(plan, MemoryStore(), fit, encode)
    with begin_store(store, plan.to_dict(), overwrite=overwrite) as folder:
        return _assemble(plan, folder, fit, encode)


def _plan(
    records: LabelledRecords,
    kind: Kind,
    wishes: Wishes,
    start: Start,
    *,
    valid: LabelledRecords | None,
    labels: Labels | None,
    skip_bad: bool,
) -> tuple[Plan, dict[str, LabelledRecords], Dropped]:
    """Decide what is encoded, before anything is: the plan, and the records of each part."""
    config = TrainConfig.from_dict(dict(wishes.train))
    if valid and config.refit:
        raise _nothing_held_out()
    if valid and valid.multilabel is not records.multilabel:
        raise _other_form(valid)
    whole = check_classes(records, fewest=1 if valid else 2, skip_bad=skip_bad)
    share = None
    train, held_out = whole, valid
    if held_out is None:
        share = choose_valid_fraction(len(whole), wishes)
        train, held_out = split(whole, valid_fraction=share, seed=config.seed)
    if kind is Kind.SERIES:
        _check_channels(train, held_out)
        start.check_channels(train.num_channels, train.path)
    parts = {TRAIN: train, VALID: held_out}
    if choose_refit(len(train), holds_out=valid is None, wishes=wishes):
        parts[WHOLE] = whole
    plan = Plan(
        records=digest([whole, *([valid] if valid else [])]),
        data=start.choose_data(kind, list(islice(train.sequences(), SAMPLE)), wishes),
        labels=_present(labels, train) if labels else Labels.fit(_labels_of(train)),
        counts={name: len(part) for name, part in parts.items()},
        valid_fraction=share,
        seed=config.seed,
        strands_are_one=are_strands_one(kind, wishes),
        path=records.path,
        num_overlap=count_equal(whole, valid) if valid else 0,  # a split leaves none
        start=start.identity(),
    )
    # The marks of ten million records take 300 MB, and are needed no more.
    parts = {name: part.without_marks() for name, part in parts.items()}
    return plan, parts, whole.dropped


def load_prepared(store: str | Path) -> PreparedData:
    """Read what `prepare` has put into a store.

    Raises
    ------
    StoreError
        If it is not finished, or damaged.
    """
    folder = open_store(store)
    try:
        plan = Plan.from_dict(folder.manifest.plan)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        damaged(folder.folder, excerpt(f"{type(error).__name__}: {error}"))

    def is_there(name: str, *_: Codec) -> Any:
        damaged(folder.folder, f"no {excerpt(name)} in it")

    return _assemble(plan, folder, is_there, is_there)


def _assemble(
    plan: Plan,
    store: PartStore,
    fit: Callable[[str], Codec],
    encode: Callable[[str, Codec], PartSource],
) -> PreparedData:
    """Put the parts together that are in a store, or come into it now."""

    def part(name: str, codec: Codec) -> EncodedPart:
        return store.part(
            name,
            codec,
            count=plan.counts[name],
            labels=plan.labels,
            encode=lambda: encode(name, codec),
        )

    codec = store.codec("codec", plan.data, lambda: fit(TRAIN))
    train, valid = part(TRAIN, codec), part(VALID, codec)
    whole = None
    if WHOLE in plan.counts:
        whole_codec = store.codec("codec-whole", plan.data, lambda: fit(WHOLE))
        whole = (whole_codec, _labelled(part(WHOLE, whole_codec)))
    return PreparedData(
        plan=plan,
        codec=codec,
        train=_labelled(train),
        valid=_labelled(valid),
        whole=whole,
        num_cut=train.num_cut + valid.num_cut,
        num_unknown=valid.num_unknown,
        num_valid_steps=int(valid.sequences.lengths.sum()),
    )


def _labelled(part: EncodedPart) -> LabelledStore:
    return LabelledStore(part.sequences, part.targets)


def _labels_of(data: LabelledRecords) -> list[Any]:
    return [data.labels[code] for code in np.unique(data.codes).tolist()]


def _present(labels: Labels, train: LabelledRecords) -> Labels:
    """Keep the classes of which records are left; of an indicator's columns none is lost."""
    if labels.multilabel:
        return labels
    left = set(labels.encode(_labels_of(train)).tolist())
    return Labels(tuple(value for index, value in enumerate(labels.values) if index in left))


def _encode_labels(labels: Labels, part: LabelledRecords) -> Targets:
    """Turn the labels of a part into targets.

    Raises
    ------
    DataError
        If the training part has no such class.
    """
    strange = [labels.unknown(each) for each in part.labels]
    unknown = np.flatnonzero(np.array([each is not None for each in strange])[part.codes])
    if len(unknown):
        label = excerpt(strange[part.codes[unknown[0]]])
        found = f"the label {label} (records with such labels: {len(unknown):,})"
        expected = "the labels of the training file"
        raise DataError(
            Problem(Code.UNKNOWN_LABEL, found, expected, "check --valid", path=part.path)
        )
    return labels.encode(part.labels)[part.codes]


def _check_channels(train: LabelledRecords, valid: LabelledRecords) -> None:
    problem = channel_problem(np.empty((0, valid.num_channels)), train.num_channels)
    if problem is not None:
        raise DataError(problem.at(path=valid.path))


def _other_form(valid: LabelledRecords) -> DataError:
    forms = ["one label a record", "any number of labels a record"]
    found, expected = forms[valid.multilabel], f"{forms[not valid.multilabel]}, as in training"
    remedy = "write them alike (--label-separator for cells with several labels)"
    return DataError(Problem(Code.WRONG_TYPE, found, expected, remedy, path=valid.path))


def _nothing_held_out() -> ConfigError:
    found = "refit together with validation data of its own"
    expected = "one of them: a refit learns at the end from the part held out"
    return ConfigError(Problem(Code.BAD_SETTING, found, expected, "leave out --refit or --valid"))
