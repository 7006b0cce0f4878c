"""`seqwise train`: from a labelled file to a model folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.markup import escape

from seqwise.artifact import check_output, save_artifact
from seqwise.cli.files import open_for_training, say
from seqwise.cli.options import FileOptions
from seqwise.config import setting_error
from seqwise.data.kinds import Kind
from seqwise.errors import Problem
from seqwise.training.preparation import LabelledSequences, gather
from seqwise.training.progress import show_progress
from seqwise.training.run import TrainingRun
from seqwise.training.settings import Wishes


def run(
    *,
    file: str,
    out: str,
    valid: str | None,
    skip_bad: bool,
    overwrite: bool,
    quiet: bool,
    how: FileOptions,
    wishes: dict[str, Any],
) -> None:
    """Train, save, and say what was done."""
    console = Console(stderr=True, quiet=quiet)
    check_output(out, overwrite=overwrite)
    chosen = _sort_wishes(wishes)
    source = open_for_training(file, how)
    say(console, source.facts())
    training = TrainingRun(
        gather(source.records.checked(source.kind), source.kind, skip_bad=skip_bad, path=file),
        source.kind,
        chosen.with_columns(source.records.sequence_column, source.records.label_column),
        valid=_gather_valid(valid, how, source.kind, skip_bad, console),
        skip_bad=skip_bad,
        path=file,
        valid_path=valid,
    )
    _tell_dropped(console, training.dropped)
    say(console, training.describe())
    for _ in show_progress(training, console=console):
        pass
    save_artifact(training.artifact(), out, overwrite=overwrite)
    say(console, _result(training, out))


def _sort_wishes(spoken: dict[str, Any]) -> Wishes:
    wishes: dict[str, Any] = {
        name: value if isinstance(value, (bool, int, float)) else str(value)
        for name, value in spoken.items()
        if value is not None
    }
    if "class_weight" in wishes:
        wishes["class_weight"] = _parse_class_weight(wishes["class_weight"])
    return Wishes.sorted(wishes)


def _parse_class_weight(text: str) -> str | dict[str, float]:
    """Read ``none``, ``balanced``, or ``spam=3,ham=1``."""
    if "=" not in text:
        return text
    try:
        pairs = [pair.rsplit("=", 1) for pair in text.split(",")]
        return {label: float(weight) for label, weight in pairs}
    except ValueError:
        raise setting_error("class_weight", text, "LABEL=NUMBER,LABEL=NUMBER") from None


def _gather_valid(
    path: str | None, how: FileOptions, kind: Kind, skip_bad: bool, console: Console
) -> LabelledSequences | None:
    if path is None:
        return None
    records = open_for_training(path, replace(how, kind=str(kind))).records
    data = gather(records.checked(kind), kind, skip_bad=skip_bad, path=path)
    _tell_dropped(console, data.dropped)
    return data


def _tell_dropped(console: Console, dropped: list[Problem]) -> None:
    for problem in dropped[:5]:
        say(console, [("left out", escape(str(problem)))])
    if len(dropped) > 5:
        say(console, [("left out", f"and {len(dropped) - 5:,} more")])


def _result(training: TrainingRun, out: str) -> list[tuple[str, str]]:
    best = training.training.best.epoch
    scores = training.scores
    facts = [
        (
            "result",
            f"best epoch {best} of {len(training.reports)}; on the "
            f"{scores.num_records:,} records held out: accuracy {scores.accuracy:.4f}, "
            f"macro F1 {scores.macro_f1:.4f}, log loss {scores.log_loss:.4f} "
            f"(most frequent class: {scores.majority_accuracy:.4f})",
        )
    ]
    if training.is_refitted:
        text = (
            f"anew on all records, up to epoch {best}; the result above has the scores before the "
            "refit, on records held out"
        )
        facts.append(("refit", text))
    facts.append(("model in", f"{escape(out)}   next: seqwise evaluate {escape(out)} FILE"))
    return facts
