"""The summary of a file as the terminal shows it: at 80 columns, with and without colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from seqwise.evaluation.distribution import ChannelSummary, Distribution
from seqwise.evaluation.tables import (
    INDENT,
    LABEL_WIDTH,
    counted,
    facts_table,
    label_text,
    plain_table,
)
from seqwise.inspection import FileSummary, Vocabulary

__all__ = ["summary_table"]

BAR_WIDTH = 30
LISTED_CLASSES = 20
LISTED_CHANNELS = 16
LISTED_NUMBERS = 10  # of labels a record
EXAMPLE_WIDTH = 400  # a problem takes several lines

_EIGHTHS = " ▏▎▍▌▋▊▉"


def summary_table(summary: FileSummary) -> RenderableType:
    """Draw what a file is made of: facts, problems, classes, lengths, channels or letters.

    Parameters
    ----------
    summary
        What `seqwise.inspection.summarise` gave.

    Returns
    -------
    RenderableType
        For `rich.console.Console.print`.
    """
    parts: list[RenderableType] = [facts_table(_facts(summary))]
    if summary.examples and summary.class_counts:
        parts += _section("Bad records", _problems(summary))
    if summary.class_counts:
        parts += _section("Classes", _classes(summary))
    for unit, spread in summary.lengths.items():
        parts += _section(f"Length in {unit}", _lengths(spread))
    for vocabulary in summary.vocabularies:
        if vocabulary.unit == "letters":
            parts += _section("Letters", _letters(vocabulary))
    if summary.channels:
        parts += _section("Channels", _channels(summary.channels))
    return Group(*parts)


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """Draw a bar of block characters; whatever is above 0 shows, 1 fills the width.

    Examples
    --------
    >>> bar(0.5, 3), bar(0.0, 3), bar(0.0001, 3)
    ('█▌', '', '▏')
    """
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _section(title: str, body: RenderableType) -> list[RenderableType]:
    return [Text(), Text(title, style="bold"), Padding.indent(body, INDENT)]


def _facts(summary: FileSummary) -> list[tuple[str, RenderableType]]:
    facts: list[tuple[str, RenderableType]] = [
        ("kind", Text(str(summary.kind))),
        ("records", Text(f"{summary.num_records:,}")),
        ("usable for training", Text(f"{summary.num_usable:,}")),
        ("classes", _class_line(summary)),
        *_labels_line(summary),
        ("missing sequences", Text(f"{summary.missing_sequences:,}")),
        ("missing labels", Text(f"{summary.missing_labels:,}")),
        ("duplicates", Text(_duplicate_line(summary))),
    ]
    if summary.overlap is not None:
        share = summary.overlap / max(summary.num_records, 1)
        line = f"{counted(summary.overlap, 'record')} ({share:.1%})"
        facts.append(("in the other file too", Text(line)))
    facts += [(each.unit, Text(_vocabulary_line(each))) for each in summary.vocabularies]
    if summary.channels:
        facts.append(("channels", Text(f"{len(summary.channels):,}")))
    return facts


def _class_line(summary: FileSummary) -> Text:
    counts = summary.class_counts
    if not counts:
        return Text("none: no record has a label")
    most, (rarest, fewest) = max(counts.values()), list(counts.items())[-1]
    if most == fewest:
        return Text(f"{len(counts):,}; each has {counted(fewest, 'record')}")
    name = label_text(rarest, LABEL_WIDTH)
    return Text.assemble(f"{len(counts):,}; the rarest: ", name, f" ({counted(fewest, 'record')})")


def _labels_line(summary: FileSummary) -> list[tuple[str, RenderableType]]:
    counts = summary.labels_per_record
    if not counts:
        return []
    total = sum(number * count for number, count in counts.items())
    mean = total / sum(counts.values())
    spread = ", ".join(f"{number}: {counts[number]:,}" for number in list(counts)[:LISTED_NUMBERS])
    more = ", …" * (len(counts) > LISTED_NUMBERS)
    return [("labels a record", Text(f"{mean:.2f} in the mean; records by number: {spread}{more}"))]


def _duplicate_line(summary: FileSummary) -> str:
    found = summary.duplicates
    if not found.records:
        return "none"
    verb = "repeats" if found.records == 1 else "repeat"
    line = f"{counted(found.records, 'record')} {verb} an earlier one"
    if found.contradicting:
        line += f"; {counted(found.contradicting, 'sequence')} with contradicting labels"
    return line


def _vocabulary_line(vocabulary: Vocabulary) -> str:
    line = f"{vocabulary.total:,}; {vocabulary.distinct:,} different"
    if vocabulary.unit not in {"words", "ids"}:
        return line  # no alphabet is so large that its rare letters matter
    share = vocabulary.once / max(vocabulary.distinct, 1)
    return f"{line}, {share:.0%} of which occur once"


def _problems(summary: FileSummary) -> RenderableType:
    table = plain_table(headed=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for code, count in summary.problems.items():
        table.add_row(Text(str(code)), f"{count:,}")
    examples = [label_text(str(problem), EXAMPLE_WIDTH) for problem in summary.examples]
    for example in examples:
        example.no_wrap = False
    return Group(table, Text("for example"), *(Padding.indent(each, INDENT) for each in examples))


def _classes(summary: FileSummary) -> RenderableType:
    counts = summary.class_counts
    total, most = sum(counts.values()), max(counts.values())
    if summary.labels_per_record:  # shares of the records, which may have several labels
        total = sum(summary.labels_per_record.values())
    table = plain_table(headed=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    listed = list(counts.items())
    for label, count in listed[:LISTED_CLASSES]:
        name = label_text(label, LABEL_WIDTH)
        table.add_row(name, f"{count:,}", f"{count / total:.1%}", bar(count / most))
    rest = listed[LISTED_CLASSES:]
    if not rest:
        return table
    records = sum(count for _, count in rest)
    note = f"and {counted(len(rest), 'more class', 'more classes')} of {rest[-1][1]:,} to "
    together = "" if summary.labels_per_record else f", {records / total:.1%} together"
    return Group(table, Text(f"{note}{rest[0][1]:,} records{together}"))


def _lengths(spread: Distribution) -> RenderableType:
    facts = (
        f"min {spread.minimum:,}   median {spread.median:,.0f}   mean {spread.mean:,.1f}   "
        f"95% up to {spread.percentile95:,.0f}   max {spread.maximum:,}"
    )
    most = max(each.count for each in spread.histogram)
    table = plain_table(headed=False)
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    table.columns[2].justify = "left"
    for each in spread.histogram:
        span = f"{each.low:,}" if each.low == each.high else f"{each.low:,} - {each.high:,}"
        table.add_row(span, f"{each.count:,}", bar(each.count / most))
    return Group(Text(facts), table)


def _letters(vocabulary: Vocabulary) -> RenderableType:
    most = vocabulary.most_frequent[0][1]
    table = plain_table(headed=False)
    for letter, count in vocabulary.most_frequent:
        share = f"{count / vocabulary.total:.2%}"
        table.add_row(label_text(letter, LABEL_WIDTH), share, bar(count / most))
    table.columns[1].justify = "right"
    return table


def _channels(channels: Sequence[ChannelSummary]) -> RenderableType:
    table = plain_table()
    for head in ("channel", "min", "mean", "std", "max"):
        table.add_column(head, justify="right")
    for number, each in enumerate(channels[:LISTED_CHANNELS], start=1):
        values = (each.minimum, each.mean, each.std, each.maximum)
        table.add_row(f"{number}", *(f"{value:.4g}" for value in values))
    if len(channels) <= LISTED_CHANNELS:
        return table
    return Group(table, Text(f"and {counted(len(channels) - LISTED_CHANNELS, 'more channel')}"))
