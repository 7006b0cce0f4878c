"""What benchmarks/recurrent_speed.py measured, as a page and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from seqwise.speed.contenders import ALL, SEQWISE, SORTED, USUAL

ASKED = {
    ("train", USUAL): {1: 12, 2: 10},
    ("train", SORTED): {1: 4, 2: 4},
    ("infer", USUAL): {1: 4, 2: 4},
}
ASKED_MATRIX_SHARE = 0.65
WAYS = ("more records", "longer records")
COLOURS = {USUAL: "#b0b0b0", SORTED: "#7a8fa6", SEQWISE: "#c8553d"}

Figures = dict[str, dict[str, Any]]


def make_table(figures: Figures) -> str:
    """Write docs/speed.md."""
    lines = [
        "# Speed of the recurrent layers on a CPU",
        "",
        "Made by `python benchmarks/recurrent_speed.py`; `seqwise bench` runs a short form of it.",
        "One classifier with the same weights, sequences and loss, run in three ways in turns:",
        "*usual recipe* (shuffled batches, `pack_padded_sequence(enforce_sorted=False)`, torch's",
        "module), *sorted, packed* (the same on batches of neighbours in order of length), and",
        "*seqwise* as `train` runs it. Batches of 32; 64 inputs, hidden size 128, one layer; the",
        "last real step of each direction, cross-entropy; forward and backward pass, no optimizer.",
        "Thousand real steps a second, medians; padding counts for nothing. Before anything was",
        "timed, logits and gradients of all three were found equal. *lognormal*: 512 sequences,",
        "median 64, longest 600; the others: lengths of 512 training records (of names, 4,096),",
        "clipped as *longest* shows, which makes lengths equal and suits packing. A small *k/n*",
        "says that a slow contender was timed on k of its n batches.",
        "",
        "![Speed in training, and growth](images/recurrent_speed.svg)",
    ]
    for mode, title in (("train", "Training"), ("infer", "Inference")):
        lines += ["", f"## {title}", "", *_speed_rows(figures, mode)]
    if "matrix" in figures:
        lines += ["", "## The limit", "", *_limit(figures["matrix"]["contests"][0])]
    if "growth" in figures:
        lines += ["", "## Growth", "", *_growth_rows(figures["growth"]["rows"])]
    return "\n".join([*lines, "", "## The machine", "", *_machines(figures)]) + "\n"


def _speed_rows(figures: Figures, mode: str) -> list[str]:
    heads = ["lengths", "longest", "cell", "directions", *ALL, "times usual", "times sorted"]
    heads.append("of matrix rate")
    if mode == "train":  # without gradients, some cells run packed
        heads.append("padding")
    rows = [_row(heads), _row(["---"] * len(heads))]
    for name, figure in figures.items():
        for contest in figure.get("contests", []) if name != "matrix" else []:
            shape = contest["shape"]
            directions = 2 if shape["bidirectional"] else 1
            cells = [name, f"{contest['longest']:,}", shape["cell"].upper(), str(directions)]
            cells += [_speed(contest[mode][each]) for each in ALL]
            for other in (USUAL, SORTED):
                cells.append(_ratio(contest[f"{mode}_ratios"][other], mode, other, directions))
            cells.append(f"{contest[f'{mode}_matrix_share']:.0%}")
            if mode == "train":
                cells.append(f"{contest['padding']:.1%}")
            rows.append(_row(cells))
    return rows


def _speed(speed: dict[str, Any]) -> str:
    text = f"{speed['steps_per_second'] / 1000:,.1f}"
    if speed["num_batches"] < speed["num_all_batches"]:
        text += f" <sub>{speed['num_batches']}/{speed['num_all_batches']}</sub>"
    return text


def _ratio(ratio: float, mode: str, other: str, directions: int) -> str:
    asked = ASKED.get((mode, other), {}).get(directions)
    return f"{ratio:.1f}" if asked is None else f"{ratio:.1f} (asked {asked})"


def _limit(contest: dict[str, Any]) -> list[str]:
    speed = contest["train"][SEQWISE]["steps_per_second"]
    return [
        "LSTM, 256 inputs, hidden size 256, log-normal lengths, one direction: "
        f"{speed / 1000:,.1f} thousand real",
        f"steps a second in training, **{contest['train_matrix_share']:.0%}** of the "
        f"{contest['matrix_flops'] / 1e9:,.0f} GFLOP/s of a float32 matrix product, the",
        f"best of three sizes in the same rounds (asked {ASKED_MATRIX_SHARE:.0%}); in inference "
        f"{contest['infer_matrix_share']:.0%}. Only the products of",
        "real steps are counted.",
    ]


def _growth_rows(rows: list[dict[str, Any]]) -> list[str]:
    heads = ["", "steps", "longest", "seconds", "to linear (asked 0.9 to 1.1)"]
    heads += ["largest batch, steps", "32 of the longest, steps", "memory, MB"]
    lines = [
        "LSTM, one direction, one epoch of training on log-normal lengths, batches of 32 within",
        "16,384 steps. Memory is the peak of a process of its own, less that of one that trains on",
        "a single step.",
        "",
        _row(heads),
        _row(["---"] * len(heads)),
    ]
    for row in rows:
        cells = [
            f"x{row['factor']} by {row['way']}",
            f"{row['num_steps']:,}",
            f"{row['longest']:,}",
            f"{row['seconds']:.2f}",
            f"{row['to_linear']:.2f}",
            f"{row['most_padded_steps']:,}",
            f"{32 * row['longest']:,}",
            f"{row['peak_memory_mb']:,.0f}",
        ]
        lines.append(_row(cells))
    return lines


def _machines(figures: Figures) -> list[str]:
    by_machine: dict[str, list[str]] = {}
    for name, figure in figures.items():
        machine = figure["machine"]
        text = (
            f"{machine['processor']} ({machine['capability']}), {machine['cores']} cores, "
            f"torch on {machine['torch_threads']}; torch {machine['torch']}, "
            f"Python {machine['python']}"
        )
        by_machine.setdefault(text, []).append(name)
    return [f"- {', '.join(names)}: {text}." for text, names in by_machine.items()]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def draw(figures: Figures, path: Path) -> None:
    """Draw the speed in training, and time against steps."""
    mpl.rcParams.update({"svg.hashsalt": "seqwise", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    _draw_speeds(left, figures)
    _draw_growth(right, figures.get("growth", {}).get("rows", []))
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw_speeds(axes: Any, figures: Figures) -> None:
    """Set bars of the contenders side by side: LSTM, one direction."""
    contests = {
        name: each["contests"][0]
        for name, each in figures.items()
        if "contests" in each and name != "matrix"
    }
    width = 0.27
    for offset, each in enumerate(ALL):
        speeds = [
            contest["train"][each]["steps_per_second"] / 1000 for contest in contests.values()
        ]
        places = [index + (offset - 1) * width for index in range(len(speeds))]
        axes.bar(places, speeds, width, label=each, color=COLOURS[each])
    axes.set_xticks(range(len(contests)), list(contests))
    axes.set_ylabel("thousand real steps a second")
    axes.set_title("Training, LSTM in one direction")
    axes.set_ylim(top=1.15 * axes.get_ylim()[1])  # room for the legend above the bars
    axes.legend(frameon=False, ncols=len(ALL), loc="upper center", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_growth(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Draw seconds against steps, and the straight line from the first point."""
    for way, marker in zip(WAYS, "os", strict=True):
        points = [row for row in rows if row["way"] == way]
        steps = [row["num_steps"] / 1000 for row in points]
        axes.plot(steps, [row["seconds"] for row in points], marker, label=way)
        axes.plot(steps, [row["factor"] * points[0]["seconds"] for row in points], "k:", lw=0.8)
    axes.set_xlabel("thousand steps")
    axes.set_ylabel("seconds")
    axes.set_title("An epoch on x1, x2, x4, x8 (dotted: linear)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
