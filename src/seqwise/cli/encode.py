"""`seqwise encode`: from labelled files to a store that `train` reads."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from seqwise.cli.files import say
from seqwise.cli.gathering import gather_files, prepare_files, with_kind
from seqwise.cli.options import FileOptions
from seqwise.cli.wishes import sort_wishes
from seqwise.data.store_folder import check_place
from seqwise.training.description import describe_parts


def run(
    *,
    files: list[str],
    out: str,
    valid: str | None,
    skip_bad: bool,
    overwrite: bool,
    quiet: bool,
    how: FileOptions,
    wishes: dict[str, Any],
) -> None:
    """Encode, and say what was done."""
    console = Console(stderr=True, quiet=quiet)
    check_place(out)
    chosen = sort_wishes(wishes)
    how = with_kind(how, chosen)
    data = gather_files(files, valid, how, skip_bad=skip_bad, console=console)
    prepared = prepare_files(
        data,
        chosen.with_columns(*data.columns),
        store=out,
        skip_bad=skip_bad,
        overwrite=overwrite,
        console=console,
    )
    say(console, describe_parts(prepared))
    say(console, [("store in", f"{escape(out)}   next: seqwise train {escape(out)} --out MODEL")])
