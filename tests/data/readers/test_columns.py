import pytest

from seqwise.data.readers.columns import choose_columns, refuse_duplicates
from seqwise.data.readers.interface import Wanted
from seqwise.errors import Code, DataError


@pytest.mark.parametrize(
    ("columns", "wishes", "chosen"),
    [
        (["text", "label"], {}, ("text", "label")),
        (["Label", "id", "TEXT"], {}, ("TEXT", "Label")),
        (["body", "label"], {}, ("body", "label")),
        (["text", "emotion"], {}, ("text", "emotion")),
        (["a", "b", "c"], {"sequence": "c", "label": "a"}, ("c", "a")),
        (["a", "b"], {"label": "a"}, ("b", "a")),
        (["target", "label"], {"sequence": "target"}, ("target", "label")),
        (["text", "message", "label"], {"sequence": "message"}, ("message", "label")),
        (["text", "label", "class"], {"label": "class"}, ("text", "class")),
        (["", "text", "label", ""], {}, ("text", "label")),
        (["id", "text", "other"], {"label_required": False}, ("text", None)),
        (["id", "text"], {"label_required": False}, ("text", None)),
        (["text"], {"label_required": False}, ("text", None)),
        (["anything"], {"label_required": False}, ("anything", None)),
        (["label", "anything"], {"label_required": False}, ("anything", "label")),
        (["text", "label", "class"], {"label_required": False}, ("text", None)),
    ],
)
def test_choices(columns, wishes, chosen):
    assert choose_columns(columns, Wanted(**wishes), "a.csv") == chosen


@pytest.mark.parametrize(
    ("columns", "wishes", "code", "said"),
    [
        (["text", "label"], {"sequence": "txt"}, Code.COLUMN_MISSING, "did you mean 'text'?"),
        (["text", "Label"], {"label": "label"}, Code.COLUMN_MISSING, "did you mean 'Label'?"),
        (["text", "label"], {"label": "zz"}, Code.COLUMN_MISSING, "one of 'text', 'label'"),
        (["text", "text"], {}, Code.DUPLICATE_HEADER, "2 columns named 'text'"),
        (["a", "b"], {}, Code.COLUMN_UNCLEAR, "--sequence COLUMN"),
        (["text", "b", "c"], {}, Code.COLUMN_UNCLEAR, "--label COLUMN"),
        (["text", "seq", "label"], {}, Code.COLUMN_UNCLEAR, "'text', 'seq'"),
        (["text", "y", "label"], {}, Code.COLUMN_UNCLEAR, "'y', 'label'"),
        (["a", "b"], {"sequence": "a", "label": "a"}, Code.COLUMN_UNCLEAR, "both"),
        (["text"], {}, Code.COLUMN_UNCLEAR, "--label COLUMN"),
        ([f"c{i}" for i in range(30)], {}, Code.COLUMN_UNCLEAR, "and 20 more"),
    ],
)
def test_refusals(columns, wishes, code, said):
    with pytest.raises(DataError) as caught:
        choose_columns(columns, Wanted(**wishes), "a.csv", line=1)
    assert caught.value.code is code
    assert said in str(caught.value)
    assert str(caught.value).startswith("a.csv:1: ")


def test_a_name_twice_among_many_is_found_at_once():
    with pytest.raises(DataError) as caught:
        refuse_duplicates([*map(str, range(50_000)), "49999"], "a.csv")
    assert "2 columns named '49999'" in caught.value.problem.found
