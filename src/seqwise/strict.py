"""Values that check their own types and turn to JSON and back: what all configurations are."""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from seqwise.errors import Code, ConfigError, Problem, excerpt


def setting_error(name: str, value: object, expected: str) -> ConfigError:
    """Make the error for a setting that has no such value."""
    found = f"{name} is {excerpt(value)}"
    return ConfigError(Problem(Code.BAD_SETTING, found, expected, f"change {option(name)}"))


def option(name: str) -> str:
    """Give the option of the command line that a setting has."""
    return "--" + name.replace("_", "-")


def unknown_setting(name: str, value: object, known: Iterable[str]) -> ConfigError:
    """Make the error for a setting that does not exist."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return setting_error(name, value, f"did you mean {near[0]}?" if near else "no such setting")


@cache
def _type_hints(kind: type) -> dict[str, Any]:
    """Compile the annotations of a class once."""
    return get_type_hints(kind)


def _matches(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_matches(value, part) for part in get_args(hint))
    if hint is float and isinstance(value, float):
        return True
    if hint in (int, float):  # more digits than 64 bits are no setting, and no float holds them
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if origin in (dict, list):
        return isinstance(value, origin) and _matches_inside(value, get_args(hint))
    return isinstance(value, hint)


def _matches_inside(value: Any, hints: tuple[Any, ...]) -> bool:
    if isinstance(value, list):
        return all(_matches(each, hints[0]) for each in value)
    return all(_matches(key, hints[0]) and _matches(each, hints[1]) for key, each in value.items())


def _spell(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_spell(part) for part in get_args(hint))
    if get_origin(hint) in (dict, list):
        return "a table of numbers"
    return {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}.get(
        hint, "nothing"
    )


class Settings:
    """What the configurations share: types are checked, and JSON is read strictly."""

    def __post_init__(self) -> None:
        for name, hint in _type_hints(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            if not _matches(value, hint):
                raise setting_error(name, value, _spell(hint))
        self._check()

    def _check(self) -> None:
        """Check ranges; types are right by now."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from JSON values; every name must be known and every required one be there.

        Raises
        ------
        ConfigError
            For an unknown name, a missing one, or a value of another type or range.
        """
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        for name, value in values.items():
            if name not in known:
                raise unknown_setting(name, value, known)
        try:
            return cls(**values)
        except TypeError as error:
            found = f"{cls.__name__} lacks a setting ({error})"
            raise ConfigError(
                Problem(Code.BAD_SETTING, found, ", ".join(known), "add it")
            ) from error

    def _check_range(self, name: str, low: float, high: float | None, expected: str) -> None:
        value = getattr(self, name)
        if value is None:
            return
        if not math.isfinite(value) or value < low or (high is not None and value > high):
            raise setting_error(name, value, expected)
