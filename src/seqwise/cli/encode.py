"""`seqwise encode`: from labelled files to a store that `train` reads."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from seqwise.cli.commands import Encode
from seqwise.cli.files import check_apart, say
from seqwise.cli.gathering import gather_files, prepare_files, with_kind
from seqwise.cli.wishes import sort_wishes
from seqwise.data.store_folder import check_place
from seqwise.training.description import describe_parts


def run(options: Encode) -> None:
    """Encode, and say what was done."""
    console = Console(stderr=True, quiet=options.quiet)
    out, skip_bad = options.out, options.skip_bad
    check_place(out)
    check_apart(out, options.files)
    chosen = sort_wishes(options.data, options.training)
    how = with_kind(options.how, chosen)
    data = gather_files(
        options.files, options.valid, how, chosen, skip_bad=skip_bad, console=console
    )
    prepared = prepare_files(
        data,
        chosen.with_columns(*data.columns),
        store=out,
        skip_bad=skip_bad,
        overwrite=options.overwrite,
        console=console,
    )
    say(console, [(name, escape(text)) for name, text in describe_parts(prepared)])
    say(console, [("store in", f"{escape(out)}   next: seqwise train {escape(out)} --out MODEL")])
