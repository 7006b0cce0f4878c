import itertools
import sys
import tracemalloc
import unicodedata

import pytest

from seqwise.config import DataConfig
from seqwise.data.codecs.capitals import CAPITAL, CAPITALS, mark_capitals
from seqwise.data.codecs.text import TextCodec

# All of Unicode but for the most of what is for private use, or has no meaning yet.
LETTERS = [
    chr(point)
    for point in range(sys.maxunicode + 1)
    if unicodedata.category(chr(point)) not in {"Cn", "Co", "Cs"}
    or (point % 97 == 0 and not 0xD800 <= point < 0xE000)
]


def codec(*texts, **settings):
    return TextCodec(DataConfig(kind="text", **settings)).fit(texts)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Win a PRIZE", "^Win a ^^PRIZE"),
        ("I'm at O'Neil's", "^I'm at ^O'Neil's"),
        ("CAN\u2019T", "^^CAN\u2019T"),
        ("A iPhone, McDonald, ABCd", "^A iPhone, ^McDonald, ^ABCd"),
        ("4U U2 snake_Case", "4^U ^U2 snake_^Case"),
        ("E\u0301mile \u00c9COLE", "^\u00c9mile ^^\u00c9COLE"),
        ("\U0001e900\U0001e901", "^^\U0001e900\U0001e901"),
        ("\U0001e900\U0001e922", "^\U0001e900\U0001e922"),
        ("\u65e5\u672c \u00df 5 !", "\u65e5\u672c \u00df 5 !"),
        ("", ""),
    ],
)
def test_marks_stand_before_words_with_capitals(text, marked):
    assert mark_capitals(text) == marked.replace("^^", CAPITALS).replace("^", CAPITAL)


def test_a_mark_is_a_step_before_a_word_made_small():
    fitted = codec("Win a PRIZE", "win a prize")
    assert fitted.vocabulary().keys() == {CAPITAL, CAPITALS, "win", "a", "prize"}
    known = fitted.vocabulary()
    expected = [known[token] for token in (CAPITAL, "win", "a", CAPITALS, "prize")]
    assert fitted.encode(["Win a PRIZE"])[0].tolist() == expected


def test_a_mark_splits_no_word():
    """Whatever stands before a capital, and whichever Unicode Python and the library know."""
    tokenizer = codec("a")._tokenizer

    def words(text):
        normalised = tokenizer.normalizer.normalize_str(text)
        split = tokenizer.pre_tokenizer.pre_tokenize_str(normalised)
        return [piece for piece, _ in split if piece not in {CAPITAL, CAPITALS}]

    for start in range(0, len(LETTERS), 500):
        letters = LETTERS[start : start + 500]
        text = "".join(f"a{one}B {one}B {one * 2} B{one}b'{one} {one}'B " for one in letters)
        assert words(mark_capitals(text)) == words(text)


def test_a_word_of_many_capitals_takes_no_more_memory_than_twice_itself():
    word = "A" * 1_000_000
    tracemalloc.start()
    marked = mark_capitals(word)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert marked == CAPITALS + word
    assert peak < 12 * len(word)


@pytest.mark.parametrize(
    ("letters", "before"),
    [
        ("AaBb'5_ ", "\N{EM DASH}"),
        ("AaBb'5_ ", "\U0001f600"),
        ("A\u00e9\u00c9\u0416\u0436'\u2019\u0301\u00b2\u65e5\u203f_ ", "\U0001f600"),
    ],
    ids=["ascii and other", "ascii and beyond", "other and beyond"],
)
def test_whatever_else_is_in_a_text_its_words_are_marked_alike(letters, before):
    """Another character has the text looked through by other classes of letters."""
    text = "".join(map("".join, itertools.product(letters, repeat=4)))
    text = unicodedata.normalize("NFC", text)
    assert mark_capitals(f"{before} {text}") == f"{before} {mark_capitals(text)}"
    assert CAPITALS in mark_capitals(text)
