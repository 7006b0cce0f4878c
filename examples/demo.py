"""The main job on real data that needs no download: train, evaluate, predict.

Two data sets that every machine has once seqwise is installed:

- handwritten digits: scikit-learn's 1,797 scans of 8 x 8 pixels, read as series of 8 steps (the
  rows, from top to bottom) with 8 channels (the grey values of a row);
- documentation strings of Python's standard library, labelled by the package they come from.
"""

from __future__ import annotations

import ast
import csv
import json
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

FOLDER = Path("demo")
SEQWISE = str(Path(sys.executable).with_name("seqwise"))
PACKAGES = 12
TEST_SHARE = 0.25


def main() -> None:
    """Write the data, and run the commands that a user would type."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()

    print("1. Handwritten digits, real scans from scikit-learn: 8 steps of 8 channels\n")
    write_digits()
    run("inspect demo/digits_train.jsonl")
    run("train demo/digits_train.jsonl --out demo/digits --budget 25s")
    run("evaluate demo/digits demo/digits_test.jsonl --train demo/digits_train.jsonl")

    print("2. Documentation strings of Python's standard library: which package is it from?\n")
    write_docstrings()
    run("train demo/docs_train.csv --out demo/docs --budget 35s")
    run("evaluate demo/docs demo/docs_test.csv --train demo/docs_train.csv")
    run("predict demo/docs demo/docs_test.csv -o demo/docs_predicted.csv")
    print("The models are the folders demo/digits and demo/docs; seqwise inspect shows them.")


def write_digits() -> None:
    """Write the digits as JSON Lines, a part of them apart for the evaluation."""
    digits = load_digits()
    split = train_test_split(
        digits.images, digits.target, test_size=TEST_SHARE, stratify=digits.target, random_state=0
    )
    for name, images, labels in (("train", *split[0::2]), ("test", *split[1::2])):
        with (FOLDER / f"digits_{name}.jsonl").open("w") as file:
            for image, label in zip(images.tolist(), labels.tolist(), strict=True):
                file.write(json.dumps({"series": image, "label": label}) + "\n")


def write_docstrings() -> None:
    """Write the documentation strings as CSV, each text once."""
    library = Path(sysconfig.get_path("stdlib"))
    package_of: dict[str, str] = {}
    for path in sorted(library.rglob("*.py")):
        package = path.relative_to(library).parts[0].removesuffix(".py")
        if package not in {"site-packages", "test", "idlelib", "lib2to3"}:
            for text in read_docstrings(path):
                package_of.setdefault(text, package)
    common = {name for name, _ in Counter(package_of.values()).most_common(PACKAGES)}
    rows = [(text, package) for text, package in package_of.items() if package in common]
    packages = [package for _, package in rows]
    parts = train_test_split(rows, test_size=TEST_SHARE, stratify=packages, random_state=0)
    for name, part in zip(("train", "test"), parts, strict=True):
        with (FOLDER / f"docs_{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "package"), *part])


def read_docstrings(path: Path) -> list[str]:
    """Find the documentation strings of a source file without importing it."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return [text for text in texts if text]


def run(command: str) -> None:
    """Show a command as a user would type it, and run it."""
    print(f"$ seqwise {command}", flush=True)
    subprocess.run([SEQWISE, *shlex.split(command)], check=True)
    print(flush=True)


if __name__ == "__main__":
    main()
