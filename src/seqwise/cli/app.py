"""The program: its commands, and how it begins; what a command does is imported when it is called.

torch takes seconds to import, and `seqwise --help` should not.
"""

from __future__ import annotations

import importlib
import os
from typing import Annotated, Any

import typer

from seqwise.cli.commands import COMMANDS
from seqwise.cli.ending import heed_no_more, heed_signals, prepare_streams
from seqwise.cli.program import Program
from seqwise.cli.signature import to_function
from seqwise.version import __version__

app = typer.Typer(
    cls=Program,
    name="seqwise",
    help="Labels for whole sequences: text, DNA, protein, series, events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _name(command: type) -> str:
    return command.__name__.lower()


def _call(options: Any) -> None:
    """Import the file of a command and run it."""
    importlib.import_module(f"seqwise.cli.{_name(type(options))}").run(options)


for _command in COMMANDS:
    app.command(_name(_command))(to_function(_command, _call))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqwise {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Labels for whole sequences: text, DNA, protein, series, events."""


def main() -> None:
    """Run the command line."""
    _wait_less()
    _keep_fewer_kernels()
    prepare_streams()
    heed_signals()
    try:
        app()
    finally:
        heed_no_more()


def _wait_less() -> None:
    """Have threads that wait for each other give way soon.

    GNU OpenMP lets them spin for milliseconds, and a machine that is busy with other work takes
    many times as long for two threads as for one then. Read when torch is loaded, later than here.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _keep_fewer_kernels() -> None:
    """Have oneDNN keep 128 of the kernels that it compiles, instead of 1,024.

    There is one for each size of a batch, hundreds for sequences of unequal length, up to a
    megabyte each. Read when torch is loaded, as above; docs/design/0010 says what was measured.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
