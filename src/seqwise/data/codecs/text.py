"""Text as words, characters, bytes, or byte-pair tokens, by the tokenizers library."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from typing_extensions import override

from seqwise.data.codecs.codec import FIRST_ID, PADDING_ID, UNKNOWN_ID, Codec
from seqwise.data.readers.values import check_text
from seqwise.strict import setting_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqwise.config import Case, DataConfig, Tokens
    from seqwise.data.records import RawSequence

# White space keeps them apart from every token: the tokenizers split at it or spell it otherwise.
PADDING, UNKNOWN = " padding", " unknown"

# Before a word that begins with a capital, and one of several letters that has nothing else.
CAPITAL, CAPITALS = "\N{UPWARDS WHITE ARROW}", "\N{UPWARDS WHITE ARROW FROM BAR}"

# What the library returns takes some hundred bytes a token. This many texts keep all cores busy.
TEXTS_AT_ONCE = 1_024

_STEP_NAMES: dict[Tokens, str] = {
    "words": "words",
    "characters": "characters",
    "bytes": "bytes",
    "bpe": "byte-pair tokens",
}
_CASES: dict[Case, str] = {
    "mark": "lower case, capitals marked",
    "drop": "lower case",
    "keep": "with their case",
}


class TextCodec(Codec):
    """A tokenizer trained on the training part.

    Digits are tokens of their own among words, so that no number is unknown.
    """

    def __init__(self, config: DataConfig) -> None:
        super().__init__(config)
        self._tokenizer = Tokenizer(_build_model(config.tokens))
        steps: list[Any] = [normalizers.NFC()]
        if config.case != "keep":
            steps.append(normalizers.Lowercase())
        self._tokenizer.normalizer = normalizers.Sequence(steps)
        self._tokenizer.pre_tokenizer = _build_pre_tokenizer(config.tokens)

    @override
    def fit(self, sequences: Iterable[RawSequence]) -> Self:
        if self.config.tokens == "bytes":
            return self._adopt(self._tokenizer)
        texts = map(self._mark, sequences)
        self._tokenizer.train_from_iterator(texts, trainer=_build_trainer(self.config))
        # Given to the trainer, the special tokens would be looked for in the user's text.
        self._tokenizer.model = _with_special_tokens(self._tokenizer)
        return self._adopt(self._tokenizer)

    def vocabulary(self) -> dict[str, int]:
        """Give the id of each token that is known; padding and unknown are none."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return {token: index for token, index in vocabulary.items() if index >= FIRST_ID}

    def normalise(self, text: str) -> str:
        """Spell a word as it is looked up: small, unless the codec keeps capitals as they are."""
        if check_text(text) is not None:
            return text  # nothing that a text can hold
        normalised: str = self._tokenizer.normalizer.normalize_str(text)
        return normalised

    def extend(self, words: Iterable[str]) -> Self:
        """Know more words than were seen, as many as there is room for; for tokens that are words.

        A word that a text would be cut into pieces at is left out: it could never come up.

        Parameters
        ----------
        words
            Read until the vocabulary is full.
        """
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        for word in words:
            if len(vocabulary) >= self.config.vocab_size:
                break
            token = self.normalise(word)
            if check_text(token) is None and self._is_one(token):
                vocabulary.setdefault(token, len(vocabulary))
        self._tokenizer.model = _learned_model(vocabulary, None)
        return self._adopt(self._tokenizer)

    @override
    def encode(self, sequences: Sequence[RawSequence]) -> list[NDArray[np.int32]]:
        arrays: list[NDArray[np.int32]] = []
        for start in range(0, len(sequences), TEXTS_AT_ONCE):
            texts = list(map(self._mark, sequences[start : start + TEXTS_AT_ONCE]))
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            # A text of which the normalizer leaves nothing is one unknown token.
            arrays += [np.array(each.ids or [UNKNOWN_ID], dtype=np.int32) for each in encodings]
        return arrays

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"tokenizer": self._tokenizer.to_str()}

    @override
    def restore(self, state: dict[str, Any]) -> Self:
        # No more than what was learned: another normalizer or padding could do anything to a text.
        learned = json.loads(state["tokenizer"])["model"]
        vocabulary = learned["vocab"]
        if sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise ValueError("the ids of the vocabulary are not 0, 1, 2, ...")
        if vocabulary.get(UNKNOWN) != UNKNOWN_ID:
            raise ValueError(f"{UNKNOWN} does not have the id {UNKNOWN_ID}")
        merges = learned["merges"] if self.config.tokens == "bpe" else None
        try:
            self._tokenizer.model = _learned_model(vocabulary, merges)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"not a tokenizer: {error}") from error
        return self._adopt(self._tokenizer)

    @override
    def describe(self) -> str:
        case = _CASES[self.config.case]
        return f"{_STEP_NAMES[self.config.tokens]}, {case}, {self.vocab_size - FIRST_ID:,} known"

    def _mark(self, text: RawSequence) -> RawSequence:
        """Put marks before the capitals of a text, where the codec marks them."""
        if self.config.case != "mark":
            return text
        # As the tokenizer will have it, or a letter and its accent were two.
        composed = unicodedata.normalize("NFC", str(text))
        return _find_capitals(only_ascii=composed.isascii()).sub(_mark_capital, composed)

    def _is_one(self, token: str) -> bool:
        pieces = self._tokenizer.pre_tokenizer.pre_tokenize_str(token)
        return [piece for piece, _ in pieces] == [token]

    def _adopt(self, tokenizer: Tokenizer) -> Self:
        self._tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()
        return self


def _build_model(tokens: Tokens) -> Any:
    if tokens == "bpe":
        return models.BPE(unk_token=UNKNOWN)
    vocabulary = {PADDING: PADDING_ID, UNKNOWN: UNKNOWN_ID}
    if tokens == "bytes":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary |= {letter: FIRST_ID + index for index, letter in enumerate(alphabet)}
    return models.WordLevel(vocabulary, unk_token=UNKNOWN)


def _with_special_tokens(tokenizer: Tokenizer) -> Any:
    """Make the trained model anew, its ids moved up behind padding and unknown."""
    trained = json.loads(tokenizer.to_str())["model"]
    vocabulary = {token: FIRST_ID + index for token, index in trained["vocab"].items()}
    vocabulary |= {PADDING: PADDING_ID, UNKNOWN: UNKNOWN_ID}
    return _learned_model(vocabulary, trained.get("merges"))


def _learned_model(vocabulary: dict[str, int], merges: list[list[str]] | None) -> Any:
    if merges is None:
        return models.WordLevel(vocabulary, unk_token=UNKNOWN)
    return models.BPE(vocabulary, [(left, right) for left, right in merges], unk_token=UNKNOWN)


def _build_pre_tokenizer(tokens: Tokens) -> Any:
    single = pre_tokenizers.Split(Regex(r"(?m)."), behavior="isolated")
    if tokens == "characters":
        return single
    if tokens == "bytes":
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([as_bytes, single])
    if tokens == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=True)
    # Letters with the apostrophes inside them, single digits, any other single mark. Split takes
    # what it matches for what is between tokens, unless inverted.
    words = Regex("[^\\W\\d_]+(?:['\u2019][^\\W\\d_]+)*|\\S")
    return pre_tokenizers.Split(words, behavior="removed", invert=True)


@cache
def _find_capitals(*, only_ascii: bool) -> re.Pattern[str]:
    """Find where a word begins with a capital; the first group is the rest of one of capitals.

    In Python, as replacing a place without a width makes the library panic. Of a text that is
    ASCII the same is found in a sixth of the time.
    """
    capital, letter, apostrophe = "A-Z", "A-Za-z", "['\u2019]"
    if not only_ascii:
        capital, letter = _ranges(str.isupper), _ranges(_may_be_within)
    not_within = f"(?<![{letter}].)(?<![{letter}]{apostrophe}.)"
    rest = f"((?:{apostrophe}?[{capital}])+)(?!{apostrophe}?[{letter}])"
    return re.compile(f"[{capital}]{not_within}(?:{rest})?", re.DOTALL)


def _may_be_within(character: str) -> bool:
    """Tell whether the tokenizer may have a character within a word, whatever Unicode it knows."""
    category = unicodedata.category(character)
    odd = category[0] == "M" or category in {"Nl", "No", "Pc", "Cn"}
    cased = character.isupper() or character.islower()
    return character.isalpha() or cased or (odd and character != "_")


def _ranges(is_one: Callable[[str], bool]) -> str:
    """Give characters as the inside of a class of `re`: thousands of single ones are slow."""
    points = {point for point in range(sys.maxunicode + 1) if is_one(chr(point))}
    starts = sorted(point for point in points if point - 1 not in points)
    ends = sorted(point for point in points if point + 1 not in points)
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))


def _mark_capital(found: re.Match[str]) -> str:
    return (CAPITALS if found[1] else CAPITAL) + found[0]


def _build_trainer(config: DataConfig) -> Any:
    limit = config.vocab_size - FIRST_ID
    if config.tokens != "bpe":
        return trainers.WordLevelTrainer(
            vocab_size=limit, min_frequency=config.min_count, show_progress=False
        )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if limit < len(alphabet):
        expected = f"{FIRST_ID + len(alphabet)} or more, as each byte is a token"
        raise setting_error("vocab_size", config.vocab_size, expected)
    return trainers.BpeTrainer(
        vocab_size=limit,
        min_frequency=config.min_count,
        initial_alphabet=alphabet,
        show_progress=False,
    )
