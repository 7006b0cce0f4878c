"""The program as Typer runs it, with the one form of an error for all that can be wrong."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup
from typing_extensions import override

from seqwise.cli.ending import orderly
from seqwise.cli.usage import UsageError, describe_usage, unknown_command
from seqwise.errors import ConfigError


class Program(TyperGroup):
    """The commands together; what goes wrong in any of them ends here."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the command."""
        if not args:  # that is the help
            return super().parse_args(ctx, args)
        with orderly():
            try:
                return super().parse_args(ctx, args)
            except UsageError as error:
                raise ConfigError(describe_usage(error, self)) from error

    @override
    def invoke(self, ctx: Any) -> Any:
        """Read what stands behind the command, and run it."""
        with orderly():
            try:
                return super().invoke(ctx)
            except UsageError as error:
                called = self.commands.get(ctx.invoked_subcommand, self)
                raise ConfigError(describe_usage(error, called)) from error

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command."""
        if args[0] not in self.commands:
            raise ConfigError(unknown_command(args[0], self.commands))
        return super().resolve_command(ctx, args)
