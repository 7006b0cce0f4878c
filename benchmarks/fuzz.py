"""Read damaged files of each format, and run a part of them through the command line.

    python benchmarks/fuzz.py [--files 2000] [--commands 20] [FORMAT ...]

Each format is a process of its own, which says what became of each file: a result, bad records, an
error of ours by its code, or a fault: another exception, a hang (30 s), half-written output, the
end of the process. On every so many files `inspect`, `train --epochs 1` and `predict -o` are run,
too. The damage (`tests/fuzz`) is the same for the same number; `--first N` begins with another.
Writes benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
SMALL = ("--epochs", "1", "--hidden-size", "4", "--embedding-dim", "4", "--device", "cpu")
MEMORY = 4 << 30  # of one process
PARTIAL = "left"  # of a fault: what should not be there, or not the output that should
sys.path.insert(0, str(ROOT))  # for tests.fuzz


def call_commands(path: Path, model: Path, folder: Path) -> dict[str, str]:
    """Call the program on a damaged file; what became of each command, faults among them."""
    from typer.testing import CliRunner

    from seqwise.cli.app import app

    out, table = folder / "model", folder / "predicted.csv"
    commands = {
        "inspect": ([str(path)], None),
        "train": ([str(path), "--out", str(out), *SMALL, "--skip-bad"], out),
        "predict": ([str(model), str(path), "-o", str(table)], table),
    }
    outcomes = {}
    for name, (arguments, output) in commands.items():
        before = sorted(os.listdir(folder))
        done = CliRunner().invoke(app, [name, *arguments])
        odd = done.exception is not None and not isinstance(done.exception, SystemExit)
        expected = before
        if output is not None and done.exit_code == 0:
            expected = sorted([*before, output.name])
        if odd:
            error = traceback.format_exception(done.exception)
            outcomes[name] = "fault: " + "".join(error[-3:])
        elif done.exit_code not in {0, 2} or "Traceback" in done.output:
            outcomes[name] = f"fault: exit code {done.exit_code}: {done.output[-200:]}"
        elif sorted(os.listdir(folder)) != expected:
            outcomes[name] = f"fault: {PARTIAL} {sorted(os.listdir(folder))}"
        else:
            outcomes[name] = "result" if done.exit_code == 0 else "error"
    return outcomes


def train_model(folder: Path) -> Path:
    from typer.testing import CliRunner

    from seqwise.cli.app import app

    table = folder / "table.csv"
    rows = [f"win cash {number},spam\ngood day {number},ham\n" for number in range(8)]
    table.write_text("".join(["text,label\n", *rows]))
    model = folder / "model"
    done = CliRunner().invoke(app, ["train", str(table), "--out", str(model), *SMALL])
    assert done.exit_code == 0, done.output
    return model


def work(form: str, first: int, num_files: int, every: int) -> None:
    """Try the files one after the other, and say a line of JSON of each."""
    from tests.fuzz.damage import make_damaged, write_files
    from tests.fuzz.trial import no_hang, read_all
    from tests.memory import peak_megabytes

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as home:
        model = train_model(Path(home)) if every else Path()
        for seed in range(first, first + num_files):
            print(json.dumps({"seed": seed}), flush=True)
            folder = Path(tempfile.mkdtemp(dir=home))
            random = Random(f"{form} {seed}")
            path = write_files(make_damaged(form, random), folder, random)
            line: dict[str, Any] = {}
            start = time.perf_counter()
            try:
                with no_hang():
                    line["outcome"] = read_all(path, random)
                line["seconds"] = time.perf_counter() - start
                if every and seed % every == 0:
                    with no_hang():
                        line["commands"] = call_commands(path, model, folder)
            except BaseException as error:
                line["outcome"] = "fault: " + "".join(traceback.format_exception(error)[-3:])
            line["megabytes"] = peak_megabytes()
            print(json.dumps(line), flush=True)
            shutil.rmtree(folder)


def judge(lines: list[dict[str, Any]], first: int, returncode: int) -> dict[str, Any]:
    """Count what the process of a format said."""
    tried = [line["seed"] for line in lines if "seed" in line]
    told = [line for line in lines if "outcome" in line]
    outcomes = Counter(line["outcome"] for line in told)
    faults = [
        f"{seed}: {line['outcome']}"
        for seed, line in zip(tried, told, strict=False)
        if line["outcome"].startswith("fault")
    ]
    commands: dict[str, Counter[str]] = {}
    for seed, line in zip(tried, told, strict=False):
        for name, outcome in line.get("commands", {}).items():
            if outcome.startswith("fault"):
                faults.append(f"{seed}: {name}: {outcome}")
            commands.setdefault(name, Counter())[outcome.partition(":")[0]] += 1
    if returncode:
        faults.append(f"{tried[-1] if tried else 'start'}: the process ended with {returncode}")
    times = [(line.get("seconds", 0.0), seed) for seed, line in zip(tried, told, strict=False)]
    seconds, slowest = max(times, default=(0.0, first))
    num_results = outcomes["result"] + outcomes["bad records"]
    num_hangs = sum("HangError" in fault for fault in faults)
    num_partial = sum(f"fault: {PARTIAL} " in fault for fault in faults)
    num_faults = sum(count for outcome, count in outcomes.items() if outcome.startswith("fault"))
    return {
        "files": len(tried),
        "results": num_results,
        "of_which_with_bad_records": outcomes["bad records"],
        "errors": len(told) - num_results - num_faults,
        "tracebacks": len(faults) - num_hangs - num_partial,
        "hangs": num_hangs,
        "partial_outputs": num_partial,
        "codes": {
            outcome: count
            for outcome, count in sorted(outcomes.items())
            if outcome not in {"result", "bad records"} and not outcome.startswith("fault")
        },
        "commands": {name: dict(counts) for name, counts in commands.items()},
        "slowest": {"seconds": round(seconds, 3), "seed": slowest},
        "peak_megabytes": max((line["megabytes"] for line in told), default=0),
        "megabytes_at_the_start": told[0]["megabytes"] if told else 0,
        "faults": faults[:20],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--files", type=int, default=2_000, help="of each format")
    parser.add_argument("--commands", type=int, default=20, help="every so many; 0 is none")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--worker", action="store_true")
    chosen = parser.parse_args()
    if chosen.worker:
        work(chosen.formats[0], chosen.first, chosen.files, chosen.commands)
        return
    from tests.fuzz.trial import LIMIT_SECONDS
    from tests.fuzz.valid import FORMATS

    from seqwise.speed.machine import describe_machine

    formats = {}
    for form in chosen.formats or FORMATS:
        command = [sys.executable, __file__, form, "--worker", "--first", str(chosen.first)]
        command += ["--files", str(chosen.files), "--commands", str(chosen.commands)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        formats[form] = judge(lines, chosen.first, done.returncode)
        print(form, json.dumps(formats[form], indent=1), flush=True)
    names = ("files", "results", "errors", "tracebacks", "hangs", "partial_outputs")
    total = {name: sum(each[name] for each in formats.values()) for name in names}
    print(total)
    told = {
        "machine": describe_machine(),
        "limits": {"seconds_a_file": LIMIT_SECONDS, "megabytes_a_process": MEMORY >> 20},
        "commands_on_every": chosen.commands,
        "commands_called": sum(
            sum(counts.values())
            for each in formats.values()
            for counts in each["commands"].values()
        ),
        "total": total,
        "formats": formats,
    }
    RESULT.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
