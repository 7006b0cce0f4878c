"""The default beside the specialists, on each data set: accuracy, time and memory.

    python benchmarks/accuracy.py [--seeds 0 1 2] [--minutes 30] [--only DATASET ...]
                                  [--contenders NAME ...] [--again]
    python benchmarks/accuracy.py --sets FILE [--data FOLDER] [--result FILE] ...

seqwise is given nothing but the training file and a seed (`--contenders seqwise-10m`: and ten
minutes, for what takes longer); the peers (`benchmarks/peers/accuracy`, a file each) their
well-known settings, what is usually chosen by cross-validation chosen so, on the training part.
Each fit is a process of its own; one that takes longer than it may is ended, and recorded as such.
Each result is added to benchmarks/results/accuracy.json at once, so that the runs may be done in
pieces: what is known is kept, `--again` measures it anew. Folds are run with the first seed alone,
and so are contenders whose seed changes nothing.

Writes docs/accuracy.md and docs/images/accuracy.svg in the end; `--report` does nothing else. Test
files are read for the final score only. The peers come with
`pip install -c constraints.txt -e ".[bench]"`; what is not installed is left out, in a clear line,
and where the folder of data is missing, nothing is done.

`--sets` takes other data sets in place of the project's own (benchmarks/unseen_sets.json is such a
file): `{"mine": {"kind": "text", "train": "mine_train.csv", "test": "mine_test.csv"}}`. They are
looked for beside that file, and results, page and picture are put there, with its name.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accuracy_report import draw, make_page
from peers.accuracy.contenders import BUDGETED, CONTENDERS
from peers.accuracy.datasets import load_datasets
from seqwise.atomic import write_file

BENCHMARKS = Path(__file__).resolve().parent
ROOT = BENCHMARKS.parent
DONE, OUT_OF_TIME, FAILED = "done", "out of time", "failed"
UNASKED = [name for name in CONTENDERS if name != BUDGETED]
NEW: dict[str, Any] = {"machines": [], "rows": []}


@dataclass(frozen=True)
class Trial:
    """One fit of one contender: what a row of the result is known by."""

    data: str
    contender: str
    seed: int
    fold: int | None

    def matches(self, row: dict[str, Any]) -> bool:
        """Tell whether a row is of this trial."""
        return vars(self).items() <= row.items()


def main() -> None:
    arguments = parse()
    if arguments.report:
        report(arguments)
        return
    if not arguments.data.is_dir():
        print(f"skipped: there is no folder {arguments.data}")
        return
    commit = find_commit()
    hopeless: set[tuple[str, str]] = set()  # one fit took too long: so will the others
    for trial in list_trials(arguments):
        known = next((row for row in load(arguments.result)["rows"] if trial.matches(row)), None)
        if known is None or arguments.again or deserves_another(known, arguments.minutes):
            if (trial.data, trial.contender) in hopeless:
                continue
            known = run(trial, arguments) | {"commit": commit}
            print(json.dumps(known), flush=True)
            add(known, trial, arguments.result)
        if known["outcome"] == OUT_OF_TIME:
            hopeless.add((trial.data, trial.contender))
    report(arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=30, help="what a fit may take")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="DATASET")
    parser.add_argument("--sets", type=Path, help="data sets of one's own, as JSON")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=UNASKED)
    parser.add_argument("--again", action="store_true", help="measure anew what is known")
    parser.add_argument("--report", action="store_true", help="write the page and the picture only")
    parser.add_argument("--result", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    for name, place in find_places(arguments.sets).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, place)
    datasets = load_datasets(arguments.sets)
    if unknown := set(arguments.only or ()) - set(datasets):
        parser.error(f"{', '.join(sorted(unknown))}: not among {', '.join(datasets)}")
    return arguments


def find_places(sets: Path | None) -> dict[str, Path]:
    """Say where data are looked for and results are put, unless somebody says otherwise."""
    if sets is not None:
        suffixes = {"result": ".result.json", "page": ".md", "picture": ".svg"}
        beside = {name: sets.with_suffix(suffix) for name, suffix in suffixes.items()}
        return {"data": sets.parent, **beside}
    return {
        "data": ROOT.parent / "shared" / "data",
        "result": BENCHMARKS / "results" / "accuracy.json",
        "page": ROOT / "docs" / "accuracy.md",
        "picture": ROOT / "docs" / "images" / "accuracy.svg",
    }


def list_trials(arguments: argparse.Namespace) -> Iterator[Trial]:
    """Give all trials that are asked for and can be done, small data and cheap contenders first."""
    able = []
    for name in [name for name in CONTENDERS if name in arguments.contenders]:
        missing = [each for each in CONTENDERS[name].libraries if find_spec(each) is None]
        if missing:
            print(f"left out: {name}, for {' and '.join(missing)} is not installed")
        else:
            able.append(name)
    datasets = load_datasets(arguments.sets)
    for data, dataset in datasets.items():
        if data not in (arguments.only or datasets):
            continue
        for name in [name for name in able if name in dataset.contenders]:
            few = dataset.parting != "files" or not CONTENDERS[name].seeded
            for seed in arguments.seeds[:1] if few else arguments.seeds:
                for fold in dataset.folds:
                    yield Trial(data, name, seed, fold)


def deserves_another(row: dict[str, Any], minutes: float) -> bool:
    """Tell whether a known fit is tried once more: it failed, or may take longer now."""
    if row["outcome"] == OUT_OF_TIME:
        return minutes > row["minutes"]
    return row["outcome"] == FAILED


def run(trial: Trial, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a trial in a process of its own; return its row."""
    command = [sys.executable, "-m", "peers.accuracy.trial", str(arguments.data.resolve())]
    command += [trial.data, trial.contender, "--seed", str(trial.seed)]
    command += ["--seconds", str(arguments.minutes * 60)]
    if trial.fold is not None:
        command += ["--fold", str(trial.fold)]
    if arguments.sets is not None:
        command += ["--sets", str(arguments.sets.resolve())]
    done = subprocess.run(
        command, env=environment(arguments.threads), capture_output=True, text=True, check=False
    )
    row = {**vars(trial), "minutes": arguments.minutes, "threads": arguments.threads}
    if done.returncode == 0:
        return {**row, "outcome": DONE, **json.loads(done.stdout.splitlines()[-1])}
    if done.returncode == -signal.SIGALRM:
        return {**row, "outcome": OUT_OF_TIME}
    print(done.stderr, file=sys.stderr)
    reason = (done.stderr.splitlines() or [f"ended by {-done.returncode}"])[-1]
    return {**row, "outcome": FAILED, "reason": reason}


def environment(threads: int) -> dict[str, str]:
    paths = [str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "KERAS_BACKEND": "tensorflow",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def load(result: Path) -> dict[str, Any]:
    return json.loads(result.read_text()) if result.exists() else NEW


def add(row: dict[str, Any], trial: Trial, result: Path) -> None:
    """Put a row into the file, which others may be adding to, in the place of what it replaces."""
    result.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(result.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        known = load(result)
        machines = known["machines"]
        machine = row.pop("machine", None)
        if machine is not None:
            if machine not in machines:
                machines = [*machines, machine]
            row["machine"] = machines.index(machine)
        rows = [each for each in known["rows"] if not trial.matches(each)]
        lines = ",\n".join(f"  {json.dumps(each)}" for each in [*rows, row])
        heads = ",\n".join(f"  {json.dumps(each)}" for each in machines)
        text = f'{{\n "machines": [\n{heads}\n ],\n "rows": [\n{lines}\n ]\n}}\n'
        write_file(result, text.encode())
    finally:
        os.close(folder)


def report(arguments: argparse.Namespace) -> None:
    known = load(arguments.result)
    datasets = load_datasets(arguments.sets)
    picture = os.path.relpath(arguments.picture, arguments.page.parent)
    arguments.page.write_text(make_page(known, datasets, picture))
    draw(known["rows"], datasets, arguments.picture)


def find_commit() -> str:
    """Name the commit of seqwise, with a plus where its code has been changed since."""
    git = ["git", "-C", str(ROOT)]
    head, changes = (
        subprocess.run([*git, *command], stdout=subprocess.PIPE, text=True, check=False).stdout
        for command in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "src"])
    )
    return head.strip() + ("+" if changes else "")


if __name__ == "__main__":
    main()
