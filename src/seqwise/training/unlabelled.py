"""From records whose labels nobody asks for to the encoded parts that pretraining needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from seqwise.config import TrainConfig
from seqwise.data.fingerprint import number_equal
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.errors import Code, DataError, Problem
from seqwise.training.gathering import LabelledRecords, Read, digest
from seqwise.training.plan import Plan
from seqwise.training.preparation import TRAIN, VALID, PreparedData, encode_parts
from seqwise.training.settings import SAMPLE, Wishes, choose_data, choose_valid_fraction
from seqwise.training.split import split
from seqwise.training.start import Start

LABEL = "unlabelled"


def unlabelled(read: Read) -> Read:
    """Give the same records, all of one label: theirs, where they have some, are not looked at."""
    return lambda: (replace(record, label=LABEL) for record in read())


def prepare_unlabelled(
    records: LabelledRecords, kind: Kind, wishes: Wishes, *, store: str | Path | None = None
) -> PreparedData:
    """Hold a part of the records out, fit the codec on the others and encode both.

    Parameters
    ----------
    records
        Gathered of records that `unlabelled` gives.
    kind, wishes, store
        As `prepare`.

    Raises
    ------
    DataError, ConfigError, StoreError
        As `prepare`.
    """
    config = TrainConfig.from_dict(dict(wishes.train))
    if number_equal(records.marks).max(initial=0) == 0:
        found, expected = "all sequences are equal", "two or more, one of them to check on"
        problem = Problem(Code.NO_RECORDS, found, expected, "add records", path=records.path)
        raise DataError(problem)
    share = choose_valid_fraction(len(records), wishes)
    train, valid = split(records, valid_fraction=share, seed=config.seed)
    parts = {TRAIN: train, VALID: valid}
    plan = Plan(
        records=digest([records]),
        data=choose_data(kind, list(islice(train.sequences(), SAMPLE)), wishes),
        labels=Labels((LABEL,)),
        counts={name: len(part) for name, part in parts.items()},
        valid_fraction=share,
        seed=config.seed,
        path=records.path,
        num_overlap=0,
    )
    parts = {name: part.without_marks() for name, part in parts.items()}
    prepared = encode_parts(plan, parts, Start(), store=store, overwrite=True)
    for part in (prepared.train, prepared.valid):
        if int(np.max(part.sequences.lengths)) < 2:
            found, expected = "no sequence of more than one step", "a step and one that follows it"
            problem = Problem(Code.NO_RECORDS, found, expected, "add records", path=records.path)
            raise DataError(problem)
    return replace(prepared, dropped=records.dropped)
