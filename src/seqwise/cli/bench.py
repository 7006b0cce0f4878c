"""`seqwise bench`: how fast training and inference are here, beside the usual recipes."""

from __future__ import annotations

import json
import os
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding

from seqwise.cli.commands import Bench
from seqwise.cli.files import say
from seqwise.evaluation.tables import INDENT, counted, plain_table
from seqwise.predictor import choose_device
from seqwise.speed.contenders import ALL, SEQWISE, SORTED, USUAL, Shape, lognormal_lengths
from seqwise.speed.contest import ContestResult, Effort, run_contest, use_threads
from seqwise.speed.machine import describe_machine
from seqwise.speed.timing import MODES
from seqwise.strict import setting_error

# Together under a minute on two idle cores.
EFFORT = Effort(rounds=3, seconds=0.8)
NUM_SEQUENCES = 512
DIRECTIONS = {"one_direction": Shape(), "two_directions": Shape(bidirectional=True)}
LARGE = Shape(input_size=256, hidden_size=256)

DOING = {"train": "training", "infer": "inference"}


def run(options: Bench) -> None:
    """Measure, and print one JSON object or a table."""
    threads = options.threads
    cores = os.cpu_count() or 1
    if threads is not None and not 1 <= threads <= cores:
        raise setting_error("threads", threads, f"1 to {cores}, the cores here")
    place = choose_device(options.computing.device or "auto")
    lengths = lognormal_lengths(NUM_SEQUENCES)
    waiting = Console(stderr=True, quiet=options.quiet).status("measuring for about a minute")
    with use_threads(threads), waiting:
        machine = describe_machine(place)
        contests = {
            name: run_contest(shape, lengths, EFFORT, device=place)
            for name, shape in DIRECTIONS.items()
        }
        large = run_contest(LARGE, lengths, EFFORT, device=place, names=(SEQWISE,))
    if options.json:
        print(json.dumps(_to_dict(contests, large, machine), ensure_ascii=False, indent=2))  # noqa: T201
        return
    console = Console()
    console.print(_table(contests))
    console.print()
    say(console, _facts(large))
    if not options.quiet:
        say(console, _remarks(contests, machine))


def _to_dict(
    contests: dict[str, ContestResult], large: ContestResult, machine: dict[str, object]
) -> dict[str, Any]:
    ratios = {
        f"{mode}_{name}": contest.ratio(mode)
        for mode in MODES
        for name, contest in contests.items()
    }
    return {
        **ratios,
        "matrix_product_share": large.matrix_share("train"),
        "machine": machine,
        "contests": {
            **{name: contest.to_dict() for name, contest in contests.items()},
            "hidden_size_256": large.to_dict(),
        },
    }


def _table(contests: dict[str, ContestResult]) -> RenderableType:
    table = plain_table()
    table.add_column("1,000 steps/s", no_wrap=True)
    for mode in MODES:
        for contest in contests.values():
            directions = counted(contest.shape.directions, "direction")
            table.add_column(f"{DOING[mode]}\n{directions}", justify="right")
    cells = [(mode, contest) for mode in MODES for contest in contests.values()]
    for each in ALL:
        speeds = [contest.speeds(mode)[each].steps_per_second for mode, contest in cells]
        table.add_row(each, *(f"{speed / 1000:,.1f}" for speed in speeds))
    table.add_section()
    for other, text in ((USUAL, "times usual"), (SORTED, "times sorted")):
        ratios = (f"{contest.ratio(mode, other):.1f}" for mode, contest in cells)
        table.add_row(text, *ratios, style="bold")
    return Padding.indent(table, INDENT)


def _facts(large: ContestResult) -> list[tuple[str, str]]:
    shape = large.shape
    share = (
        f"{large.matrix_share('train'):.0%} of the {large.matrix_flops / 1e9:,.0f} GFLOP/s of a "
        f"float32 matrix product, training at hidden size {shape.hidden_size}, "
        f"{shape.input_size} inputs"
    )
    return [("limit", share)]


def _remarks(
    contests: dict[str, ContestResult], machine: dict[str, object]
) -> list[tuple[str, str]]:
    contest = next(iter(contests.values()))
    shape = contest.shape
    remarks = [
        (
            "sequences",
            f"{contest.num_sequences:,} of log-normal lengths, {contest.num_steps:,} steps, the "
            f"longest {contest.longest:,}; batches of {EFFORT.batch_size}",
        ),
        (
            "model",
            f"{shape.cell.upper()}, {shape.input_size} inputs, hidden size {shape.hidden_size}; "
            "all contenders have the same weights, and give the same logits and gradients",
        ),
        ("padding", f"{contest.padding:.1%} of the steps that seqwise computes; not counted"),
    ]
    remarks += _partly(contests)
    threads = int(str(machine["torch_threads"]))
    place = machine.get("gpu", f"{machine['processor']}, {counted(threads, 'thread')}")
    remarks.append(("machine", f"{escape(str(place))}, torch {machine['torch']}"))
    return remarks


def _partly(contests: dict[str, ContestResult]) -> list[tuple[str, str]]:
    """Own up to what was measured on fewer batches than there are."""
    speeds = [
        speed
        for contest in contests.values()
        for mode in MODES
        for speed in contest.speeds(mode).values()
    ]
    fewest = min(speeds, key=lambda speed: speed.num_batches / speed.num_all_batches)
    if fewest.num_batches == fewest.num_all_batches:
        return []
    text = (
        f"what takes longer than about {EFFORT.seconds:g} s a turn ran on fewer batches, the "
        f"slowest on {fewest.num_batches} of {fewest.num_all_batches}; --json counts them"
    )
    return [("in part", text)]
