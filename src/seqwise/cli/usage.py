"""What is wrong with the command line itself, as a problem of the one form."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from seqwise.errors import Code, Problem, excerpt, one_line

# Its home has moved between versions of Typer; what the parser raises is all of this class.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def describe_usage(error: Any, command: Any) -> Problem:
    """Say what the option parser complains of.

    Parameters
    ----------
    error
        A `UsageError`.
    command
        The command that was called, as Typer knows it; the program itself where there is none.
    """
    called = "seqwise" if command.name in (None, "seqwise") else f"seqwise {command.name}"
    see_help = f"see {called} --help"
    if getattr(error, "param", None) is not None:
        return _describe_value(error, command, see_help)
    name = getattr(error, "option_name", None)
    if name is not None and hasattr(error, "possibilities"):
        options = [
            each for param in command.params for each in (*param.opts, *param.secondary_opts)
        ]
        options = [each for each in options if each.startswith("-")]
        found = f"{called} has no option {excerpt(name)}"
        return _unknown(found, "one that it has", name, options, see_help)
    found = one_line(error.format_message().rstrip("."))
    return Problem(Code.BAD_USAGE, found[:1].lower() + found[1:], f"what {called} takes", see_help)


def refuse_option(value: str | None) -> str | None:
    """Take a name to write to, but no option: what was to stand before it is missing.

    Raises
    ------
    typer.BadParameter
        If it looks like one.
    """
    if value is not None and value.startswith("--"):
        raise typer.BadParameter("")
    return value


def unknown_command(name: str, commands: Iterable[str]) -> Problem:
    """Say that there is no such command."""
    names = list(commands)
    found, expected = f"no command {excerpt(name)}", "one of " + ", ".join(names)
    return _unknown(found, expected, name, names, "see seqwise --help")


def _unknown(found: str, expected: str, name: str, known: list[str], see_help: str) -> Problem:
    begun = [each for each in known if each.startswith(name)]
    near = begun[:1] or difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    remedy = f"did you mean {near[0]}?" if near else see_help
    return Problem(Code.BAD_USAGE, found, expected, remedy)


def _describe_value(error: Any, command: Any, see_help: str) -> Problem:
    """Tell an option or an argument that is missing from one whose value cannot be."""
    param = error.param
    name = param.opts[0] if param.opts[0].startswith("-") else param.metavar
    if not error.message:
        expected = param.help.rstrip(".")
        return Problem(Code.BAD_USAGE, f"no {name}", expected[:1].lower() + expected[1:], see_help)
    cause = error.__cause__
    found = one_line(error.message)
    if hasattr(cause, "errors"):  # of pydantic, which Typer reads values with
        found = f"{name} is {excerpt(cause.errors()[0]['input'])}"
    expected = _spell(get_type_hints(command.callback)[param.name])
    return Problem(Code.BAD_SETTING, found, expected, f"change {name}")


def _spell(hint: Any) -> str:
    """Say what an option takes; None stands beside its type where it may be left out."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(get_args(hint))
    return {int: "a whole number", float: "a number"}.get(hint, "another value")
