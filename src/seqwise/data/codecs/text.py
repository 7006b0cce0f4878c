"""Text as words, characters, bytes, or byte-pair tokens, by the tokenizers library."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from typing_extensions import override

from seqwise.config import LEAST_WITH_PIECES
from seqwise.data.codecs.capitals import MARKS, mark_capitals
from seqwise.data.codecs.codec import FIRST_ID, PADDING_ID, UNKNOWN_ID, Codec
from seqwise.data.readers.values import check_text
from seqwise.strict import setting_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqwise.config import Case, DataConfig, Tokens
    from seqwise.data.records import RawSequence

# White space keeps them apart from every token: the tokenizers split at it or spell it otherwise.
PADDING, UNKNOWN = " padding", " unknown"
UNSPELLED = "\N{REPLACEMENT CHARACTER}"  # what stands for either where characters are read

# Words that are not known are read in pieces, each of which has one token where a word begins and
# one, marked so, within it. They are learned from so many bytes of text and so many words.
WITHIN = "##"
MOST_PIECES = 300
MOST_SAMPLED = 1 << 22
MOST_DISTINCT = 1 << 17
SIZE_OF_TEXT = 50  # bytes that Python takes for a text of no letters

Merges = list[list[str]]

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

    Digits are tokens of their own among words, so that no number is unknown, and a word that is too
    rare is read in pieces, which are learned from such words (docs/design/0033).
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
        texts: Iterator[RawSequence] = map(self._mark, sequences)
        sample = None
        if self.config.tokens == "words" and self.config.vocab_size >= LEAST_WITH_PIECES:
            sample = _Sample()
            texts = sample.through(texts)
        self._tokenizer.train_from_iterator(texts, trainer=_build_trainer(self.config))
        # Given to the trainer, the special tokens would be looked for in the user's text.
        vocabulary, merges = _learned(self._tokenizer)
        tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        if sample is not None:
            tokens, merges = self._with_pieces(tokens, sample.texts)
        numbered = {token: index for index, token in enumerate([PADDING, UNKNOWN, *tokens])}
        self._tokenizer.model = _build_learned(self.config.tokens, numbered, merges)
        return self._adopt(self._tokenizer)

    def _with_pieces(self, words: list[str], texts: list[str]) -> tuple[list[str], Merges | None]:
        """Learn pieces from words of a sample that are not known; the rarest make room for them."""
        trainer: Any = trainers.WordLevelTrainer(
            vocab_size=MOST_DISTINCT, min_frequency=1, show_progress=False
        )
        self._tokenizer.train_from_iterator(texts, trainer=trainer)
        rare = sorted(_learned(self._tokenizer)[0].keys() - set(words))
        if not rare:
            return words, None
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = self._tokenizer.pre_tokenizer
        # The library would choose letters of which there are too many otherwise in each process.
        counts = Counter(letter for word in rare for letter in word)
        letters = sorted(counts, key=lambda letter: (-counts[letter], letter))[:MOST_PIECES]
        trainer = trainers.BpeTrainer(
            vocab_size=MOST_PIECES,
            initial_alphabet=letters,
            limit_alphabet=len(letters),
            min_frequency=2,
            show_progress=False,
        )
        tokenizer.train_from_iterator(rare, trainer=trainer)
        vocabulary, pairs = _learned(tokenizer)
        # The library can learn what begins a word apart from what is within it, but learns
        # something else in each process then, too.
        pieces = [mark + piece for piece in sorted(vocabulary) for mark in ("", WITHIN)]
        merges = [[mark + a, WITHIN + b] for a, b in pairs or [] for mark in ("", WITHIN)]
        room = self.config.vocab_size - FIRST_ID - len(pieces)
        return list(dict.fromkeys([*words[:room], *pieces])), merges

    def vocabulary(self) -> dict[str, int]:
        """Give the id of each token that is known; padding and unknown are none."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return {token: index for token, index in vocabulary.items() if index >= FIRST_ID}

    def read(self, text: str, most: int | None) -> str:
        """Give what texts share that are read alike, before tokens are learned.

        It is fast, so that it misses some, and takes "now here" for "nowhere".

        Parameters
        ----------
        text
            Any.
        most
            Tokens that are read; None for all.
        """
        if self.config.case == "mark":  # and not made small, as marks would have to be made first
            seen = unicodedata.normalize("NFC", text)
        else:
            seen = self._tokenizer.normalizer.normalize_str(text)
        if self.config.tokens == "words":
            # Each is a token or more. A blank before a sign says nothing, so that all are left out.
            return "".join(seen.split()[:most])
        return seen[:most] if self.config.tokens == "characters" else seen

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
        merges = _learned(self._tokenizer)[1]
        self._tokenizer.model = _build_learned(self.config.tokens, vocabulary, merges)
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
    def spelling(self) -> list[str] | None:
        if self.config.tokens in ("characters", "bytes"):
            return None
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        spelled = [UNSPELLED] * len(vocabulary)
        for token, index in self.vocabulary().items():
            spelled[index] = self._spell(token) or UNSPELLED
        return spelled

    def _spell(self, token: str) -> str:
        if self.config.tokens == "bpe" or (self.config.case == "mark" and token in MARKS):
            return token
        return token.removeprefix(WITHIN) if token.startswith(WITHIN) else f" {token}"

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
        if self.config.tokens == "words" and "merges" in learned:
            merges = learned["merges"]
            if not all(map(_is_merge_of_words, merges)):
                # The library may end the process over others.
                raise ValueError(f"not all merges are two pieces, the second a {WITHIN} one")
        try:
            self._tokenizer.model = _build_learned(self.config.tokens, vocabulary, merges)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"not a tokenizer: {error}") from error
        return self._adopt(self._tokenizer)

    @override
    def describe(self) -> str:
        case = _CASES[self.config.case]
        name = _STEP_NAMES[self.config.tokens]
        if self.config.tokens == "words" and isinstance(self._tokenizer.model, models.BPE):
            name = "words and pieces of words"
        return f"{name}, {case}, {self.vocab_size - FIRST_ID:,} known"

    def _mark(self, text: RawSequence) -> RawSequence:
        return mark_capitals(str(text)) if self.config.case == "mark" else text

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


def _learned(tokenizer: Tokenizer) -> tuple[dict[str, int], Merges | None]:
    """Give the vocabulary of a tokenizer, and its merges where it has pieces."""
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], model.get("merges")


def _build_learned(tokens: Tokens, vocabulary: dict[str, int], merges: Merges | None) -> Any:
    if merges is None:
        return models.WordLevel(vocabulary, unk_token=UNKNOWN)
    pairs = [(left, right) for left, right in merges]
    if tokens == "bpe":
        return models.BPE(vocabulary, pairs, unk_token=UNKNOWN)
    return models.BPE(
        vocabulary,
        pairs,
        unk_token=UNKNOWN,
        continuing_subword_prefix=WITHIN,
        ignore_merges=True,  # of words that are known
        fuse_unk=True,
    )


def _is_merge_of_words(merge: Any) -> bool:
    is_pair = isinstance(merge, list) and len(merge) == 2
    return is_pair and all(isinstance(each, str) for each in merge) and merge[1].startswith(WITHIN)


class _Sample:
    """Some of the texts that pass by, or what they begin with, spread evenly over all of them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def through(self, texts: Iterable[RawSequence]) -> Iterator[RawSequence]:
        every, size = 1, 0
        for number, text in enumerate(texts):
            if number % every == 0:
                beginning = str(text)[: MOST_SAMPLED // 64]  # no text alone has it all
                self.texts.append(beginning)
                size += len(beginning) + SIZE_OF_TEXT
                if size > MOST_SAMPLED:
                    self.texts = self.texts[::2]
                    size = sum(len(each) + SIZE_OF_TEXT for each in self.texts)
                    every *= 2
            yield text


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
