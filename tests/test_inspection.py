import json
from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind, check_sequence
from seqwise.data.records import Record
from seqwise.errors import Code, Problem
from seqwise.inspection import fingerprints as fingerprints_of_checked
from seqwise.inspection import summarise as summarise_checked
from seqwise.inspection_tables import bar, summary_table


def records_of(*pairs):
    return [
        Record(sequence, label, number, line=number + 1)
        for number, (sequence, label) in enumerate(pairs, start=1)
    ]


def checked(records, kind):
    """Do what `RecordFile.checked` does, without a file."""
    for record in records:
        if record.problem is not None:
            yield record
            continue
        sequence = check_sequence(record.sequence, kind)
        if isinstance(sequence, Problem):
            problem = sequence.at(path="f.csv", line=record.line, record=record.number)
            yield replace(record, sequence=None, problem=problem)
        else:
            yield replace(record, sequence=sequence)


def summarise(records, kind, **options):
    return summarise_checked(checked(records, kind), kind, **options)


def fingerprints(records, kind):
    return fingerprints_of_checked(checked(records, kind), kind)


def render(summary):
    console = Console(width=80, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(summary_table(summary))
    text = capture.get()
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= 80
    return text


def lines_of(summary):
    return [" ".join(line.split()) for line in render(summary).splitlines()]


TEXT = records_of(
    ("It's late, late!", "ham"),
    ("Win CASH", "spam"),
    ("win cash", "spam"),
    ("Win CASH", "spam"),
    ("Win CASH", "ham"),
    ("see you", "ham"),
    ("see you", "ham"),
)


def test_text():
    summary = summarise(iter(TEXT), Kind.TEXT)
    assert (summary.kind, summary.num_records, summary.num_usable) == ("text", 7, 7)
    assert list(summary.class_counts.items()) == [("ham", 4), ("spam", 3)]
    assert summary.problems == {}
    assert (summary.lengths["characters"].maximum, summary.lengths["words"].maximum) == (16, 3)
    assert summary.lengths["words"].minimum == 2
    characters, words = summary.vocabularies
    assert (words.unit, words.total, words.distinct, words.once) == ("words", 15, 6, 1)
    assert dict(words.most_frequent) == {
        "win": 4,
        "cash": 4,
        "late": 2,
        "see": 2,
        "you": 2,
        "it's": 1,
    }
    assert characters.distinct == len(set("".join(record.sequence for record in TEXT)))
    assert (summary.channels, summary.overlap) == ((), None)


def test_duplicates_within_a_file():
    found = summarise(TEXT, Kind.TEXT).duplicates
    assert (found.records, found.sequences, found.contradicting) == (3, 2, 1)


def test_overlap_counts_records_of_the_second_file():
    first = summarise(records_of(("a", "x"), ("b", "x"), ("b", "x")), Kind.TEXT)
    second = records_of(("b", "y"), ("b", "x"), ("c", "x"), ("A", "x"))
    assert summarise(second, Kind.TEXT, known=first.fingerprints).overlap == 2
    known = fingerprints(second, Kind.TEXT)
    assert known == {fingerprint(text, Kind.TEXT) for text in "bcA"}
    assert summarise(second, Kind.TEXT, known=set()).overlap == 0


def test_dna():
    summary = summarise(records_of(("ACGT", "a"), ("acgu", "a"), ("NN", "b")), Kind.DNA)
    (letters,) = summary.vocabularies
    assert letters.unit == "letters"
    assert dict(letters.most_frequent) == {"A": 2, "C": 2, "G": 2, "N": 2, "T": 1, "U": 1}
    assert summary.lengths["letters"].mean == pytest.approx(10 / 3)
    assert summary.duplicates.records == 1


def test_protein():
    summary = summarise(records_of(("MKU", "a"), ("mkt", "a")), Kind.PROTEIN)
    assert summary.vocabularies[0].distinct == 4
    assert summary.duplicates.records == 0


def test_events():
    summary = summarise(records_of(("4 17 4", "a"), ([4, 17, 4], "b"), ([5], "b")), Kind.EVENTS)
    (ids,) = summary.vocabularies
    assert (ids.unit, ids.total, ids.distinct, ids.once) == ("ids", 7, 3, 1)
    assert ids.most_frequent == (("4", 4), ("17", 2), ("5", 1))
    assert summary.duplicates.contradicting == 1
    assert (summary.lengths["ids"].minimum, summary.lengths["ids"].maximum) == (1, 3)


def test_series():
    first, second = np.array([[0.0, 10.0], [2.0, 10.0]]), np.array([[4.0, 10.0]])
    summary = summarise(records_of((first, "a"), (second, "b"), (first, "b")), Kind.SERIES)
    moving, still = summary.channels
    assert (moving.minimum, moving.mean, moving.maximum) == (0, pytest.approx(1.6), 4)
    assert moving.std == pytest.approx(np.std([0, 2, 4, 0, 2]))
    assert (still.mean, still.std) == (10, 0)
    assert summary.lengths["steps"].maximum == 2
    assert summary.duplicates.contradicting == 1
    assert summary.vocabularies == ()


def test_series_of_one_channel():
    summary = summarise(records_of((np.array([1.0, 3.0]), "a")), Kind.SERIES)
    assert [(each.mean, each.std) for each in summary.channels] == [(2, 1)]


def test_a_channel_count_that_changes():
    pair, single = np.zeros((3, 2)), np.zeros((3, 1))
    summary = summarise(records_of((pair, "a"), (single, "a"), (pair, "b")), Kind.SERIES)
    assert summary.problems == {Code.CHANNEL_COUNT: 1}
    assert (summary.examples[0].record, summary.examples[0].line) == (2, 3)
    assert summary.num_usable == 2
    assert len(summary.channels) == 2


def bad_records():
    ragged = Problem(Code.RAGGED_ROW, "3 cells", "2 cells", "quote it", path="f.csv", line=7)
    no_label = Problem(Code.MISSING_LABEL, "an empty label", "one label", "correct it")
    return [
        Record("ACGT", "a", 1, 2),
        Record(None, "a", 2, 3, Problem(Code.MISSING_SEQUENCE, "none", "one", "fix")),
        Record("", "a", 3, 4),
        Record("ACGT", None, 4, 5),
        Record("GG", None, 5, 6, no_label),
        Record(None, None, 6, 7, ragged),
        *(Record("AC!", "b", number, number + 1) for number in range(7, 12)),
        Record(None, None, 12, 13, Problem(Code.NUL_BYTE, "NUL", "text", "fix")),
    ]


def test_bad_records():
    summary = summarise(bad_records(), Kind.DNA)
    assert (summary.num_records, summary.num_usable) == (12, 1)
    assert summary.problems == {
        Code.UNKNOWN_LETTER: 5,
        Code.MISSING_LABEL: 2,
        Code.MISSING_SEQUENCE: 1,
        Code.EMPTY_SEQUENCE: 1,
        Code.RAGGED_ROW: 1,
        Code.NUL_BYTE: 1,
    }
    assert next(iter(summary.problems)) is Code.UNKNOWN_LETTER
    assert (summary.missing_labels, summary.missing_sequences) == (2, 2)
    assert summary.class_counts == {"b": 5, "a": 3}
    letters = [each for each in summary.examples if each.code is Code.UNKNOWN_LETTER]
    assert [(each.record, each.line) for each in letters] == [(7, 8), (8, 9), (9, 10)]
    assert summary.lengths["letters"].maximum == 4
    assert summary.duplicates.records == 1  # the unlabelled ACGT
    assert "f.csv:7 (record 6): 3 cells" in str(
        next(each for each in summary.examples if each.code is Code.RAGGED_ROW)
    )
    assert fingerprints(bad_records(), Kind.DNA) == summary.fingerprints


def test_a_bad_record_counts_once():
    mixed = [*records_of((np.zeros((3, 2)), "a")), Record(np.zeros((3, 1)), None, 2)]
    assert summarise(mixed, Kind.SERIES).problems == {Code.CHANNEL_COUNT: 1}
    assert summarise(records_of(("", None)), Kind.TEXT).problems == {Code.EMPTY_SEQUENCE: 1}


def test_no_records():
    summary = summarise([], Kind.TEXT)
    assert (summary.num_records, summary.lengths, summary.class_counts) == (0, {}, {})
    assert "none: no record has a label" in render(summary)


@pytest.mark.parametrize("kind", list(Kind))
def test_to_dict_is_json(kind):
    sequence = {
        Kind.TEXT: "two words",
        Kind.DNA: "ACGT",
        Kind.PROTEIN: "MKV",
        Kind.SERIES: np.arange(4.0),
        Kind.EVENTS: [1, 2],
    }[kind]
    summary = summarise(records_of((sequence, "a"), (sequence, "b"), (None, "b")), kind)
    found = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert (found["kind"], found["num_records"], found["num_usable"]) == (str(kind), 3, 2)
    assert found["class_counts"] == {"b": 2, "a": 1}
    assert found["problems"] == {"missing-sequence": 1}
    assert found["examples"][0].startswith("f.csv:4 (record 3): ")
    assert found["duplicates"] == {"records": 1, "sequences": 1, "contradicting": 1}
    assert len(found["channels"]) == (kind is Kind.SERIES)
    assert "fingerprints" not in found
    if kind is Kind.TEXT:
        words = found["vocabularies"][1]
        assert words["most_frequent"] == {"two": 2, "words": 2}


# How it is drawn


def test_text_is_drawn_with_its_counts():
    known = fingerprints(records_of(("see you", "x")), Kind.TEXT)
    lines = lines_of(summarise(TEXT, Kind.TEXT, known=known))
    assert "records 7" in lines
    assert "classes 2; the rarest: spam (3 records)" in lines
    assert "duplicates 3 records repeat an earlier one; 1 sequence with" in " ".join(lines)
    assert "in the other file too 2 records (28.6%)" in lines
    assert "words 15; 6 different, 17% of which occur once" in lines
    assert "ham 4 57.1% " + "█" * 30 in lines
    assert "spam 3 42.9% " + "█" * 22 + "▌" in lines
    assert "min 2 median 2 mean 2.1 95% up to 3 max 3" in lines
    assert "2 6 " + "█" * 30 in lines
    assert "3 1 " + "█" * 5 in lines


def test_letters_are_drawn_with_their_shares():
    lines = lines_of(summarise(records_of(("AAAC", "x")), Kind.DNA))
    assert "A 75.00% " + "█" * 30 in lines
    assert "C 25.00% " + "█" * 10 in lines


def test_channels_are_drawn_up_to_a_number():
    lines = lines_of(summarise(records_of((np.full((2, 20), 1.25), "x")), Kind.SERIES))
    assert "channels 20" in lines
    assert "16 1.25 1.25 0 1.25" in lines
    assert "and 4 more channels" in lines


def test_bad_records_are_drawn_with_examples():
    lines = lines_of(summarise(bad_records(), Kind.DNA))
    assert "usable for training 1" in lines
    assert "missing sequences 2" in lines
    assert "missing labels 2" in lines
    assert "unknown-letter 5" in lines
    assert any(line.startswith("f.csv:8 (record 7): letter '!' at position 3") for line in lines)


def test_a_file_without_labels_is_not_all_bad():
    lines = lines_of(summarise(records_of(("ACGT", None), ("AC", None)), Kind.DNA))
    assert "classes none: no record has a label" in lines
    assert "Bad records" not in lines


def test_many_classes_are_counted():
    pairs = [("x", f"class {index}") for index in range(25) for _ in range(25 - index)]
    lines = lines_of(summarise(records_of(*pairs), Kind.TEXT))
    assert any(line.startswith("class 19 6 ") for line in lines)
    assert not any(line.startswith("class 20 ") for line in lines)
    assert "and 5 more classes of 1 to 5 records, 4.6% together" in lines


def test_labels_and_problems_are_shown_as_they_are():
    labels = ("[red]x[/red]", "a\x1b[31mb")
    bad = Record(None, "c", 3, 4, Problem(Code.BAD_JSON, "\x1b[0m", "[bold]x", "mend"))
    text = render(summarise([*records_of(("s", labels[0]), ("t", labels[1])), bad], Kind.TEXT))
    assert "[red]x[/red]" in text
    assert "a\\x1b[31mb" in text
    assert "\\x1b[0m - [bold]x" in text


def test_bar():
    assert bar(1, 4) == "████"
    assert bar(0.5, 4) == "██"
    assert bar(0.53125, 4) == "██▏"
    assert bar(1e-9, 4) == "▏"
    assert bar(0, 4) == ""


def test_any_number_of_labels():
    sets = [("a", "b"), (), ("a",), ("a", "b")]
    pairs = [(f"x {number % 3}", labels) for number, labels in enumerate(sets)]
    summary = summarise(records_of(*pairs), Kind.TEXT)
    assert summary.class_counts == {"a": 3, "b": 2}
    assert summary.labels_per_record == {0: 1, 1: 1, 2: 2}
    assert (summary.num_usable, summary.duplicates.contradicting) == (4, 0)
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(summary_table(summary))
    shown = " ".join(capture.get().split())
    assert "labels a record 1.25 in the mean; records by number: 0: 1, 1: 1, 2: 2" in shown
    assert "a 3 75.0%" in shown


def test_equal_sequences_with_other_sets_of_labels_contradict_each_other():
    records = records_of(("x", ("a",)), ("x", ()), ("y", ("a",)), ("y", ("a",)))
    assert summarise(records, Kind.TEXT).duplicates.contradicting == 1
