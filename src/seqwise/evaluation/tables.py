"""Scores as the terminal shows them: readable at 80 columns, with and without colour.

Class names are the user's data. They reach the terminal as plain `rich.text.Text`, which knows
no markup, and with control characters escaped.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seqwise.evaluation.decision import AnyScores
from seqwise.evaluation.metrics import ClassScores, Scores
from seqwise.evaluation.multilabel import LabelScores, MultilabelScores

__all__ = [
    "confusion_table",
    "counted",
    "facts_table",
    "in_words",
    "label_text",
    "multilabel_table",
    "plain_table",
    "scores_table",
]

LISTED_CLASSES = 30
LISTED_CONFUSIONS = 20
MATRIX_CLASSES = 20
HEAD_WIDTH = 12  # longest label that heads a column; beyond it, columns are headed by letters
LABEL_WIDTH = 24
SHORT_LABEL_WIDTH = 12  # where the matrix would not fit otherwise
LEGEND_WIDTH = 200
INDENT = 2
OFTEN, SOMETIMES = 0.2, 0.05  # shares of a true class from which a confusion stands out


def label_text(label: str, max_width: int, *, style: str = "") -> Text:
    r"""Show a user's label: no markup, no control characters, cut with an ellipsis.

    Parameters
    ----------
    label
        Any string.
    max_width
        In terminal cells; a Chinese character takes two.
    style
        A rich style for the whole of it.

    Examples
    --------
    >>> label_text("[red]\x1b[0m", 20).plain, label_text("a long label", 7).plain
    ('[red]\\x1b[0m', 'a long…')
    """
    shown = "".join(
        character.encode("unicode_escape", errors="surrogatepass").decode("ascii")
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        else character
        for character in label
    )
    text = Text(shown or "''", style=style, no_wrap=True)
    text.truncate(max_width, overflow="ellipsis")
    return text


def _width_for(labels: Sequence[str]) -> int:
    """Find a width at which no two labels are cut to the same."""
    for width in (LABEL_WIDTH, 2 * LABEL_WIDTH):
        if len({label_text(label, width).plain for label in labels}) == len(labels):
            return width
    return LEGEND_WIDTH


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number and its noun; `many` is the plural where it is not `one` with an s.

    Examples
    --------
    >>> counted(1, "record"), counted(1234, "record"), counted(2, "class", "classes")
    ('1 record', '1,234 records', '2 classes')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def plain_table(*, headed: bool = True) -> Table:
    """Make an empty table in the one style of seqwise: no frame, a rule below the head."""
    return Table(
        box=box.SIMPLE_HEAD if headed else None,
        show_header=headed,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 1),
    )


def facts_table(facts: list[tuple[str, RenderableType]]) -> RenderableType:
    """Set names and values below each other, indented."""
    table = plain_table(headed=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in facts:
        table.add_row(Text(name), value)
    return Padding.indent(table, INDENT)


def scores_table(scores: Scores) -> RenderableType:
    """Draw the headline scores, and a table of the classes, the most frequent first.

    Of equally frequent classes the one with the lowest F1 stands first. At most 30 classes are
    listed; a last line counts the others.

    Parameters
    ----------
    scores
        What `seqwise.evaluation.metrics.score` gave.

    Returns
    -------
    RenderableType
        For `rich.console.Console.print`.
    """
    return Group(_headline(scores), Text(), Padding.indent(_per_class(scores), INDENT))


def multilabel_table(scores: MultilabelScores) -> RenderableType:
    """Draw the scores of any number of labels a record, and a table of the labels.

    As `scores_table`, each label with the probability from which it is given.
    """
    labels = f"{scores.labels_per_record:.2f} a record, given {scores.given_per_record:.2f}"
    facts = [
        ("records", f"{scores.num_records:,}"),
        ("labels", labels),
        ("micro F1", f"{scores.micro_f1:.3f}"),
        ("macro F1", f"{scores.macro_f1:.3f}"),
        ("macro average precision", f"{scores.macro_average_precision:.3f}"),
        (
            "subset accuracy",
            f"{scores.accuracy:.3f}   (always the most frequent set: "
            f"{scores.majority_accuracy:.3f})",
        ),
        ("Hamming loss", f"{scores.hamming_loss:.4f}"),
        ("log loss", f"{scores.log_loss:.4f}"),
    ]
    headline = facts_table([(name, Text(value)) for name, value in facts])
    return Group(headline, Text(), Padding.indent(_per_class(scores), INDENT))


def in_words(scores: AnyScores) -> str:
    """Say the scores that matter most in one line."""
    if isinstance(scores, MultilabelScores):
        return (
            f"macro F1 {scores.macro_f1:.4f}, micro F1 {scores.micro_f1:.4f}, macro average "
            f"precision {scores.macro_average_precision:.4f}, log loss {scores.log_loss:.4f}"
        )
    return (
        f"accuracy {scores.accuracy:.4f}, macro F1 {scores.macro_f1:.4f}, "
        f"log loss {scores.log_loss:.4f}"
    )


def confusion_table(scores: Scores) -> RenderableType:
    """Draw the confusion matrix, or the most frequent confusions where it would not fit.

    Up to 20 classes, and where the console is wide enough, this is the matrix: rows are true
    classes, columns predicted ones, zeros are dots, frequent confusions stand out in colour.
    Otherwise it is a list ``true -> predicted: count``, the most frequent first.

    Parameters
    ----------
    scores
        What `seqwise.evaluation.metrics.score` gave.

    Returns
    -------
    RenderableType
        For `rich.console.Console.print`.
    """
    return _Confusions(scores)


def _headline(scores: Scores) -> RenderableType:
    most_frequent = max(scores.per_class, key=lambda each: each.support)
    baseline = Text.assemble(
        f"{scores.accuracy:.3f}   (always ",
        label_text(most_frequent.label, LABEL_WIDTH),
        f": {scores.majority_accuracy:.3f})",
    )
    return facts_table(
        [
            ("records", Text(f"{scores.num_records:,}")),
            ("accuracy", baseline),
            ("macro F1", Text(f"{scores.macro_f1:.3f}")),
            ("balanced accuracy", Text(f"{scores.balanced_accuracy:.3f}")),
            ("log loss", Text(f"{scores.log_loss:.3f}")),
            ("calibration error", Text(f"{scores.ece:.3f}")),
        ]
    )


def _per_class(scores: AnyScores) -> RenderableType:
    per_class: Sequence[ClassScores | LabelScores] = scores.per_class
    by_support = sorted(per_class, key=lambda each: (-each.support, each.f1))
    table = plain_table()
    table.add_column("class")
    more = ("average precision", "threshold") if isinstance(scores, MultilabelScores) else ()
    for head in ("precision", "recall", "F1", "records", *more):
        table.add_column(head, justify="right")
    width = _width_for([each.label for each in by_support[:LISTED_CLASSES]])
    for each in by_support[:LISTED_CLASSES]:
        table.add_row(label_text(each.label, width), *_class_cells(each))
    rest = by_support[LISTED_CLASSES:]
    if not rest:
        return table
    most, least = rest[0].support, rest[-1].support
    records = counted(most, "record")
    spread = records if most == least else f"{least:,} to {records}"
    note = f"and {counted(len(rest), 'more class', 'more classes')} of {spread}"
    return Group(table, Text(note))


def _class_cells(each: ClassScores | LabelScores) -> list[str]:
    cells = [f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", f"{each.support:,}"]
    if each.support == 0:  # no record has it: nothing to recall
        cells[1:3] = "-", "-"
    if isinstance(each, LabelScores):
        cells += [f"{each.average_precision:.3f}" if each.support else "-", f"{each.threshold:.3f}"]
    return cells


@dataclass(frozen=True)
class _Layout:
    """A way to set the matrix: what stands before the rows and above the columns."""

    rows: list[str]
    heads: list[str]
    gap: int

    def widths(self, cells: list[list[str]]) -> list[int]:
        """Return the width of the row names, then of each column, without gaps."""
        columns = zip(self.heads, *cells, strict=True)
        return [max(map(cell_len, column)) for column in [self.rows, *columns]]


class _Confusions:
    """Chooses between matrix and list once rich says how wide the console is."""

    def __init__(self, scores: Scores) -> None:
        self.counts = scores.confusion
        self.labels = [each.label for each in scores.per_class]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        layouts = self._layouts() if len(self.labels) <= MATRIX_CLASSES else []
        cells = [[f"{count}" if count else "·" for count in row] for row in self.counts]
        for layout in layouts:
            widths = layout.widths(cells)
            if INDENT + sum(widths) + layout.gap * len(layout.heads) <= options.max_width:
                yield from self._matrix(layout, cells, widths)
                return
        yield from self._list()

    def _layouts(self) -> list[_Layout]:
        """List the layouts from the most readable to the most compact."""
        letters = list(string.ascii_lowercase[: len(self.labels)])
        full = [label_text(label, LABEL_WIDTH).plain for label in self.labels]
        lettered = []
        for label_width, gap in ((LABEL_WIDTH, 3), (LABEL_WIDTH, 1), (SHORT_LABEL_WIDTH, 1)):
            rows = [
                f"{label_text(label, label_width).plain} {letter}"
                for label, letter in zip(self.labels, letters, strict=True)
            ]
            lettered.append(_Layout(rows, letters, gap))
        if max(map(cell_len, full)) > HEAD_WIDTH:
            return lettered
        return [_Layout(full, full, gap=3), *lettered]

    def _matrix(self, layout: _Layout, cells: list[list[str]], widths: list[int]) -> RenderResult:
        row_width, *column_widths = widths
        yield Text("Confusion matrix: a row a true class, a column a predicted class", "bold")
        yield Text()
        head = Text(" " * (INDENT + row_width))
        for name, width in zip(layout.heads, column_widths, strict=True):
            head.append(_right(name, layout.gap + width), "bold")
        yield head
        shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        for index, name in enumerate(layout.rows):
            line = Text(_right(name, INDENT + row_width))
            for column, width in enumerate(column_widths):
                style = _cell_style(float(shares[index, column]), column == index)
                line.append(_right(cells[index][column], layout.gap + width), style)
            yield line
        yield from self._legend(layout)

    def _legend(self, layout: _Layout) -> RenderResult:
        """Give in full the labels that the rows had to cut."""
        for row, letter, label in zip(layout.rows, layout.heads, self.labels, strict=True):
            if row.endswith(f"… {letter}"):
                full = Text.assemble(f"{letter} = ", label_text(label, LEGEND_WIDTH))
                yield Padding.indent(full, INDENT)

    def _list(self) -> RenderResult:
        counts = self.counts
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")
        pairs = [divmod(int(flat), len(counts)) for flat in order[: np.count_nonzero(wrong)]]
        yield Text("Most frequent confusions: true -> predicted: records", "bold")
        yield Text()
        shown = {index for pair in pairs[:LISTED_CONFUSIONS] for index in pair}
        width = _width_for([self.labels[index] for index in sorted(shown)])
        for true, predicted in pairs[:LISTED_CONFUSIONS]:
            line = Text.assemble(
                label_text(self.labels[true], width),
                " -> ",
                label_text(self.labels[predicted], width),
                f": {wrong[true, predicted]:,} of {counts[true].sum():,}",
            )
            yield Padding.indent(line, INDENT)
        rest = pairs[LISTED_CONFUSIONS:]
        if rest:
            records = sum(int(wrong[pair]) for pair in rest)
            note = f"and {counted(len(rest), 'other pair')} with {counted(records, 'record')}"
            yield Padding.indent(Text(note), INDENT)
        if not pairs:
            yield Padding.indent(Text("none: every record was given its true class"), INDENT)


def _cell_style(share: float, is_right: bool) -> str:
    if share == 0:
        return "dim"
    if is_right:
        return "bold green"
    if share >= OFTEN:
        return "bold red"
    return "yellow" if share >= SOMETIMES else ""


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text
