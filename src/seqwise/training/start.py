"""What a network starts from: chance alone, or the vectors of words from a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from seqwise.config import DataConfig, TrainConfig, setting_error
from seqwise.data.codecs import FIRST_ID, Codec, TextCodec, build_codec
from seqwise.data.kinds import Kind
from seqwise.data.readers.values import check_text
from seqwise.data.records import RawSequence
from seqwise.data.store import Sequences
from seqwise.data.vectors import VectorFile
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.nn import SequenceModel, TokenEmbedding
from seqwise.nn.embedding import TOKEN_DEVIATION
from seqwise.training.settings import Wishes, choose_data

SETTINGS_OF_STARTS = ("vectors",)


class Start:
    """Chance alone: what every start does, if it does not do better.

    Attributes
    ----------
    shape : dict
        Settings of the model that it settles.
    """

    def __init__(self) -> None:
        self.shape: dict[str, Any] = {}

    def identity(self) -> dict[str, str]:
        """Name what is started from, by the setting that named it and a hash of its content."""
        return {}

    def choose_data(
        self, kind: Kind, sequences: Sequence[RawSequence], wishes: Wishes
    ) -> DataConfig:
        """Choose what a step is, as `settings.choose_data`."""
        return choose_data(kind, sequences, wishes)

    def fit_codec(self, data: DataConfig, sequences: Iterable[RawSequence]) -> Codec:
        """Make the codec that sequences are encoded by."""
        return build_codec(data).fit(sequences)

    def settle(self, wishes: Wishes) -> Wishes:
        """Add what it settles of the model's shape.

        Raises
        ------
        ConfigError
            If the user wishes something else.
        """
        for name, value in self.shape.items():
            if wishes.model.get(name, value) != value:
                raise setting_error(name, wishes.model[name], f"{value}, {self._reason()}")
        return replace(wishes, model={**wishes.model, **self.shape})

    def put(self, model: SequenceModel, codec: Codec) -> None:
        """Put the weights that it has into a model made of chance."""

    def describe(self, codec: Codec, sequences: Sequences) -> list[tuple[str, str]]:
        """Say in words what it gave to the model of a codec and of encoded training sequences."""
        return []

    def _reason(self) -> str:
        raise NotImplementedError


class VectorStart(Start):
    """The vectors of words from a file; those of other words, and all else, by chance.

    The vocabulary is that of the training part and, as far as there is room, that of the file, its
    first words first: so words are known that no record to learn from has.

    Parameters
    ----------
    path
        As `VectorFile` reads it.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = VectorFile(path)
        # Vectors are those of single words: no convolution stands between them and the encoder.
        self.shape = {"embedding_dim": self.file.dimension, "kernel_size": 0}
        self._has_vector: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    @override
    def identity(self) -> dict[str, str]:
        return {"vectors": self.file.sha256()}

    @override
    def choose_data(
        self, kind: Kind, sequences: Sequence[RawSequence], wishes: Wishes
    ) -> DataConfig:
        data = choose_data(kind, sequences, wishes)
        if data.kind != "text" or data.tokens != "words":
            found = f"{kind} by {data.tokens}" if kind is Kind.TEXT else str(kind)
            expected = f"text read by words (--tokens words), and this is {found}"
            raise setting_error("vectors", self.file.path, expected)
        return data

    @override
    def fit_codec(self, data: DataConfig, sequences: Iterable[RawSequence]) -> Codec:
        codec = TextCodec(data).fit(sequences)
        known = codec.vocabulary()
        if not any(codec.normalise(word) in known for word in self.file.words()):
            found = f"vectors of none of the {codec.vocab_size - FIRST_ID:,} words to learn from"
            expected, remedy = "vectors of words of this language", "check --vectors"
            raise DataError(Problem(Code.BAD_SETTING, found, expected, remedy, path=self.file.path))
        return codec.extend(self.file.words())

    @override
    def put(self, model: SequenceModel, codec: Codec) -> None:
        assert isinstance(codec, TextCodec)
        vectors = self.file.read(codec)
        self._has_vector = vectors.has_vector
        known = torch.from_numpy(vectors.has_vector)
        found = torch.from_numpy(vectors.table)[known]
        table = next(each for each in model.modules() if isinstance(each, TokenEmbedding)).table
        with torch.no_grad():
            # As loud as those that chance makes, whatever the file's own loudness.
            table.weight[known] = found * (TOKEN_DEVIATION / found.std().clamp(min=1e-12))

    @override
    def describe(self, codec: Codec, sequences: Sequences) -> list[tuple[str, str]]:
        is_seen = np.zeros(codec.vocab_size, dtype=bool)
        for index in range(len(sequences)):
            is_seen[sequences[index]] = True
        is_seen[:FIRST_ID] = False
        num_found = int((is_seen & self._has_vector).sum())
        num_more = int((~is_seen & self._has_vector).sum())
        text = f"{num_found:,} of {int(is_seen.sum()):,} words have vectors"
        return [("vectors", f"{text}; {num_more:,} more words of the file are known")]

    @override
    def _reason(self) -> str:
        return f"with the vectors of {excerpt(self.file.path)}"


def open_start(wishes: Wishes) -> Start:
    """Open what the user wants a network to start from.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    config = TrainConfig.from_dict(dict(wishes.train))
    if config.vectors is None:
        return Start()
    if check_text(config.vectors) is not None:  # the model's account could not be written
        raise setting_error("vectors", config.vectors, "a name in UTF-8")
    return VectorStart(config.vectors)
