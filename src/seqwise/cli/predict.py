"""`seqwise predict`: a row for each record, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from seqwise.artifact import load_artifact
from seqwise.cli.files import guessed_column, open_for_model, say
from seqwise.cli.options import FileOptions
from seqwise.cli.writers import open_writer
from seqwise.config import Device
from seqwise.data.kinds import Kind
from seqwise.errors import Code, DataError, Problem
from seqwise.predictor import PredictedBlock, Predictor


class _Summary:
    """What a prediction run has to report, added up block by block."""

    def __init__(self) -> None:
        self.num_records = 0
        self.codes: Counter[str] = Counter()
        self.first: Problem | None = None
        self.num_steps = self.num_unknown = self.num_cut = 0

    def add(self, block: PredictedBlock) -> None:
        self.num_records += len(block.records)
        for problem in block.problems:
            if problem is not None:
                self.codes[problem.code] += 1
                self.first = self.first or problem
        self.num_steps += block.encoded.num_steps
        self.num_unknown += block.encoded.num_unknown
        self.num_cut += block.encoded.num_cut

    def facts(self) -> list[tuple[str, str]]:
        num_bad = self.codes.total()
        facts = [("predicted", f"{self.num_records - num_bad:,} of {self.num_records:,} records")]
        if self.first is not None:
            codes = ", ".join(f"{count:,} {code}" for code, count in self.codes.most_common())
            facts.append(("problems", f"{codes}; the first: {escape(str(self.first))}"))
        if self.num_unknown:
            share = self.num_unknown / self.num_steps
            facts.append(("unknown", f"{self.num_unknown:,} tokens ({share:.1%})"))
        if self.num_cut:
            facts.append(("cut", f"{self.num_cut:,} sequences at the model's max_length"))
        return facts


def run(
    *,
    folder: str,
    file: str,
    out: str | None,
    out_format: str,
    probabilities: bool,
    overwrite: bool,
    strict: bool,
    deterministic: bool,
    device: Device | None,
    quiet: bool,
    how: FileOptions,
) -> None:
    """Predict and write as the records come."""
    console = Console(stderr=True, quiet=quiet)
    artifact = load_artifact(folder)
    predictor = Predictor(artifact, device=device or "auto", deterministic=deterministic)
    records = open_for_model(file, how, artifact, label_required=False)
    say(console, guessed_column(records, how, artifact))
    summary = _Summary()
    if out is not None and file != "-" and _is_same(out, file):
        found = "it is the file to read"
        raise DataError(Problem(Code.OUTPUT_EXISTS, found, "another file", "rename it", path=out))
    blocks = predictor.predict(
        records.checked(Kind(artifact.data.kind)), path=file, column=records.sequence_column
    )
    with open_writer(
        out, out_format, artifact.labels, probabilities=probabilities, overwrite=overwrite
    ) as writer:
        for block in _show(blocks, console, enabled=out is not None):
            summary.add(block)
            if strict and summary.first is not None:
                raise DataError(summary.first)
            writer.write(block)
    say(console, summary.facts())
    if out is not None:
        say(console, [("written to", escape(out))])


def _is_same(out: str, file: str) -> bool:
    return Path(out).exists() and Path(out).samefile(file)


def _show(
    blocks: Iterator[PredictedBlock], console: Console, *, enabled: bool
) -> Iterator[PredictedBlock]:
    """Count the records on a terminal while they pass."""
    if not (enabled and console.is_terminal):
        yield from blocks
        return
    columns = (TextColumn("{task.completed:,} records"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        for block in blocks:
            progress.advance(task, len(block.records))
            yield block
