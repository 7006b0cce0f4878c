"""Commands that are dataclasses, as Typer sees them, and what they have of the configurations."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from importlib import import_module
from typing import Annotated, get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from seqwise.cli.commands import COMMANDS
from seqwise.cli.options import Computing, FileOptions, FormatName
from seqwise.cli.settings import DataSettings, ModelSettings, TrainingSettings
from seqwise.cli.signature import Only, to_function
from seqwise.config import DataConfig, KindName, ModelConfig, TrainConfig
from seqwise.data.kinds import Kind
from seqwise.data.records import FORMATS


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large."""

    width: Annotated[int | None, typer.Option(help="Left to right.")] = None
    height: Annotated[int, typer.Option(help="Up.")] = 3
    depth: Annotated[float | None, typer.Option(help="Behind.")] = None


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Draw something."""

    what: Annotated[str, typer.Argument(metavar="WHAT")]
    size: Annotated[Size, Only("depth", "width")]
    quiet: Annotated[bool, typer.Option("--quiet")] = False


@dataclass(frozen=True, kw_only=True)
class Misspelt:
    """Draw something of no size."""

    size: Annotated[Size, Only("widht")]


def drawn(*arguments):
    app, called = typer.Typer(), []
    app.command()(to_function(Draw, called.append))
    result = CliRunner().invoke(app, arguments)
    return result, called


def test_a_command_gets_what_was_said():
    result, called = drawn("house", "--width", "7", "--quiet")
    assert result.exit_code == 0
    assert called == [Draw(what="house", size=Size(width=7), quiet=True)]
    with pytest.raises(FrozenInstanceError):
        called[0].quiet = False


def test_options_of_a_group_stand_in_its_place():
    result, called = drawn("--help")
    assert not called
    assert "Draw something." in result.stdout
    places = [result.stdout.index(name) for name in ("--depth", "--width", "--quiet")]
    assert places == sorted(places)


def test_an_option_that_only_leaves_out_is_none():
    result, called = drawn("house", "--height", "5")
    assert (result.exit_code, called) == (2, [])


def test_a_misspelt_option_is_found_when_the_program_begins():
    with pytest.raises(KeyError, match="widht"):
        to_function(Misspelt, print)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_file_that_runs_it(command):
    run = import_module(f"seqwise.cli.{command.__name__.lower()}").run
    assert get_type_hints(run) == {"options": command, "return": type(None)}


@pytest.mark.parametrize(
    ("group", "config"),
    [
        (DataSettings, DataConfig),
        (ModelSettings, ModelConfig),
        (TrainingSettings, TrainConfig),
        (Computing, TrainConfig),
    ],
)
def test_settings_are_fields_of_a_configuration(group, config):
    known = {each.name for each in fields(config)}
    # Whether it is there is a question to training, and no matter of the model's shape.
    elsewhere = {"linear"} if config is ModelConfig else set()
    assert {each.name for each in fields(group)} - known == elsewhere
    assert all(each.default is None for each in fields(group))


def test_choices_are_those_of_the_readers():
    assert get_args(FormatName) == FORMATS
    assert get_args(KindName) == tuple(Kind)
    assert FileOptions().kind is None
