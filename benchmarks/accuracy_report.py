"""What benchmarks/accuracy.py measured, as a page and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from peers.accuracy.contenders import BUDGETED, CONTENDERS, OURS
from peers.accuracy.datasets import Dataset

Rows = list[dict[str, Any]]
TICKS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

INTRODUCTION = """\
# Accuracy of the default, beside the specialists

Made by `python benchmarks/accuracy.py`, with `--sets` where the data are not the project's own
(`benchmarks/peers/accuracy` has the peers, a file each).
*seqwise* is `seqwise train FILE` with nothing chosen but the seed, *seqwise-10m* the same with
`--budget 10m`, measured on some of those where the former takes longer. Mean and deviation over
seeds, or over folds; contenders whose seed changes nothing run once, and folds with one seed. Each
fit is a process of its own with one thread; times are those of fitting, of the clock and of the
processor, on a machine that others use, too; memory is the peak of the whole process, data and
libraries included. *Unseen* leaves out the test records whose sequence stands in the training part
as well. Where one fit of a contender takes longer than it may, its other seeds and folds are not
tried. A peer that is better than seqwise stands in bold, and so do an aim that is missed and an
accuracy in ten minutes that a peer has more than. A
contender of below without a row in a table has not been run there.
"""

CONTENDER_NOTES = """\
## The contenders

- `words-`, `chars-`: words (or events) to twos (threes), characters to fives, letters of DNA to
  sixes, those of proteins to threes. `-lr`, `-svm`: TF-IDF under scikit-learn's logistic
  regression or linear SVM, C by three folds. `-nbsvm`: Wang and Manning 2012, settings of the
  paper, the bias shrunk with the weights. `-fasttext`: 10 dimensions, 25 passes, the rate chosen
  on a tenth. `-lstm`: skorch, padded, 128 units, cut at 400 steps, stopped early by a tenth.
- `positions-lr`: one-hot letters by position. `cnn`: the baseline of Genomic Benchmarks, in form.
- `minirocket`, `multirocket-hydra`, `quant`, `inceptiontime`: aeon's, with their defaults, on
  series padded with zeros to the longest of the training part; the first two have no
  probabilities. `summary-trees`: quantiles, means, spreads and spectrum under extremely randomised
  trees.
- Out of scope (clinc150): a record is refused whose highest rating is below a threshold, the best
  one on the validation part; *refused* is the share of the 1,000 strangers refused, and *answered
  right* that of the records in scope that are answered, and rightly.
"""


@dataclass(frozen=True)
class Column:
    """A column of the tables: its head, the key of its figure, and how it is written."""

    head: str
    key: str
    form: str
    spread: bool = True


COLUMNS = (
    Column("accuracy", "accuracy", ".4f"),
    Column("macro F1", "macro_f1", ".4f"),
    Column("log loss", "log_loss", ".3f", spread=False),
    Column("unseen", "unseen_accuracy", ".4f"),
    Column("refused", "outside_recall", ".3f"),
    Column("answered right", "inside_accuracy", ".4f"),
    Column("seconds", "train_seconds", ",.1f", spread=False),
    Column("processor", "train_processor_seconds", ",.1f", spread=False),
    Column("memory, MB", "peak_memory_mb", ",.0f", spread=False),
)


def make_page(known: dict[str, Any], datasets: dict[str, Dataset], picture: str) -> str:
    """Write the page of these data sets; `picture` is where the page finds its picture."""
    rows = known["rows"]
    lines = [INTRODUCTION, f"![Errors of all contenders]({picture})", ""]
    lines += [*_overview(rows, datasets), "", CONTENDER_NOTES]
    for name, dataset in datasets.items():
        if of_data := [row for row in rows if row["data"] == name]:
            about = [dataset.source, ""] if dataset.source else []
            lines += [f"## {name}", "", *about, *_table(of_data, dataset), ""]
    return "\n".join([*lines, "## The machines", "", *_machines(known)]) + "\n"


def _overview(rows: Rows, datasets: dict[str, Dataset]) -> list[str]:
    heads = ["data", "aim", "seqwise", "aim", "in ten minutes"]
    heads += ["best peer", "its accuracy", "beside it"]
    table = [heads, ["---"] * len(heads)]
    for name, dataset in datasets.items():
        peers = _peers(rows, name)
        best = max(peers, key=lambda each: peers[each], default=None)
        found, budgeted = _of(rows, name, OURS), _of(rows, name, BUDGETED)
        ours = _mean(found, "accuracy")
        judged = ""
        if best is not None and ours is not None and not _are_few(found, dataset):
            judged = "at least as good" if ours >= peers[best] else "**lost**"
        peer = ["", ""] if best is None else [best, _show(_of(rows, name, best), COLUMNS[0])]
        in_time, told = _mean(budgeted, "accuracy"), _tell(budgeted, dataset)
        if best is not None and in_time is not None and in_time < peers[best]:
            told = f"**{told}**"
        cells = [_aims(dataset), _tell(found, dataset), _judge_aim(found, dataset)]
        table.append([name, *cells, told, *peer, judged])
    unused = set()
    if not any(_aims(dataset) for dataset in datasets.values()):  # of somebody's own
        unused.add("aim")
    if not any(row["contender"] == BUDGETED for row in rows):
        unused.add("in ten minutes")
    places = [place for place, head in enumerate(heads) if head not in unused]
    return [_line([cells[place] for place in places]) for cells in table]


def _are_few(rows: Rows, dataset: Dataset) -> bool:
    """Tell whether there are some of the folds, which say nothing of the mean of all."""
    return dataset.parting != "files" and 0 < len(rows) < len(dataset.folds)


def _tell(rows: Rows, dataset: Dataset) -> str:
    """Show an accuracy, and of how many folds it is where they are not all."""
    few = f" ({len(rows)} of {len(dataset.folds)} folds)" if _are_few(rows, dataset) else ""
    return _show(rows, COLUMNS[0]) + few


def _aims(dataset: Dataset) -> str:
    named = {
        "": dataset.accuracy,
        "macro F1 ": dataset.macro_f1,
        "unseen ": dataset.unseen_accuracy,
    }
    return ", ".join(f"{name}{aim:g}" for name, aim in named.items() if aim is not None)


def _judge_aim(ours: Rows, dataset: Dataset) -> str:
    aims = {
        "accuracy": dataset.accuracy,
        "macro_f1": dataset.macro_f1,
        "unseen_accuracy": dataset.unseen_accuracy,
    }
    pairs = [(_mean(ours, key), aim) for key, aim in aims.items() if aim is not None]
    if not pairs or any(found is None for found, _ in pairs) or _are_few(ours, dataset):
        return ""
    return "reached" if all(found >= aim for found, aim in pairs) else "**missed**"


def _table(rows: Rows, dataset: Dataset) -> list[str]:
    columns = [each for each in COLUMNS if any(each.key in row for row in rows)]
    lines = [
        _line(["contender", *(each.head for each in columns), "runs"]),
        _line(["---"] * (len(columns) + 2)),
    ]
    peers = _peers(rows, rows[0]["data"])
    ours = _mean(_of(rows, rows[0]["data"], OURS), "accuracy")
    names = [name for name in (OURS, *CONTENDERS) if name in dataset.contenders]
    for name in dict.fromkeys(names):
        of_name = [row for row in rows if row["contender"] == name]
        done = [row for row in of_name if row["outcome"] == "done"]
        if not of_name:
            continue
        if not done:
            lines.append(_line([name, _excuse(of_name[0]), *[""] * len(columns)]))
            continue
        ahead = ours is not None and peers.get(name, ours) > ours
        cells = [_show(done, each) for each in columns]
        runs = str(len(done))
        if dataset.parting != "files":
            runs += f" of {len(dataset.folds)}"
        lines.append(_line([f"**{name}**" if ahead else name, *cells, runs]))
    return lines


def _excuse(row: dict[str, Any]) -> str:
    if row["outcome"] == "failed":
        return f"failed: {row['reason']}"
    return f"not within {row['minutes']:g} min"


def _of(rows: Rows, data: str, contender: str) -> Rows:
    return [
        row
        for row in rows
        if (row["data"], row["contender"], row["outcome"]) == (data, contender, "done")
    ]


def _peers(rows: Rows, data: str) -> dict[str, float]:
    """Give the accuracy of each that is not ours."""
    names = [name for name in CONTENDERS if name not in (OURS, BUDGETED)]
    means = {name: _mean(_of(rows, data, name), "accuracy") for name in names}
    return {name: found for name, found in means.items() if found is not None}


def _values(rows: Rows, key: str) -> list[float]:
    return [row[key] for row in rows if row.get(key) is not None]


def _mean(rows: Rows, key: str) -> float | None:
    values = _values(rows, key)
    return mean(values) if values else None


def _show(rows: Rows, column: Column) -> str:
    values = _values(rows, column.key)
    if not values:
        return ""
    text = format(mean(values), column.form)
    if column.spread and len(values) > 1:
        text += f" ± {stdev(values):{column.form}}"
    return text


def _machines(known: dict[str, Any]) -> list[str]:
    lines = []
    for number, machine in enumerate(known["machines"]):
        commits = {row["commit"] for row in known["rows"] if row.get("machine") == number}
        facts = ", ".join(f"{name} {fact}" for name, fact in machine.items() if fact is not None)
        lines.append(f"- {facts}; seqwise at {', '.join(sorted(commits))}")
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def draw(rows: Rows, datasets: dict[str, Dataset], picture: Path) -> None:
    """Draw the share of errors of each contender on each data set, on a logarithmic scale."""
    mpl.rcParams["svg.hashsalt"] = "seqwise"  # the same file for the same figures
    names = [name for name in datasets if _peers(rows, name) or _of(rows, name, OURS)]
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.2))
    for place, name in enumerate(names):
        peers = [_error(found) for found in _peers(rows, name).values()]
        ours = _of(rows, name, OURS)
        axes.plot(peers, [place] * len(peers), "o", color="#7a8fa6", alpha=0.6, mew=0)
        if ours and not _are_few(ours, datasets[name]):
            axes.plot(_error(mean(_values(ours, "accuracy"))), place, "D", color="#c8553d", ms=8)
        if (aim := datasets[name].accuracy) is not None:
            axes.plot([_error(aim)] * 2, [place - 0.3, place + 0.3], color="#333333", lw=1.5)
    axes.plot([], [], "o", color="#7a8fa6", alpha=0.6, mew=0, label="peers")
    axes.plot([], [], "D", color="#c8553d", ms=8, label="seqwise, default")
    if any(dataset.accuracy is not None for dataset in datasets.values()):
        axes.plot([], [], color="#333333", lw=1.5, label="aim")
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{share:.1%}" for share in TICKS])
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("errors on the test part (mean over seeds or folds; left is better)")
    axes.grid(axis="x", color="#dddddd")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    figure.savefig(picture, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _error(accuracy: float) -> float:
    return max(1 - accuracy, 1e-3)  # no error at all has no place on the scale
