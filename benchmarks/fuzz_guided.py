"""Let atheris look for files that lead each reader astray, guided by the lines that they reach.

    pip install atheris
    python benchmarks/fuzz_guided.py [--seconds 120] [--result FILE] [FORMAT ...]

Each format is a process of its own, begun from small valid files and the tokens of `tests/fuzz`.
What atheris makes is read as `benchmarks/fuzz.py` reads its damaged files; the first exception that
is none of ours, hang (30 s) or loss of memory ends the format, and the file that led there is kept
in `fuzz-FORMAT-*`. What is measured is seqwise's own Python: csv, json and Arrow are written in C,
and look the same to atheris wherever they are. Writes benchmarks/results/fuzz_guided.json; the exit
code is 1 where there was a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "fuzz_guided.json"
SEEDS = 64  # valid files to begin from
LONGEST = 1 << 14  # bytes of a file
MEGABYTES = 3_000
TELL_SECONDS = 1.0
sys.path.insert(0, str(ROOT))  # for tests.fuzz


def pack(files: dict[str, bytes]) -> bytes:
    """Put files into the bytes that atheris changes: one as it is, a folder with NULs between."""
    if len(files) == 1:
        return next(iter(files.values()))
    return b"\0".join(part for name, content in files.items() for part in (name.encode(), content))


def unpack(content: bytes, folder: Path) -> Path:
    """Write a folder of the bytes; what has no name for a file, or the name of another, is left."""
    root = folder / "root"
    root.mkdir()
    parts = content.split(b"\0")
    for name, text in zip(parts[::2], parts[1::2], strict=False):
        steps = name.split(b"/")
        if any(step in {b"", b".", b".."} or len(step) > 200 for step in steps) or len(steps) > 4:
            continue
        path = root / os.fsdecode(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        except OSError:
            continue
    return root


def work(form: str, home: Path, options: list[str]) -> None:
    """Be the process of a format; atheris ends it."""
    import atheris

    with atheris.instrument_imports(include=["seqwise"]):
        from tests.fuzz.trial import read_all
    from tests.fuzz.valid import make_valid

    corpus = home / "corpus"
    corpus.mkdir()
    for seed in range(SEEDS):
        files = make_valid(form, Random(seed))
        (corpus / str(seed)).write_bytes(pack(files))
    name = "root" if form == "folder" else next(iter(files))
    counts: Counter[str] = Counter()
    told = time.monotonic()

    def try_one(content: bytes) -> None:
        nonlocal told
        with tempfile.TemporaryDirectory(dir=home) as folder:
            path = Path(folder, name)
            if form == "folder":
                path = unpack(content, Path(folder))
            else:
                path.write_bytes(content)
            counts[read_all(path, Random(zlib.crc32(content)))] += 1
            assert os.listdir(folder) == [name], "something was written"
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            (home / "counts.json").write_text(json.dumps(counts))

    atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
    atheris.Fuzz()


def write_tokens(path: Path) -> None:
    """Write the tokens that a format may trip over as libFuzzer's dictionary."""
    from tests.fuzz.damage import TOKENS

    lines = ["".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS if len(token) <= 60]
    path.write_text("".join(f'"{line}"\n' for line in lines))


def fuzz(form: str, seconds: int) -> dict[str, Any]:
    """Run the process of a format, and read what it and libFuzzer have to say."""
    shared_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as folder:
        home = Path(folder)
        write_tokens(home / "tokens")
        options = [
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEGABYTES}"),
            *("-timeout=30", "-print_final_stats=1", f"-dict={home / 'tokens'}", "-seed=1"),
            f"-artifact_prefix=fuzz-{form}-",
        ]
        command = [sys.executable, __file__, form, "--worker", str(home), *options]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        counts = json.loads((home / "counts.json").read_text())
    said = done.stderr + done.stdout
    progress = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)/", said)
    files = re.findall(r"stat::number_of_executed_units: *(\d+)", said)
    peak = re.findall(r"stat::peak_rss_mb: *(\d+)", said)
    results = counts.pop("result", 0) + counts.pop("bad records", 0)
    fault = None if done.returncode == 0 else f"exit code {done.returncode}: {said[-2_000:]}"
    return {
        "files": int(files[-1]) if files else sum(counts.values()) + results,
        "results": results,
        "errors": dict(sorted(counts.items())),
        "places_reached_at_first": int(progress[0][0]) if progress else 0,
        "places_reached": int(progress[-1][0]) if progress else 0,
        "files_that_reached_another": int(progress[-1][2]) if progress else 0,
        "peak_megabytes": int(peak[-1]) if peak else 0,
        "fault": fault,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--seconds", type=int, default=120, help="of each format")
    parser.add_argument("--result", type=Path, default=RESULT)
    parser.add_argument("--worker", type=Path)
    chosen, options = parser.parse_known_args()
    if chosen.worker:
        work(chosen.formats[0], chosen.worker, options)
    from tests.fuzz.valid import FORMATS

    from seqwise.speed.machine import describe_machine

    formats = {}
    for form in chosen.formats or FORMATS:
        formats[form] = fuzz(form, chosen.seconds)
        print(form, json.dumps(formats[form], indent=1), flush=True)
    told = {
        "machine": describe_machine(),
        "seconds_a_format": chosen.seconds,
        "files": sum(each["files"] for each in formats.values()),
        "faults": sum(each["fault"] is not None for each in formats.values()),
        "formats": formats,
    }
    chosen.result.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return int(told["faults"] > 0)


if __name__ == "__main__":
    sys.exit(main())
