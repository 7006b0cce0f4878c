"""From a command that is a dataclass to the function that Typer reads options off, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

Command = TypeVar("Command")


class Only:
    """Which options of a group a command has; stands beside the group in `Annotated`."""

    def __init__(self, *names: str) -> None:
        self.names = names


def to_function(command: type[Command], call: Callable[[Command], None]) -> Callable[..., None]:
    """Make the function that Typer takes for a command.

    Parameters
    ----------
    command
        A dataclass; each field is an option or an argument in the words of Typer, or a group, which
        is a dataclass of such fields.
    call
        Gets what the user said, as an instance of `command`.
    """

    def function(**spoken: Any) -> None:
        call(_assemble(command, spoken))

    parameters = list(_parameters(command))
    function.__doc__ = command.__doc__
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def _parameters(command: type, only: tuple[str, ...] = ()) -> Iterator[inspect.Parameter]:
    """Give a parameter for each option, those of groups in their places."""
    hints = _type_hints(command)
    defaults = {each.name: each.default for each in fields(command)}
    for name in only or hints:
        group, names = _as_group(hints[name])
        if group is not None:
            yield from _parameters(group, names)
            continue
        default = inspect.Parameter.empty if defaults[name] is MISSING else defaults[name]
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name]
        )


def _assemble(command: type[Command], spoken: dict[str, Any]) -> Command:
    """Put values into the fields and groups that they were the options of."""
    values: dict[str, Any] = {}
    for name, hint in _type_hints(command).items():  # type: ignore[arg-type]
        group, _ = _as_group(hint)
        if group is not None:
            values[name] = _assemble(group, spoken)
        elif name in spoken:
            values[name] = spoken[name]
    return command(**values)


@cache
def _type_hints(command: type) -> dict[str, Any]:
    """Compile the annotations of a class once: it takes a part of the time of --help."""
    return get_type_hints(command, include_extras=True)


def _as_group(hint: Any) -> tuple[type | None, tuple[str, ...]]:
    """Tell a group and the names that `Only` gives, if any, from the type of an option."""
    kind, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return None, ()
    return kind, next((each.names for each in beside if isinstance(each, Only)), ())
