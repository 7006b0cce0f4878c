"""Train the same classifier with seqwise and with what a user would pick instead, and time it.

    python benchmarks/training_peers.py [--threads 2] [--rounds 3] [--dry] [imdb] [names]

The contenders (`benchmarks/peers`, a file each): a plain torch loop as the tutorials write it,
skorch around a padded LSTM, Keras 3 on the torch backend with masking, and seqwise. All are given
the same ids, parts, model and rate, and whole sequences. Three figures: seconds of one pass over
the training part, seconds to a validation accuracy, and peak memory.

Each training is a process of its own. The rounds are interleaved, each contender once a round, so
that a slow hour of a shared machine is a slow hour for all. Writes
benchmarks/results/training_peers.json and docs/training-peers.md. Only training files are read.
skorch and Keras come with `pip install -c constraints.txt -e ".[bench]"`; what is not installed is
left out, in a clear line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peers.measure import Setting, Trial, run_json, run_trial
from peers.report import OURS, make_table, summarize
from peers.task import Recipe

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "training_peers.json"
TABLE = ROOT / "docs" / "training-peers.md"

LIBRARIES = {OURS: "seqwise", "tutorial": "torch", "skorch": "skorch", "keras": "keras"}
ENDLESS = 1_000_000  # epochs


@dataclass(frozen=True)
class Dataset:
    """A data set, and how much of it is asked for.

    Parameters
    ----------
    name
        Its folder.
    num_timed
        Records of the training file for the time of an epoch, a fifth of them to validate on;
        None takes all. So few that the slowest contender is done within its time.
    num_learned
        The same for the time to the accuracy. So many that there is something to learn.
    num_epochs
        Of a round; the last one is timed. One where an epoch is so long that a cold start is
        nothing in it.
    accuracy
        To be reached.
    """

    name: str
    num_timed: int | None
    num_learned: int | None
    num_epochs: int
    accuracy: float


DATASETS = [Dataset("imdb", 1_000, 5_000, 1, 0.70), Dataset("names", None, None, 2, 0.75)]


def main() -> None:
    arguments = parse()
    if not arguments.data.is_dir():
        print(f"skipped: there is no folder {arguments.data}")
        return
    contenders = [name for name in LIBRARIES if name in (arguments.only or LIBRARIES)]
    for name in [name for name in contenders if find_spec(LIBRARIES[name]) is None]:
        print(f"left out: {name}, which is not installed")
        contenders.remove(name)
    for dataset in DATASETS:
        if arguments.names and dataset.name not in arguments.names:
            continue
        result = compare(dataset, contenders, arguments)
        # Read again: other data sets may have been measured meanwhile.
        known = json.loads(RESULT.read_text())["datasets"] if RESULT.exists() else {}
        known[dataset.name] = result
        print(dataset.name, json.dumps(result, indent=1), flush=True)
        if arguments.dry:
            print(make_table({dataset.name: result}), flush=True)
            continue
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps({"datasets": known}, indent=1) + "\n")
        TABLE.write_text(make_table(known))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="for the time of an epoch")
    parser.add_argument("--accuracy-rounds", type=int, default=1, help="0: no time to accuracy")
    parser.add_argument("--minutes", type=float, default=10, help="what a training may take")
    parser.add_argument("--records", type=int, help="a stratified subset, to time an epoch on")
    parser.add_argument("--accuracy-records", type=int, help="another, to learn on")
    parser.add_argument("--accuracy", type=float, help="another one to reach")
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, help="these contenders")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    parser.add_argument("names", nargs="*", help="of data sets; all by default")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds is less than 1")
    known = [dataset.name for dataset in DATASETS]
    for name in arguments.names:
        if name not in known:
            parser.error(f"there is no data set {name}; there are: {', '.join(known)}")
    return arguments


def compare(
    dataset: Dataset, contenders: list[str], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure all contenders on one data set."""
    accuracy = arguments.accuracy or dataset.accuracy
    sizes = {
        "epoch": arguments.records or dataset.num_timed,
        "accuracy": arguments.accuracy_records or dataset.num_learned,
    }
    with tempfile.TemporaryDirectory() as folder:
        settings, facts = {}, {}
        for purpose, num_records in sizes.items():
            settings[purpose] = Setting(
                Path(folder) / purpose,
                threads=arguments.threads,
                bidirectional=arguments.bidirectional,
                seconds=arguments.minutes * 60,
            )
            file = arguments.data / dataset.name / "train.csv.gz"
            facts[purpose] = prepare(settings[purpose], file, num_records)
        timed = run_rounds(
            settings["epoch"], contenders, arguments.rounds, num_epochs=dataset.num_epochs
        )
        learned = run_rounds(
            settings["accuracy"], contenders, arguments.accuracy_rounds, accuracy=accuracy
        )
    limit = arguments.minutes * 60
    return {
        "machine": facts["epoch"]["machine"],
        "data": {purpose: each["data"] for purpose, each in facts.items()},
        "recipe": Recipe(bidirectional=arguments.bidirectional).to_dict(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "accuracy_rounds": arguments.accuracy_rounds,
        "accuracy": accuracy,
        "seconds": limit,
        "contenders": summarize(timed, learned, accuracy=accuracy, seconds=limit),
    }


def prepare(setting: Setting, file: Path, num_records: int | None) -> dict[str, Any]:
    """Write the task for one purpose, and tell what is in it."""
    setting.folder.mkdir()
    command = ["peers.preparation", str(file), str(setting.folder)]
    if num_records is not None:
        command += ["--records", str(num_records)]
    return run_json(command, threads=setting.threads, folder=setting.folder)


def run_rounds(
    setting: Setting,
    contenders: list[str],
    num_rounds: int,
    *,
    num_epochs: int = ENDLESS,
    accuracy: float | None = None,
) -> list[Trial]:
    """Give each contender its turn in each round; a round has one seed for all."""
    trials = []
    for number, name in turns(contenders, num_rounds):
        trial = run_trial(setting, name, seed=number, num_epochs=num_epochs, accuracy=accuracy)
        last = trial.epochs[-1] if trial.epochs else "no epoch in time"
        print(f"round {number + 1}, {name}: {last}, {trial.peak_memory_mb} MB", flush=True)
        trials.append(trial)
    return trials


def turns(contenders: list[str], num_rounds: int) -> Iterator[tuple[int, str]]:
    """Order the turns: another contender begins each round."""
    for number in range(num_rounds):
        first = number % len(contenders)
        for name in contenders[first:] + contenders[:first]:
            yield number, name


if __name__ == "__main__":
    main()
