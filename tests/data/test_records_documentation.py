import re
from pathlib import Path

import pytest

from seqwise.errors import Code

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (.+?) \| `(.+?)` \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_its_row(code):
    rows = [row for row in ROW.findall(PAGE.read_text("utf-8")) if row[0] == code]
    assert len(rows) == 1


def test_every_row_has_its_code():
    assert {row[0] for row in ROW.findall(PAGE.read_text("utf-8"))} == set(Code)
