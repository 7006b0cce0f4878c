"""Draw what `seqwise evaluate` prints after `make demo`, for the README.

python benchmarks/picture.py      # writes docs/images/evaluate.svg
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "evaluate.svg"
COMMAND = ["evaluate", "demo/digits", "demo/digits_test.jsonl"]
WIDTH = 84


def main() -> None:
    if not (ROOT / "demo" / "digits").is_dir():
        print("skipped: run make demo first")
        return
    printed = subprocess.run(
        [str(Path(sys.executable).with_name("seqwise")), *COMMAND],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ seqwise {' '.join(COMMAND)}", style="bold"))
    console.print(Text.from_ansi(printed))
    # Without the fonts that rich would have a browser fetch: a picture asks no server.
    picture = re.sub(
        r"@font-face \{.*?\}", "", console.export_svg(title="seqwise"), flags=re.DOTALL
    )
    PICTURE.write_text(picture.replace("Fira Code", "monospace"))


if __name__ == "__main__":
    main()
