import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from seqwise.evaluation.metrics import score
from seqwise.evaluation.tables import confusion_table, label_text, scores_table

WIDTH = 80


def render(renderable, width=WIDTH):
    """What a pipe would get: no colour, no terminal."""
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    text = capture.get()
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    return text


def render_in_colour(renderable):
    console = Console(width=WIDTH, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def scores_of(confusion, labels):
    """Make scores with a given confusion matrix."""
    confusion = np.asarray(confusion)
    targets = np.repeat(np.arange(len(labels)), confusion.sum(axis=1))
    predicted = np.concatenate([np.repeat(np.arange(len(labels)), row) for row in confusion])
    return score(np.eye(len(labels))[predicted], targets, labels)


def names(number):
    return [f"class {index:02}" for index in range(number)]


def cells(text):
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def test_scores_table_has_the_numbers():
    text = render(scores_table(scores_of([[960, 6], [2, 147]], ["ham", "spam"])))
    lines = cells(text)
    assert ["records", "1,115"] in lines
    assert ["accuracy", "0.993", "(always", "ham:", "0.866)"] in lines
    assert ["ham", "0.998", "0.994", "0.996", "966"] in lines
    assert ["spam", "0.961", "0.987", "0.974", "149"] in lines
    for name in ("macro F1", "balanced accuracy", "log loss", "calibration error"):
        assert re.search(rf"{name} +\d+\.\d\d\d", text)


def test_classes_are_sorted_by_support_then_by_f1():
    confusion = [[3, 0, 0, 0], [0, 9, 0, 0], [0, 0, 2, 1], [0, 0, 0, 0]]
    lines = cells(render(scores_table(scores_of(confusion, ["good", "most", "fair", "none"]))))
    listed = [line[0] for line in lines if line and line[0] in {"fair", "most", "good", "none"}]
    assert listed == ["most", "fair", "good", "none"]
    assert ["none", "0.000", "-", "-", "0"] in lines


@pytest.mark.parametrize(
    ("number", "note"),
    [
        (30, None),
        (31, "and 1 more class of 1 record"),
        (40, "and 10 more classes of 1 to 10 records"),
    ],
)
def test_rare_classes_are_counted_not_listed(number, note):
    text = render(scores_table(scores_of(np.diag(np.arange(number, 0, -1)), names(number))))
    assert "class 29" in text
    assert "class 30" not in text
    if note is None:
        assert "more class" not in text
    else:
        assert note in text


def test_small_confusion_matrix_is_headed_by_the_labels():
    lines = cells(render(confusion_table(scores_of([[5, 1], [0, 1234]], ["ham", "spam"]))))
    assert lines[2:5] == [["ham", "spam"], ["ham", "5", "1"], ["spam", "·", "1234"]]


def test_wide_confusion_matrix_is_headed_by_letters():
    labels = [f"category-{index}" for index in range(10)]
    confusion = np.diag(np.full(10, 300))
    confusion[3, 7] = 45
    lines = cells(render(confusion_table(scores_of(confusion, labels))))
    assert lines[2] == list("abcdefghij")
    assert lines[6] == ["category-3", "d", "·", "·", "·", "300", "·", "·", "·", "45", "·", "·"]


def test_twenty_classes_fit_into_80_columns():
    confusion = np.full((20, 20), 10)
    lines = cells(render(confusion_table(scores_of(confusion, names(20)))))
    assert lines[2] == list("abcdefghijklmnopqrst")
    assert lines[3] == ["class", "00", "a", *["10"] * 20]


def test_long_labels_are_cut_and_explained():
    labels = ["short", "a label so long that it would not fit"]
    text = render(confusion_table(scores_of([[3, 0], [1, 2]], labels)))
    assert "a label so long that it… b   1   2" in text
    assert "b = a label so long that it would not fit" in text
    assert "a = " not in text


@pytest.mark.parametrize("number", [21, 20])
def test_many_classes_give_a_list(number):
    """21 classes are too many for a matrix; 20 are too wide for it with counts of 5 digits."""
    confusion = np.diag(np.full(number, 10 if number == 21 else 10_000))
    confusion[4, 2] = 7
    confusion[0, 1] = 9
    if number == 20:
        confusion += 1
    text = render(confusion_table(scores_of(confusion, names(number))))
    total = confusion.sum(axis=1)
    first = text.index(f"class 00 -> class 01: {confusion[0, 1]} of {total[0]:,}")
    second = text.index(f"class 04 -> class 02: {confusion[4, 2]} of {total[4]:,}")
    assert first < second
    assert "Confusion matrix" not in text
    assert ("and 360 other pairs with 360 records" in text) == (number == 20)


def test_labels_of_one_beginning_are_told_apart():
    labels = [f"international transfer fee {number}" for number in range(25)]
    confusion = np.diag(np.full(25, 9))
    confusion[4, 2] = 1
    scores = scores_of(confusion, labels)
    assert f"{labels[4]} -> {labels[2]}: 1 of 10" in render(confusion_table(scores))
    text = render(scores_table(scores))
    assert all(f"{label} " in text for label in labels)


def test_list_without_a_confusion():
    text = render(confusion_table(scores_of(np.diag(np.ones(25, dtype=int)), names(25))))
    assert "none: every record was given its true class" in text


@pytest.mark.parametrize(("width", "heads"), [(19, ["ham", "spam"]), (18, ["a", "b"])])
def test_matrix_uses_the_width_to_the_last_column(width, heads):
    text = render(confusion_table(scores_of([[5, 1], [0, 1234]], ["ham", "spam"])), width)
    assert heads in cells(text)


def test_narrow_console_gets_the_list():
    labels = [f"label {index}" for index in range(12)]
    scores = scores_of(np.full((12, 12), 100), labels)
    assert "label 0 -> label 1: 100 of 1,200" in render(confusion_table(scores), width=50)
    assert "Confusion matrix" in render(confusion_table(scores), width=80)


@pytest.mark.parametrize("draw", [scores_table, confusion_table])
@pytest.mark.parametrize("number", [2, 25])
def test_labels_are_shown_as_they_are(draw, number):
    labels = ["[red]alarm[/red]", "a\x1b[31mb\n", *names(number - 2)]
    confusion = np.eye(number, dtype=int) * 5
    confusion[0, 1] = 1
    text = render(draw(scores_of(confusion, labels)))
    assert "[red]alarm[/red]" in text
    assert "a\\x1b[31mb\\n" in text
    assert "a\x1b[31mb" not in render_in_colour(draw(scores_of(confusion, labels)))


def test_colour_marks_frequent_confusions_and_dims_zeros():
    text = render_in_colour(confusion_table(scores_of([[6, 4], [0, 9]], ["a", "b"])))
    assert re.search(r"\x1b\[1;31m +4", text)  # 40% of the class
    assert re.search(r"\x1b\[2m +·", text)
    assert re.search(r"\x1b\[1;32m +9", text)


@pytest.mark.parametrize(
    ("label", "width", "shown"),
    [
        ("plain", 10, "plain"),
        ("exact", 5, "exact"),
        ("longer", 5, "long…"),
        ("", 5, "''"),
        ("tab\tbell\a", 20, "tab\\tbell\\x07"),
        ("right\u202eto left", 30, "right\\u202eto left"),
        ("half \ud800", 20, "half \\ud800"),
        ("[bold]x", 20, "[bold]x"),
        (":smile:", 20, ":smile:"),
        ("Zürich", 20, "Zürich"),
    ],
)
def test_label_text(label, width, shown):
    assert label_text(label, width).plain == shown


def test_label_text_counts_cells_not_characters():
    assert cell_len(label_text("汉字" * 10, 9).plain) <= 9
