"""The scikit-learn face: fit, predict, predict_proba, score, save and load."""

from __future__ import annotations

import numbers
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted, validate_data

from seqwise.artifact import load_artifact, save_artifact
from seqwise.config import Case, Device, Precision
from seqwise.data.frames import FrameReader, column_values, is_column, is_frame, is_table
from seqwise.data.kinds import Kind, guess_kind
from seqwise.data.readers.interface import Wanted
from seqwise.data.readers.values import name_of
from seqwise.data.records import Record, check_records
from seqwise.errors import Code, DataError, Problem, excerpt
from seqwise.given_labels import GivenLabels, take_labels, to_array
from seqwise.predictor import Predictor
from seqwise.strict import setting_error
from seqwise.training.gathering import LabelledRecords, gather
from seqwise.training.preparation import prepare
from seqwise.training.progress import show_progress
from seqwise.training.run import TrainingRun
from seqwise.training.settings import SAMPLE, Wishes
from seqwise.training.start import open_start

SETTINGS = (
    # of the data
    "tokens",
    "case",
    "vocab_size",
    "min_count",
    "kmer",
    "max_length",
    # of the model
    "encoder",
    "pooling",
    "embedding_dim",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "both_strands",
    "own_scale",
    "dropout",
    "kernel_size",
    "stride",
    "num_positions",
    "ngrams",
    "num_networks",
    # of the training
    "budget",
    "epochs",
    "epoch_share",
    "patience",
    "batch_size",
    "batch_steps",
    "window",
    "token_dropout",
    "jitter",
    "scaling",
    "mutation",
    "strand_flip",
    "learning_rate",
    "warmup_fraction",
    "weight_decay",
    "clip_norm",
    "average_decay",
    "label_smoothing",
    "class_weight",
    "tune_thresholds",
    "valid_fraction",
    "linear",
    "refit",
    "vectors",
    "pretrained",
    "seed",
    "device",
    "precision",
)


class SequenceClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of whole sequences of any length.

    Each parameter but the last three is a setting of `DataConfig`, `ModelConfig` or `TrainConfig`,
    described there; None takes the default, or what training chooses from the data.

    Parameters
    ----------
    encoder, pooling, embedding_dim, hidden_size, num_layers, bidirectional, dropout, \
kernel_size, stride, num_positions, ngrams, both_strands, own_scale, num_networks
        The model.
    tokens, case, vocab_size, min_count, kmer, max_length
        What a step is.
    budget, epochs, epoch_share, patience, batch_size, batch_steps, window, token_dropout, jitter, \
scaling, mutation, strand_flip, learning_rate, warmup_fraction, weight_decay, clip_norm, \
average_decay, label_smoothing, class_weight, tune_thresholds, valid_fraction, linear, refit, \
vectors, pretrained, seed, device, precision
        The training.
    kind
        ``"text"``, ``"dna"``, ``"protein"``, ``"series"`` or ``"events"``; None guesses where that
        is safe.
    skip_bad
        Leave unusable sequences out of training instead of refusing them all.
    deterministic
        Make each probability independent of the other sequences in every bit (slower).
    verbose
        Show a progress bar in `fit`.

    Attributes
    ----------
    classes_ : array
        The labels in the order of the probabilities; for a table of 0 and 1 the numbers of its
        columns, or their names in a frame.
    artifact_ : Artifact
        The trained model with all that belongs to it.

    Examples
    --------
    >>> from seqwise import SequenceClassifier
    >>> texts = ["good", "very good", "so good", "bad", "too bad", "how bad"] * 5
    >>> labels = ["+", "+", "+", "-", "-", "-"] * 5
    >>> classifier = SequenceClassifier(encoder="gru", epochs=10).fit(texts, labels)
    >>> classifier.predict(["quite good", "really bad"]).tolist()
    ['+', '-']
    """

    n_features_in_: int

    def __init__(  # noqa: PLR0915 - scikit-learn wants a statement for each parameter
        self,
        encoder: str | None = None,
        pooling: str | None = None,
        embedding_dim: int | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        bidirectional: bool | None = None,
        both_strands: bool | None = None,
        own_scale: bool | None = None,
        dropout: float | None = None,
        kernel_size: int | None = None,
        stride: int | None = None,
        num_positions: int | None = None,
        ngrams: int | None = None,
        num_networks: int | None = None,
        tokens: str | None = None,
        case: Case | None = None,
        vocab_size: int | None = None,
        min_count: int | None = None,
        kmer: int | None = None,
        max_length: int | None = None,
        budget: float | None = None,
        epochs: int | None = None,
        epoch_share: float | None = None,
        patience: int | None = None,
        batch_size: int | None = None,
        batch_steps: int | None = None,
        window: int | None = None,
        token_dropout: float | None = None,
        jitter: float | None = None,
        scaling: float | None = None,
        mutation: float | None = None,
        strand_flip: float | None = None,
        learning_rate: float | None = None,
        warmup_fraction: float | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        average_decay: float | None = None,
        label_smoothing: float | None = None,
        class_weight: str | dict[Any, float] | None = None,
        tune_thresholds: bool | None = None,
        valid_fraction: float | None = None,
        linear: bool | None = None,
        refit: bool | None = None,
        vectors: str | None = None,
        pretrained: str | None = None,
        seed: int | None = None,
        device: Device | None = None,
        precision: Precision | None = None,
        kind: str | None = None,
        skip_bad: bool = False,
        deterministic: bool = False,
        verbose: bool = False,
    ) -> None:
        self.encoder = encoder
        self.pooling = pooling
        self.embedding_dim = embedding_dim
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.both_strands = both_strands
        self.own_scale = own_scale
        self.dropout = dropout
        self.kernel_size = kernel_size
        self.stride = stride
        self.num_positions = num_positions
        self.ngrams = ngrams
        self.num_networks = num_networks
        self.tokens = tokens
        self.case = case
        self.vocab_size = vocab_size
        self.min_count = min_count
        self.kmer = kmer
        self.max_length = max_length
        self.budget = budget
        self.epochs = epochs
        self.epoch_share = epoch_share
        self.patience = patience
        self.batch_size = batch_size
        self.batch_steps = batch_steps
        self.window = window
        self.token_dropout = token_dropout
        self.jitter = jitter
        self.scaling = scaling
        self.mutation = mutation
        self.strand_flip = strand_flip
        self.learning_rate = learning_rate
        self.warmup_fraction = warmup_fraction
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.average_decay = average_decay
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.tune_thresholds = tune_thresholds
        self.valid_fraction = valid_fraction
        self.linear = linear
        self.refit = refit
        self.vectors = vectors
        self.pretrained = pretrained
        self.seed = seed
        self.device = device
        self.precision = precision
        self.kind = kind
        self.skip_bad = skip_bad
        self.deterministic = deterministic
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        X_valid: Any = None,
        y_valid: Any = None,
    ) -> Self:
        """Train on labelled sequences.

        Parameters
        ----------
        X
            ``n`` sequences: strings, lists of tokens, arrays ``(time,)`` or ``(time, channels)``;
            or one numeric array ``(n, time)`` of series of one channel, or ``(n, time, channels)``.
            They may stand in a column of a frame (pandas, Polars, Arrow) or of a data set (Hugging
            Face); of a whole frame, the column is taken whose name tells that it holds sequences.
        y
            ``n`` labels: a list, an array or a column. Where a sequence may bear any number of
            labels, ``n`` lists or sets of them, or a table ``(n, num_classes)`` of 0 and 1: an
            array, a sparse matrix, or a frame with a column for each label.
        X_valid, y_valid
            Sequences that choose the epoch; a part of X is held out where there are none, from
            which a refit learns in the end.

        Returns
        -------
        SequenceClassifier
            Itself, fitted.

        Raises
        ------
        DataError
            If sequences or labels cannot be used.
        ConfigError
            If a setting does not exist.
        """
        begun = time.perf_counter()
        sequences = self._sequences(X, reset=True)
        given = take_labels(y, sequences)
        kind, wishes = self._kind(sequences), self._wishes()
        valid = None
        if X_valid is None and y_valid is not None:
            found, expected = "y_valid without X_valid", "both or neither"
            raise DataError(Problem(Code.MISSING_SEQUENCE, found, expected, "give X_valid"))
        if X_valid is not None:
            held_out = self._sequences(X_valid, reset=False)
            columns = given.labels.names if given.is_indicator else None
            valid = self._gather(held_out, take_labels(y_valid, held_out, columns), kind, wishes)
        prepared = prepare(
            self._gather(sequences, given, kind, wishes),
            kind,
            wishes,
            valid=valid,
            labels=given.labels,
            skip_bad=self.skip_bad,
        )
        _tell_cut(prepared.num_cut, prepared.data.max_length)
        run = TrainingRun(prepared, wishes, begun=begun)
        for _ in show_progress(run, enabled=self.verbose):
            pass
        self.artifact_ = run.artifact()
        left = [prepared.labels.unknown(each) is None for each in given.classes.tolist()]
        self.classes_ = given.classes[left]
        self._gives_indicator = given.is_indicator
        return self

    def predict(self, X: Any) -> NDArray[Any] | list[tuple[Any, ...]]:
        """Give each sequence of X (as in `fit`) its label, ``(n,)``.

        Where a sequence may bear any number of labels, what is given has the form of the labels in
        `fit`: a tuple of labels each, or a table ``(n, num_classes)`` of 0 and 1. A model that was
        loaded gives tuples, unless its labels are the numbers of the columns of a table.
        """
        check_is_fitted(self, "classes_")
        decided = self._decide(self._sequences(X, reset=False))
        if not self.artifact_.labels.multilabel:
            return self.classes_[self._order.argsort()[decided]]  # type: ignore[no-any-return]
        if self._gives_indicator:
            return decided.astype(np.int64)
        return [tuple(self.classes_[row].tolist()) for row in decided]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the share of the sequences of X (as in `fit`) that are given their label.

        Labels match by their spelling: those of a model that the command line has trained are
        strings. Where a sequence may bear any number of labels, it must be given all of them and no
        other; the columns of a table without names are the labels in the order of the
        probabilities.
        """
        check_is_fitted(self, "classes_")
        labels = self.artifact_.labels
        sequences = self._sequences(X, reset=False)
        given = take_labels(y, sequences, labels.names if labels.multilabel else None)
        if given.multilabel is not labels.multilabel:
            forms = ["one label a sequence", "any number of labels a sequence"]
            expected = f"{forms[labels.multilabel]}, as in training"
            found, remedy = forms[given.multilabel], "write labels as in training"
            raise DataError(Problem(Code.WRONG_TYPE, found, expected, remedy))
        decided, targets = self._decide(sequences), labels.encode(given.of_records)
        if not labels.multilabel:
            return float(accuracy_score(targets, decided, sample_weight=sample_weight))
        right = (targets.toarray() == decided).all(axis=1)
        right &= [labels.unknown(each) is None for each in given.of_records]
        return float(np.average(right, weights=sample_weight))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give each sequence of X (as in `fit`) its probabilities ``(n, num_classes)``.

        They are those of `classes_`, and add up to 1, unless a sequence may bear any number of
        labels.

        Raises
        ------
        DataError
            If a sequence cannot be used; an array of probabilities has no room for the reason.
            `seqwise.Predictor` goes on and gives the reasons.
        """
        check_is_fitted(self, "classes_")
        return self._infer(self._sequences(X, reset=False))[:, self._order]

    @property
    def _order(self) -> NDArray[np.int64]:
        """Where in the model each of `classes_` is; scikit-learn expects "10" before "9" there."""
        labels = self.artifact_.labels
        if labels.multilabel:
            return np.arange(len(labels))
        return np.asarray(labels.encode(self.classes_.tolist()))

    def _decide(self, sequences: Sequence[Any]) -> NDArray[Any]:
        return self.artifact_.decision.decide(self._infer(sequences))

    def _infer(self, sequences: Sequence[Any]) -> NDArray[np.float64]:
        """Give probabilities, the classes in the order of the model."""
        records = (Record(sequence, None, i) for i, sequence in enumerate(sequences, start=1))
        checked = check_records(records, Kind(self.artifact_.data.kind))
        blocks = list(self._predictor().predict(checked))
        problems = [each for block in blocks for each in block.problems if each is not None]
        if problems:
            raise DataError(problems[0], others=problems[1:5], count=len(problems))
        _tell_cut(sum(block.encoded.num_cut for block in blocks), self.artifact_.data.max_length)
        return np.concatenate([block.probabilities for block in blocks])

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write a model folder, which `load` and the command line read.

        Raises
        ------
        ArtifactError
            If the folder exists, unless `overwrite`, or cannot be written.
        """
        check_is_fitted(self, "classes_")
        save_artifact(self.artifact_, folder, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder that `save` or the command line has written.

        Raises
        ------
        ArtifactError
            If it is none, or damaged.
        """
        artifact = load_artifact(folder)
        configs = (artifact.data, artifact.shape, artifact.train)
        known = {**configs[2].to_dict(), **configs[1].to_dict(), **configs[0].to_dict()}
        settings = {name: known[name] for name in SETTINGS}
        classifier = cls(**settings, kind=artifact.data.kind)
        classifier.artifact_ = artifact
        values = artifact.labels.values
        classes = to_array(values)
        # Strings beside numbers cannot be sorted.
        as_they_are = artifact.labels.multilabel or classes.dtype == object
        classifier.classes_ = classes if as_they_are else np.sort(classes)
        are_numbers = all(type(each) is int for each in values)  # False and True are none
        classifier._gives_indicator = are_numbers and values == tuple(range(len(values)))
        return classifier

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags

    def _predictor(self) -> Predictor:
        return Predictor(
            self.artifact_, device=self.device or "auto", deterministic=self.deterministic
        )

    def _gather(
        self, sequences: Sequence[Any], given: GivenLabels, kind: Kind, wishes: Wishes
    ) -> LabelledRecords:
        records = list(check_records(_records(sequences, given), kind))
        return gather(lambda: records, kind, skip_bad=self.skip_bad, wishes=wishes)

    def _wishes(self) -> Wishes:
        settings = {name: _plain(getattr(self, name)) for name in SETTINGS}
        if isinstance(self.class_weight, dict):
            weights = {name_of(label): _plain(each) for label, each in self.class_weight.items()}
            settings["class_weight"] = weights
        return Wishes.sorted(settings)

    def _kind(self, sequences: Sequence[Any]) -> Kind:
        if self.kind is not None:
            if self.kind not in list(Kind):
                raise setting_error("kind", self.kind, f"one of {', '.join(Kind)}")
            return Kind(self.kind)
        known = open_start(self._wishes()).kind
        return Kind(known) if known else guess_kind(sequences[:SAMPLE], None)[0]

    def _sequences(self, X: Any, *, reset: bool) -> Sequence[Any]:
        """Tell a table of numbers, which scikit-learn checks, from a list of sequences."""
        if hasattr(X, "__array__") and not hasattr(X, "__len__"):
            X = np.asarray(X)
        if is_column(X):
            X = column_values(X)
        elif is_frame(X) and not is_table(X):
            X = FrameReader(X, Wanted(label_required=False)).sequences()
        elif _holds_strings(X):
            X = X[:, 0] if X.shape[1] == 1 else X
        elif hasattr(X, "shape") and len(X.shape) == 2:
            table = validate_data(self, X, reset=reset, dtype=np.float64)
            return list(table)
        if isinstance(X, (str, set, frozenset, dict)) or not hasattr(X, "__iter__"):
            raise _wrong_type(f"X is {excerpt(X)}")
        for name in ("n_features_in_", "feature_names_in_"):
            if reset and hasattr(self, name):
                delattr(self, name)  # of a table that was fitted before
        sequences = list(X)
        if reset and _is_table(sequences):
            self.n_features_in_ = len(sequences[0])
        if not sequences:
            raise DataError(Problem(Code.NO_RECORDS, "X is empty", "sequences", "add some"))
        if isinstance(sequences[0], numbers.Number):
            raise _wrong_type(f"X holds numbers such as {sequences[0]}")
        return sequences


def _tell_cut(num_cut: int, max_length: int | None) -> None:
    """Warn whoever called that something has become shorter than it was given."""
    if num_cut:
        cut = f"{num_cut:,} {'sequence is' if num_cut == 1 else 'sequences are'} cut"
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename == __file__:
            level, frame = level + 1, frame.f_back
        warnings.warn(f"{cut} at {max_length:,} steps (max_length)", stacklevel=level)


def _holds_strings(X: Any) -> bool:
    """Tell a 2-D array of strings: a column of texts, or tokens in rows."""
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.size > 0 and isinstance(X[0, 0], str)


def _is_table(sequences: Sequence[Any]) -> bool:
    """Tell whether lists are the rows of a table of numbers, which an array may follow."""
    if not all(isinstance(row, list) for row in sequences):
        return False
    is_even = len({len(row) for row in sequences}) == 1
    return is_even and all(isinstance(step, float) for row in sequences for step in row)


def _plain(value: Any) -> Any:
    """Turn numpy's numbers, which searches over settings like to pass, and paths into Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def _wrong_type(found: str) -> DataError:
    expected = "a list of strings, lists or arrays"
    remedy = "put a single sequence in a list, or: Reshape your data to (n, time)"
    return DataError(Problem(Code.WRONG_TYPE, found, expected, remedy))


def _records(sequences: Sequence[Any], given: GivenLabels) -> Iterator[Record]:
    for number, pair in enumerate(zip(sequences, given.of_records, strict=True), start=1):
        yield Record(*pair, number)
