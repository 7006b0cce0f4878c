"""What `train` and `pretrain` share: processes of one voice, checkpoints, and being stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from seqwise.artifact import check_output, is_exactly
from seqwise.cli.commands import Pretrain, Train
from seqwise.cli.ending import USER_ERROR
from seqwise.cli.files import check_apart, say
from seqwise.data.store_folder import remove_store
from seqwise.errors import Code, ConfigError, SeqwiseError
from seqwise.interruption import Stopped, StopRequest
from seqwise.strict import setting_error
from seqwise.training.checkpoint import Checkpoints
from seqwise.training.distribution import World, take_device
from seqwise.training.interface import Run
from seqwise.training.progress import show_progress
from seqwise.training.stopping import go_on, keep_checkpoints

Facts = Callable[[], list[tuple[str, str]]]


@contextmanager
def one_voice(world: World) -> Iterator[None]:
    """Let the first process alone say what went wrong."""
    try:
        yield
    except SeqwiseError as error:
        if world.is_first:
            raise
        if error.code is not Code.PROCESS_LOST:
            world.wait_for_first()
        raise typer.Exit(USER_ERROR) from error


class Session:
    """A run from the first look at its output to its end.

    Parameters
    ----------
    world
        The processes that train together.
    options
        What to write, and when to keep checkpoints.
    console
        For people.
    """

    def __init__(self, world: World, options: Train | Pretrain, console: Console) -> None:
        self.world = world
        self.options = options
        self.console = console
        self.checkpoints = Checkpoints(f"{Path(options.out)}.checkpoints")
        self._is_saved = False
        # Where what is too large for memory goes.
        self.store = Path(f"{Path(options.out)}.encoded")

    def begin(self, stack: ExitStack) -> None:
        """Make sure before long work that there is something to compute on, and a place to write.

        Raises
        ------
        SeqwiseError
            If not.
        """
        options = self.options
        if not options.checkpoint_seconds >= 0:
            raise setting_error("checkpoint_seconds", options.checkpoint_seconds, "0 or more")
        take_device(options.computing.device or "auto")
        if self.world.is_first:
            self._is_saved = options.resume and is_exactly(
                options.out, self.checkpoints.announced()
            )
            if not self._is_saved:
                check_output(options.out, overwrite=options.overwrite)
                check_apart(options.out, options.files)
            stack.enter_context(self.checkpoints)
            if not options.resume:
                self.checkpoints.check_free()

    def is_done(self, store: Path | None) -> bool:
        """Tell whether a run that was killed had saved its result; clear up after it then."""
        if not self.world.as_in_first(self._is_saved):
            return False
        if self.world.is_first:
            self.clear(store)
        text = "saved before; what was left of its training has been removed"
        say(self.console, [("model in", f"{escape(self.options.out)}   {text}")])
        return True

    def clear(self, store: Path | None) -> None:
        """Remove what a result was made from; whoever is killed here does it with --resume."""
        if store is not None:
            remove_store(store)
        self.checkpoints.remove()

    def go_through(self, run: Run, facts: Facts, stack: ExitStack) -> None:
        """Say what is done, go through a run, and end the program where it is stopped.

        Checkpoints that lead to nothing are not kept.
        """
        stop = stack.enter_context(StopRequest(lambda: run.current.progress.validating))
        if self.options.resume:
            self._go_on(run)
        # What fits into a budget was found out when the run began.
        told = [(name, escape(text)) for name, text in facts()]
        say(self.console, [*told, ("checkpoints", self._describe())])
        reports = keep_checkpoints(
            run, self.checkpoints, stop, seconds=self.options.checkpoint_seconds
        )
        try:
            for _ in show_progress(run, reports, console=self.console):
                pass
        except Stopped as stopped:
            _end(run, stopped)
        except ConfigError as error:
            if error.code is Code.DIVERGED and self.world.is_first:
                # From each of them the same training ends in the same place.
                self.checkpoints.remove()
            raise

    def _describe(self) -> str:
        folder = escape(str(self.checkpoints.folder))
        when = f"each {self.options.checkpoint_seconds:g} s in {folder}, until the model is there"
        return f"{when}; --resume goes on from them"

    def _go_on(self, run: Run) -> None:
        found, problems = go_on(run, self.checkpoints)
        for problem in problems:
            say(self.console, [("passed over", escape(str(problem)))])
        where = run.place() if found else "no checkpoint was there: from the beginning"
        say(self.console, [("going on", where)])


def _end(run: Run, stopped: Stopped) -> NoReturn:
    """Say how to go on, and end as a program that the signal has ended."""
    if run.world.is_first:
        how = "the same command with --resume goes on from there"
        typer.echo(f"seqwise: stopped {run.place()}; {how}", err=True)
    raise typer.Exit(128 + stopped.signal)
