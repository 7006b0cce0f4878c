"""`seqwise evaluate`: score a model on a labelled file."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import load_artifact
from seqwise.assessment import Assessment, assess
from seqwise.cli.commands import Evaluate
from seqwise.cli.files import guesses, open_for_model, say
from seqwise.cli.wishes import parse_threshold
from seqwise.data.kinds import Kind
from seqwise.errors import DataError
from seqwise.evaluation.multilabel import MultilabelScores
from seqwise.evaluation.tables import confusion_table, in_words, multilabel_table, scores_table
from seqwise.inspection import fingerprints
from seqwise.predictor import Predictor


def run(options: Evaluate) -> None:
    """Score, and print one JSON object or tables."""
    file, train_file, how = options.file, options.train_file, options.how
    artifact = load_artifact(options.model)
    kind = Kind(artifact.data.kind)
    records = open_for_model(file, how, artifact, label_required=True)
    say(Console(stderr=True, quiet=options.quiet), guesses(records, how, artifact))
    known = None
    if train_file is not None:
        seen = open_for_model(train_file, how, artifact, label_required=False)
        known = fingerprints(seen.checked(kind), kind)
    predictor = Predictor(
        artifact,
        device=options.computing.device or "auto",
        deterministic=options.deterministic,
        precision=options.computing.precision or "float32",
        threshold=parse_threshold(options.threshold),
    )
    found = assess(
        predictor, records.checked(kind), known=known, path=file, column=records.sequence_column
    )
    if options.strict and found.problems:
        raise DataError(found.problems[0], others=found.problems[1:5], count=len(found.problems))
    if options.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))  # noqa: T201
        return
    console = Console()
    if found.problems and not options.quiet:  # before the scores, which say nothing of them
        say(console, [_left_out(found, file)])
        console.print()
    if isinstance(found.scores, MultilabelScores):
        console.print(multilabel_table(found.scores))
    else:
        console.print(scores_table(found.scores))
        console.print()
        console.print(confusion_table(found.scores))
    if not options.quiet:
        console.print()
        say(console, _remarks(found, file, train_file))


def _left_out(found: Assessment, file: str) -> tuple[str, str]:
    left, scored = len(found.problems), found.scores.num_records
    text = f"{left:,} of the {left + scored:,} records of {escape(file)}, the first: "
    return "left out", text + escape(str(found.problems[0]))


def _remarks(found: Assessment, file: str, train_file: str | None) -> list[tuple[str, str]]:
    remarks = []
    if found.num_known:
        text = (
            f"{found.num_known:,} of these records stand in {escape(str(train_file))}, "
            "which the model may have learned by heart"
        )
        if found.unseen is not None:
            text += (
                f"; without them ({found.unseen.num_records:,} records): {in_words(found.unseen)}"
            )
        remarks.append(("seen before", text))
    elif train_file is not None:
        remarks.append(("seen before", f"none of these records stands in {escape(train_file)}"))
    if found.num_unknown:
        share = found.num_unknown / found.num_steps
        remarks.append(("unknown", f"{found.num_unknown:,} tokens ({share:.1%})"))
    if found.num_cut:
        remarks.append(("cut", f"{found.num_cut:,} sequences at the model's max_length"))
    return remarks
