import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

from seqwise.config import LEAST_WITH_PIECES, DataConfig, Tokens
from seqwise.data.codecs import PADDING_ID, UNKNOWN_ID, build_codec
from seqwise.data.codecs import text as module
from seqwise.data.kinds import Kind, check_sequence
from tests.data.codecs.examples import TEXTS
from tests.data.codecs.test_capitals import LETTERS

MODES = get_args(Tokens)
every_mode = pytest.mark.parametrize("tokens", MODES)
MARKS = ("[PAD]", "[UNK]")  # BUG: see test_the_names_of_special_tokens_are_plain_text
texts = st.text(max_size=40).filter(
    lambda text: (
        isinstance(check_sequence(text, Kind.TEXT), str) and not any(mark in text for mark in MARKS)
    )
)


def codec(tokens="words", training=TEXTS, **settings):
    return build_codec(DataConfig(kind="text", tokens=tokens, **settings)).fit(training)


def ids(fitted, text):
    return fitted.encode([text])[0].tolist()


FITTED = {tokens: codec(tokens, case="keep") for tokens in MODES}


@every_mode
@given(text=texts)
def test_any_text_has_a_token_and_each_is_in_range(tokens, text):
    found = ids(FITTED[tokens], text)
    assert found
    assert min(found) >= UNKNOWN_ID
    assert max(found) < FITTED[tokens].vocab_size


@given(text=texts)
def test_bytes_are_those_of_utf8_and_all_known(text):
    found = ids(FITTED["bytes"], text)
    assert len(found) == len(unicodedata.normalize("NFC", text).encode())
    assert UNKNOWN_ID not in found


@given(text=texts)
def test_characters_are_those_of_the_text(text):
    assert len(ids(FITTED["characters"], text)) == len(unicodedata.normalize("NFC", text))


@given(text=texts)
def test_no_byte_pair_token_is_unknown(text):
    assert UNKNOWN_ID not in ids(FITTED["bpe"], text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop", ["don't", "stop"]),
        ("rock'n'roll\u2019s end", ["rock'n'roll\u2019s", "end"]),
        ("call 0800!", ["call", "0", "8", "0", "0", "!"]),
        ("snake_case", ["snake", "_", "case"]),
        ("a1b", ["a", "1", "b"]),
        ("(naïve)", ["(", "naïve", ")"]),
        ("tab\tand\nline", ["tab", "and", "line"]),
    ],
)
def test_words_are_letters_and_single_marks(text, words):
    fitted = codec(training=[" ".join(words)] * 2)
    assert ids(fitted, text) == [ids(fitted, word)[0] for word in words]
    assert UNKNOWN_ID not in ids(fitted, text)


def test_words_split_at_white_space_and_nowhere_else_in_unicode():
    """One expression does what the library's own split at white space and a second one do."""
    marks = Regex("[^\\W\\d_]+(?:['\u2019][^\\W\\d_]+)*|.")
    plainly = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(marks, behavior="isolated")]
    )
    ours = FITTED["words"]._tokenizer.pre_tokenizer
    for start in range(0, len(LETTERS), 500):
        letters = LETTERS[start : start + 500]
        text = "".join(f"a{letter}b'{letter}1 {letter}{letter}" for letter in letters)
        assert ours.pre_tokenize_str(text) == plainly.pre_tokenize_str(text)


@every_mode
def test_texts_are_encoded_some_at_a_time_as_the_library_encodes_them_all(tokens, monkeypatch):
    given = []
    encode = Tokenizer.encode_batch_fast

    class Watched:
        def __init__(self, tokenizer):
            self.tokenizer = tokenizer

        def encode_batch_fast(self, texts, **options):
            given.append(list(texts))
            return encode(self.tokenizer, texts, **options)

    fitted = codec(tokens, case="keep")
    many = [f"{TEXTS[number % 4]} {number}" for number in range(23)]
    expected = [each.ids for each in fitted._tokenizer.encode_batch(many, add_special_tokens=False)]
    monkeypatch.setattr(module, "TEXTS_AT_ONCE", 5)
    monkeypatch.setattr(fitted, "_tokenizer", Watched(fitted._tokenizer))
    assert [array.tolist() for array in fitted.encode(many)] == expected
    assert given == [many[start : start + 5] for start in range(0, 23, 5)]


def test_case_is_dropped_or_kept():
    assert ids(codec(case="drop"), "THE fox") == ids(codec(case="drop"), "the FOX")
    assert ids(codec(case="keep"), "fox FOX")[1] == UNKNOWN_ID


@every_mode
def test_composed_and_decomposed_letters_are_one(tokens):
    assert ids(FITTED[tokens], "caf\u00e9") == ids(FITTED[tokens], "cafe\u0301")


def test_new_lines_are_characters():
    assert len(ids(FITTED["characters"], "a\n\n\nb")) == 5


def test_words_not_seen_are_unknown():
    assert ids(codec(), "zebra fox zebra") == [UNKNOWN_ID, ids(codec(), "fox")[0], UNKNOWN_ID]


def test_rare_words_are_read_in_pieces_that_they_share():
    rare = "bowing reading sitting asking"
    fitted = codec(training=["the the", rare], min_count=2)
    assert len(ids(fitted, "the")) == 1
    bowing, reading, unseen = (ids(fitted, word) for word in ("bowing", "reading", "basing"))
    assert bowing[-1] == reading[-1] == unseen[-1]
    assert bowing != reading
    assert UNKNOWN_ID not in [*bowing, *reading, *unseen]


def test_a_word_that_is_known_is_no_pieces():
    rare = [f"{letter}the thee" for letter in "abcdefghij"]
    fitted = codec(training=["thee"] * 2 + rare, min_count=3)
    assert len(ids(fitted, "thee")) == 1
    assert len(ids(fitted, "athee")) > 1


def test_letters_that_no_piece_has_are_one_unknown():
    fitted = codec(training=["the the", "rare words"], min_count=2)
    assert ids(fitted, "\u0436\u0437 the") == [UNKNOWN_ID, ids(fitted, "the")[0]]
    rare = ids(fitted, "rare")
    assert ids(fitted, "rare\u0436\u0437\u0436") == [*rare, UNKNOWN_ID]


def test_pieces_have_their_room_in_the_vocabulary():
    letters = "abcdefghijklmnop"
    words = [a + b + c + d for a in letters for b in letters for c in letters for d in "qrs"]
    texts = [" ".join(words + words[:100])]
    fitted = codec(training=texts, vocab_size=LEAST_WITH_PIECES)
    assert fitted.vocab_size == LEAST_WITH_PIECES
    assert UNKNOWN_ID not in ids(fitted, "abcdefghijq")
    assert len(ids(fitted, words[99])) == 1
    few = codec(training=texts, vocab_size=LEAST_WITH_PIECES - 1)
    assert ids(few, "abcdefghijq") == [UNKNOWN_ID]


def test_words_are_extended_beside_pieces():
    fitted = codec(training=["the the", "rare words"], min_count=2)
    pieces = ids(fitted, "rare")
    extended = fitted.extend(["words"])
    again = module.TextCodec(extended.config).restore(extended.to_dict())
    for each in (extended, again):
        assert (ids(each, "rare"), len(ids(each, "words"))) == (pieces, 1)


def test_pieces_are_learned_from_texts_spread_over_all(monkeypatch):
    monkeypatch.setattr(module, "MOST_SAMPLED", 64 * 8)
    sample = module._Sample()
    texts = [f"text {number:03d}, and more" for number in range(100)]
    assert list(sample.through(texts)) == texts
    assert sample.texts == [text[:8] for text in texts[::16]]


def test_the_vocabulary_is_limited_to_the_most_frequent_words():
    words = [chr(ord("a") + number) for number in range(26)]
    fitted = codec(training=[" ".join(words), " ".join(words[:4])], vocab_size=10)
    assert fitted.vocab_size == 10
    assert UNKNOWN_ID not in ids(fitted, "a b c d")
    assert ids(fitted, "z") == [UNKNOWN_ID]


def test_frequent_words_become_single_byte_pair_tokens():
    fitted = codec("bpe", ["banana split"] * 20, vocab_size=400)
    assert len(ids(fitted, "banana")) == 1
    assert len(ids(fitted, "nab")) > 1


def test_a_text_of_which_nothing_is_left_is_unknown():
    assert ids(codec(), " ") == [UNKNOWN_ID]


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_the_names_of_special_tokens_are_plain_text(tokens):
    found = ids(codec(tokens, ["[PAD] a"] * 3), "[PAD] a [PAD]")
    assert PADDING_ID not in found


def test_the_limit_holds_for_byte_pairs():
    try:
        fitted = codec("bpe", vocab_size=10)
    except ValueError:
        return
    assert fitted.vocab_size == 10


SENTENCE = "The sea, the SEAS: 42 o'clock! \N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"case": "mark"}, "⇧ the sea , the⇪ seas : 4 2 o'clock ! \N{GRINNING FACE}"),
        ({"case": "drop"}, " the sea , the seas : 4 2 o'clock ! \N{GRINNING FACE}"),
        ({"case": "keep"}, " The sea , the SEAS : 4 2 o'clock ! \N{GRINNING FACE}"),
    ],
)
def test_a_text_can_nearly_be_spelled_again(settings, expected):
    fitted = codec(training=[SENTENCE], **settings)
    spelled = fitted.spelling()
    assert len(spelled) == fitted.vocab_size
    assert "".join(spelled[token] for token in ids(fitted, SENTENCE)) == expected
    assert spelled[UNKNOWN_ID] == "\N{REPLACEMENT CHARACTER}"


def test_a_word_in_pieces_is_spelled_as_one():
    words = ["walking", "talking", "balking", "stalking", "talker", "walker"]
    fitted = codec(training=[*words, "known known"], min_count=2)
    found = ids(fitted, "stalker known")
    assert len(found) > 2
    assert "".join(fitted.spelling()[token] for token in found) == " stalker known"


def test_byte_pair_tokens_are_spelled_and_characters_are_not():
    fitted = FITTED["bpe"]
    spelled = "".join(fitted.spelling()[token] for token in ids(fitted, "good day"))
    assert spelled.replace("Ġ", " ") == " good day"
    assert FITTED["characters"].spelling() is None
    assert FITTED["bytes"].spelling() is None
