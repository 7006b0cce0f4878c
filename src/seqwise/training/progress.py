"""Training as a person sees it: a line for each epoch, and a bar below that moves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from seqwise.evaluation.decision import AnyScores
from seqwise.evaluation.tables import in_words
from seqwise.training.interface import Run
from seqwise.training.loop import Progress
from seqwise.training.reports import EpochReport, StepScores
from seqwise.training.trials import name_trial


def show_progress(
    run: Run,
    reports: Iterable[EpochReport] | None = None,
    *,
    enabled: bool = True,
    console: Console | None = None,
) -> Iterator[EpochReport]:
    """Pass the reports of a run on, and draw how it goes.

    Parameters
    ----------
    run
        What to draw.
    reports
        What to iterate over, where it is not the run itself.
    enabled
        Whether to draw at all.
    console
        Where to draw, standard error by default; nothing is drawn where that is no terminal.
    """
    console = console or Console(stderr=True)
    reports = run if reports is None else reports
    if not (enabled and console.is_terminal):
        yield from reports
        return
    with Live(
        _Bar(run), console=console, refresh_per_second=6, transient=True, redirect_stdout=False
    ):
        for report in reports:
            console.print(_epoch_line(report, run), highlight=False)
            yield report


def _epoch_line(report: EpochReport, run: Run) -> str:
    epoch = f"epoch {report.epoch:>3} of {run.current.config.epochs}"
    if report.valid is None:
        what = "refit on all records" if run.schedule.refits else "further networks"
        number = (
            f"{len(run.more)} of {run.schedule.num_more}, " if run.schedule.num_more > 1 else ""
        )
        return f"{what}: {number}{epoch}  loss {report.train_loss:.4f}"
    best = "  best so far" if report.epochs_since_best == 0 else ""
    trial = f"trying {_name_trial(run)}: " if run.is_trying else ""
    scores = _describe(report.valid)
    return f"{trial}{epoch}  loss {report.train_loss:.4f}  validation: {scores}{best}"


def _name_trial(run: Run) -> str:
    return name_trial(run.shape.encoder, run.config.class_weight)


def _describe(valid: AnyScores | StepScores) -> str:
    return f"loss {valid.loss:.4f}" if isinstance(valid, StepScores) else in_words(valid)


class _Bar:
    """Reads the progress of training each time it is drawn, from the thread that draws."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = time.perf_counter()
        self.done_before = self._share()

    def __rich__(self) -> RenderableType:
        run = self.run
        now, epochs = run.current.progress, run.current.config.epochs
        name = "epoch"
        if run.is_trying:
            name = f"trying {_name_trial(run)}, epoch"
        elif run.more:
            what = "refit" if run.schedule.refits else "network"
            number = f" {len(run.more)}" * (run.schedule.num_more > 1)
            name = f"{what}{number}, epoch"
        line = Table.grid(padding=(0, 1))
        line.add_row(
            f"{name} {now.epoch} of {epochs}",
            ProgressBar(total=1.0, completed=_in_epoch(now), width=24),
            self._state(now),
            f"{now.steps / now.seconds:,.0f} steps/s" if now.seconds else "",
            self._time_left(self._share()),
        )
        return line

    def _share(self) -> float:
        """Give the share of all epochs that are done; a later training takes no more of them."""
        run, plan = self.run, self.run.schedule
        tried = plan.trial_epochs * plan.num_trials
        done = _epochs_done(run.current.progress)
        if run.is_trying:
            done += plan.trial_epochs * len(run.trials)
            return done / (tried + plan.epochs * (1 + plan.num_more))
        if not run.more:
            return (tried + done) / (tried + plan.epochs * (1 + plan.num_more))
        best, before = run.training.best.epoch, tried + len(run.reports)
        done += before + best * (len(run.more) - 1)
        return done / (before + best * plan.num_more)

    @staticmethod
    def _state(now: Progress) -> str:
        if now.validating:
            return "validating"
        return f"loss {now.loss:.4f}" if now.batch else "getting ready"

    def _time_left(self, share: float) -> str:
        gained = share - self.done_before
        if gained <= 0.0 or share >= 1.0:
            return ""
        elapsed = time.perf_counter() - self.started
        minutes, seconds = divmod(round(elapsed / gained * (1 - share)), 60)
        return f"at most {minutes}:{seconds:02d} left"


def _in_epoch(now: Progress) -> float:
    return now.batch / now.num_batches if now.num_batches else 0.0


def _epochs_done(now: Progress) -> float:
    return max(now.epoch - 1, 0) + _in_epoch(now)
