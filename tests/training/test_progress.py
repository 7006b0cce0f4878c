import time
from io import StringIO

import pytest
from rich.console import Console

from seqwise.training.progress import _Bar, show_progress
from tests.training.examples import make_noisy_run, make_refit_run, make_run


def draw(*, is_terminal, enabled=True, run=None):
    """Return the reports and what was written to the terminal."""
    file = StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=200, color_system=None)
    reports = list(show_progress(run or make_run(), enabled=enabled, console=console))
    return reports, file.getvalue()


def test_each_epoch_has_its_line():
    reports, written = draw(is_terminal=True)
    assert [report.epoch for report in reports] == [1, 2, 3]
    for report in reports:
        assert f"epoch {report.epoch:>3} of 3  loss {report.train_loss:.4f}" in written
        assert f"accuracy {report.valid.accuracy:.4f}" in written
        assert f"macro F1 {report.valid.macro_f1:.4f}" in written


def test_the_best_epoch_is_marked():
    reports, written = draw(is_terminal=True, run=make_noisy_run()[0])
    lines = [line for line in written.splitlines() if "validation:" in line]
    assert len(lines) == len(reports)
    for line, report in zip(lines, reports, strict=True):
        assert ("best so far" in line) == (report.epochs_since_best == 0)


def test_the_refit_has_lines_of_its_own():
    run = make_refit_run()
    reports, written = draw(is_terminal=True, run=run)
    last = run.training.best.epoch
    assert len(reports) == len(run.reports) + last
    for report in reports[len(run.reports) :]:
        line = f"refit on all records: epoch {report.epoch:>3} of {last}  loss "
        assert f"{line}{report.train_loss:.4f}" in written
    assert f"refit, epoch {last} of {last} " in written


def test_trials_have_lines_of_their_own():
    run = make_run(class_weight="auto")
    _, written = draw(is_terminal=True, run=run)
    for name, epochs in (("lstm", 1), ("lstm with balanced classes", 1)):
        assert f"trying {name}: epoch   1 of {epochs}  loss " in written


def test_the_share_that_is_done_counts_the_trials():
    run = make_run(class_weight="auto")
    bar = _Bar(run)
    assert [bar._share() for _ in run] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_the_time_left_counts_the_refit():
    run = make_refit_run(seed=13)
    bar = _Bar(run)
    epochs = iter(run)
    next(epochs)  # 1 of 6 epochs, and of 6 of the refit at the most
    bar.started = time.perf_counter() - 60
    assert bar._time_left(bar._share()) == "at most 11:00 left"
    assert len(list(epochs)) == 5 + run.training.best.epoch
    assert bar._share() == 1


def test_a_bar_shows_speed_and_time_left():
    _, written = draw(is_terminal=True)
    assert " steps/s" in written
    assert "at most 0:" in written
    assert "epoch 3 of 3" in written


@pytest.mark.parametrize(
    "settings", [{"is_terminal": False}, {"is_terminal": True, "enabled": False}]
)
def test_nothing_is_drawn_where_nobody_looks(settings):
    reports, written = draw(**settings)
    assert written == ""
    assert len(reports) == 3


def test_drawing_changes_nothing():
    drawn, _ = draw(is_terminal=True)
    plain, _ = draw(is_terminal=False)
    assert [report.train_loss for report in drawn] == [report.train_loss for report in plain]


def test_standard_error_is_the_place(capsys):
    assert len(list(show_progress(make_run(epochs=1)))) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")  # no terminal here


def test_leaving_early_gives_the_terminal_back():
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=200, color_system=None)
    drawing = show_progress(make_run(epochs=9), console=console)
    next(drawing)
    drawing.close()
    hidden, shown = file.getvalue().rfind("\x1b[?25l"), file.getvalue().rfind("\x1b[?25h")
    assert hidden < shown
