"""A model held against a labelled file."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqwise.data.fingerprint import fingerprint
from seqwise.data.labels import Labels
from seqwise.data.records import Record
from seqwise.data.targets import Targets, join_targets
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.evaluation.decision import AnyScores
from seqwise.predictor import Predictor


@dataclass(frozen=True)
class Assessment:
    """What evaluation found.

    Parameters
    ----------
    scores
        Over all usable records.
    num_known
        Records whose sequence stands in the training file; None where no file was given.
    unseen
        Scores without these records; None where there are none of them, or nothing but them.
    problems
        Of the records that could not be scored, those with a label that the model does not have
        among them.
    num_steps, num_unknown, num_cut
        Steps in all, tokens among them that the model does not know, and sequences that its
        `max_length` cut.
    """

    scores: AnyScores
    num_known: int | None
    unseen: AnyScores | None
    problems: list[Problem]
    num_steps: int
    num_unknown: int
    num_cut: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values, the scores at the top."""
        result = self.scores.to_dict() | {
            "num_problems": len(self.problems),
            "problems": [str(problem) for problem in self.problems[:20]],
            "num_steps": self.num_steps,
            "num_unknown_tokens": self.num_unknown,
            "num_cut": self.num_cut,
        }
        if self.num_known is not None:
            result["num_in_training_file"] = self.num_known
            result["without_training_records"] = self.unseen and self.unseen.to_dict()
        return result


def assess(
    predictor: Predictor,
    records: Iterable[Record],
    *,
    known: AbstractSet[bytes] | None = None,
    path: str | None = None,
    column: str | None = None,
) -> Assessment:
    """Predict labelled records and score the predictions.

    Parameters
    ----------
    predictor
        The model.
    records
        Checked, with labels.
    known
        Fingerprints of the training file's sequences.
    path, column
        Where the sequences come from, for messages.

    Raises
    ------
    DataError
        If no record can be scored.
    """
    labels = predictor.labels
    probabilities: list[NDArray[np.float64]] = []
    targets: list[Targets] = []
    is_known: list[bool] = []
    problems: list[Problem] = []
    num_steps = num_unknown = num_cut = 0
    for block in predictor.predict(records, path=path, column=column):
        scored: list[int] = []
        truths: list[str | tuple[str, ...]] = []
        for position, (record, own) in enumerate(zip(block.records, block.problems, strict=True)):
            problem = own or _label_problem(record, labels, path)
            if problem is not None:
                problems.append(problem)
                continue
            assert record.label is not None
            scored.append(position)
            truths.append(record.label)
            if known is not None and record.sequence is not None:
                is_known.append(fingerprint(record.sequence, predictor.data.kind) in known)
        probabilities.append(block.probabilities[scored])
        targets.append(labels.encode(truths))
        num_steps += block.encoded.num_steps
        num_unknown += block.encoded.num_unknown
        num_cut += block.encoded.num_cut
    if not any(map(len, probabilities)):
        raise _nothing_to_score(problems, path)
    decision, names = predictor.decision, labels.names
    all_probabilities, all_targets = np.concatenate(probabilities), join_targets(targets)
    unseen = None
    if any(is_known) and not all(is_known):
        rest = np.flatnonzero(~np.array(is_known))
        unseen = decision.score(all_probabilities[rest], all_targets[rest], names)
    return Assessment(
        scores=decision.score(all_probabilities, all_targets, names),
        num_known=None if known is None else sum(is_known),
        unseen=unseen,
        problems=problems,
        num_steps=num_steps,
        num_unknown=num_unknown,
        num_cut=num_cut,
    )


def _nothing_to_score(problems: list[Problem], path: str | None) -> DataError:
    if problems:
        return DataError(problems[0], others=problems[1:5], count=len(problems))
    return DataError(
        Problem(Code.NO_RECORDS, "no record", "labelled records", "add some", path=path)
    )


def _label_problem(record: Record, labels: Labels, path: str | None) -> Problem | None:
    if record.label is None:
        problem = Problem(Code.MISSING_LABEL, "no label", "a label for each record", "add it")
    elif isinstance(record.label, tuple) is not labels.multilabel:
        expected = "a list of labels" if labels.multilabel else "one label a record"
        found = f"the label {excerpt(record.label)}"
        problem = Problem(Code.WRONG_TYPE, found, f"{expected}, as in training", "correct it")
    else:
        strange = labels.unknown(record.label)
        if strange is None:
            return None
        problem = Problem(
            Code.UNKNOWN_LABEL,
            f"the label {excerpt(strange)}",
            "a label that the model was trained on",
            "correct it, or train with such records",
        )
    return record.place(problem, path)
