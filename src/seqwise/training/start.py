"""What a network starts from: chance alone, vectors of words from a file, or pretraining."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from typing_extensions import override

from seqwise.artifact import load_pretrained
from seqwise.artifact.pretrained import SHARED
from seqwise.config import DataConfig, KindName, TrainConfig
from seqwise.data.codecs import FIRST_ID, Codec, TextCodec, build_codec
from seqwise.data.kinds import Kind
from seqwise.data.readers.values import check_text
from seqwise.data.records import RawSequence
from seqwise.data.store import Sequences
from seqwise.data.vectors import VectorFile, WordVectors
from seqwise.errors import Code, DataError, Problem, excerpt, one_line
from seqwise.nn import SequenceModel, TokenEmbedding
from seqwise.nn.embedding import TOKEN_DEVIATION
from seqwise.strict import setting_error
from seqwise.training.settings import Wishes, choose_data

SETTINGS_OF_STARTS = ("vectors", "pretrained")
SIZES_OF_CODEC = ("vocab_size", "num_channels")
OF_CODEC = ("kind", "tokens", "case", "vocab_size", "min_count", "kmer")


class Start:
    """Chance alone: what every start does, if it does not do better.

    Attributes
    ----------
    kind : str, optional
        What sequences are, where it is made for one kind.
    shape : dict
        Settings of the model that it settles.
    """

    kind: KindName | None = None

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

    def check_channels(self, found: int, path: str | None) -> None:
        """Refuse series of a number of channels that it does not know, in a file for messages.

        Raises
        ------
        DataError
            If it was made of others.
        """

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
        self.shape = {"embedding_dim": self.file.dimension, "kernel_size": 0, "stride": 1}
        self._last: tuple[Codec, WordVectors] | None = None

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
        # A word that was seen once may have a vector: it is worth more than its pieces.
        return data if "min_count" in wishes.data else replace(data, min_count=1)

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
        vectors = self._read(codec)
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
        has_vector = self._read(codec).has_vector
        num_found = int((is_seen & has_vector).sum())
        num_more = int((~is_seen & has_vector).sum())
        text = f"{num_found:,} of {int(is_seen.sum()):,} words have vectors"
        return [("vectors", f"{text}; {num_more:,} more words of the file are known")]

    def _read(self, codec: Codec) -> WordVectors:
        """Read the vectors, once for all networks of a codec."""
        if self._last is None or self._last[0] is not codec:
            assert isinstance(codec, TextCodec)
            self._last = (codec, self.file.read(codec))
        return self._last[1]

    @override
    def _reason(self) -> str:
        return f"with the vectors of {excerpt(self.file.path)}"


class PretrainedStart(Start):
    """The codec, the embedding and the encoder that `seqwise pretrain` has made.

    Parameters
    ----------
    folder
        Where it is.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder
        self.pretrained = load_pretrained(folder)
        self.kind = self.pretrained.data.kind
        shape = self.pretrained.shape.to_dict()
        names = (*SHARED, "kernel_size", "stride", "num_positions", "own_scale")
        self.shape = {name: shape[name] for name in names if name not in SIZES_OF_CODEC}

    @override
    def identity(self) -> dict[str, str]:
        return {"pretrained": self.pretrained.identity()}

    @override
    def choose_data(
        self, kind: Kind, sequences: Sequence[RawSequence], wishes: Wishes
    ) -> DataConfig:
        own = self.pretrained.data.to_dict()
        for name, value in {**wishes.data, "kind": str(kind)}.items():
            if name in OF_CODEC and value != own[name]:
                raise setting_error(name, value, f"{own[name]}, {self._reason()}")
        settled = {name: own[name] for name in OF_CODEC}
        return DataConfig.from_dict({"max_length": own["max_length"], **wishes.data, **settled})

    @override
    def fit_codec(self, data: DataConfig, sequences: Iterable[RawSequence]) -> Codec:
        return build_codec(data).restore(self.pretrained.codec.to_dict())

    @override
    def put(self, model: SequenceModel, codec: Codec) -> None:
        # The other weights, of pooling and head, stay as chance made them.
        model.load_state_dict({**model.state_dict(), **self.pretrained.weights})

    @override
    def describe(self, codec: Codec, sequences: Sequences) -> list[tuple[str, str]]:
        account = self.pretrained.account
        num_records = f"{account.num_train:,}"
        place = excerpt(one_line(str(account.file)))
        return [("pretrained", f"embedding and encoder, on {num_records} records of {place}")]

    @override
    def check_channels(self, found: int, path: str | None) -> None:
        # NumPy would make one channel many without a word.
        expected = self.pretrained.codec.num_channels
        if found != expected:
            text = f"series of {found} channel{'s' if found != 1 else ''}"
            remedy = "give it such series, or pretrain on these"
            problem = Problem(Code.CHANNEL_COUNT, text, f"{expected}, {self._reason()}", remedy)
            raise DataError(problem.at(path=path))

    @override
    def _reason(self) -> str:
        return f"as pretrained in {excerpt(self.folder)}"


def open_start(wishes: Wishes) -> Start:
    """Open what the user wants a network to start from.

    Raises
    ------
    DataError, ArtifactError
        If it cannot be read.
    ConfigError
        If there are two.
    """
    config = TrainConfig.from_dict(dict(wishes.train))
    for name in SETTINGS_OF_STARTS:
        path = getattr(config, name)
        if path is not None and check_text(path) is not None:  # no model could note it
            raise setting_error(name, path, "a name in UTF-8")
    if config.vectors is not None and config.pretrained is not None:
        expected = "none beside --pretrained, which has an embedding of its own"
        raise setting_error("vectors", config.vectors, expected)
    if config.pretrained is not None:
        return PretrainedStart(config.pretrained)
    return Start() if config.vectors is None else VectorStart(config.vectors)
