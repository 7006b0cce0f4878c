"""The one inference path: from sequences to probabilities, in the order of the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from seqwise.artifact import Artifact, load_artifact
from seqwise.config import Device, Precision
from seqwise.data.collate import collate
from seqwise.data.encoding import EncodedSequences, encode_sequences
from seqwise.data.records import RawSequence, Record
from seqwise.data.sampler import INFERENCE_BATCH_STEPS, cut_inference_batches
from seqwise.data.store import Sequences
from seqwise.errors import Code, ConfigError, Problem
from seqwise.evaluation.decision import Thresholds
from seqwise.nn import (
    Batch,
    BothStrands,
    Classifier,
    Ensemble,
    SequenceModel,
    can_stream,
    check_precision,
    in_precision,
    stream_logits,
    use_path,
)
from seqwise.strict import setting_error

DETERMINISTIC_ROWS = 8
STREAM_STEPS = 16_384  # of a longer sequence so many are in memory at once
# Records are put into batches by their lengths, a block at a time: a larger block has less padding
# (of short texts 44% of the real steps in 4,096 records, 5% in 65,536), a smaller one is there
# sooner. So the first one is small, and each of the next twice as large.
FIRST_BLOCK_RECORDS = 4_096
BLOCK_RECORDS = 65_536
BLOCK_SIZE = 8_000_000  # characters, ids or channel values


def choose_device(device: Device) -> torch.device:
    """Turn the setting into a device that is there.

    Raises
    ------
    ConfigError
        If a GPU is asked for and torch sees none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        found = "device is 'cuda', but torch sees no GPU here"
        raise ConfigError(Problem(Code.BAD_SETTING, found, "a GPU", "use --device cpu"))
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Turn logits ``(n, num_classes)`` into probabilities, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def to_probabilities(logits: NDArray[np.floating[Any]], *, multilabel: bool) -> NDArray[np.float64]:
    """Turn logits ``(n, num_classes)`` into probabilities, in double precision.

    Those of a record add up to 1, or each label has its own where it may bear any number of them.
    """
    if multilabel:
        return expit(logits.astype(np.float64))  # type: ignore[no-any-return]
    return softmax(logits)


def length_band(length: int) -> int:
    """Round a length up to one of eight bands in each doubling.

    Examples
    --------
    >>> [length_band(length) for length in (1, 7, 16, 17, 100, 1000)]
    [1, 7, 16, 18, 104, 1024]
    """
    step = 1 << max(0, length.bit_length() - 4)
    return -(-length // step) * step


@torch.inference_mode()
def infer_logits(
    model: Classifier,
    sequences: Sequences,
    *,
    device: torch.device,
    deterministic: bool = False,
    precision: Precision = "float32",
) -> NDArray[np.float32]:
    """Run a model over encoded sequences.

    Parameters
    ----------
    model
        Set to evaluation mode here, and left in it.
    sequences
        Ids ``(time,)`` or channel values ``(time, channels)``.
    device
        Where `model` is.
    deterministic
        Pad each batch to a shape that depends on nothing but the length band of a sequence, so
        that its logits do not depend on its mates, to the last bit.
    precision
        Of the encoder.

    Returns
    -------
    array
        Logits ``(n, num_classes)`` in the order of `sequences`.
    """
    model.eval()
    count = len(sequences)
    lengths = np.fromiter((len(sequences[index]) for index in range(count)), np.int64, count)
    logits = np.empty((len(sequences), model.num_classes), dtype=np.float32)
    order = np.argsort(lengths, kind="stable")
    cut = _cut_bands if deterministic else cut_inference_batches
    for positions in cut(lengths[order]):
        members = order[positions[::-1]]  # the longest first, as recurrent layers take them
        rows = [sequences[index] for index in members.tolist()]
        pad_to = None
        if deterministic:
            pad_to = length_band(len(rows[0]))
            rows += [rows[-1][:1]] * (_band_rows(pad_to) - len(rows))
        batch = collate(rows, pad_to=pad_to).to(device)
        with use_path("padded") if deterministic else nullcontext():
            # A kernel that narrows the batch where its members end has other shapes with other
            # mates.
            found = _run(model, batch, precision)
        logits[members] = found[: len(members)].cpu().numpy()
    return logits


def _run(model: nn.Module, batch: Batch, precision: Precision) -> Tensor:
    if isinstance(model, Ensemble):
        return model.pool([_run(member, batch, precision) for member in model.members])
    if isinstance(model, BothStrands):
        return model.join([_run(model.model, each, precision) for each in model.strands(batch)])
    if not isinstance(model, SequenceModel):
        return model(batch)  # type: ignore[no-any-return]
    with in_precision(precision, batch.inputs.device):
        return _run_network(model, batch)


def _run_network(model: SequenceModel, batch: Batch) -> Tensor:
    is_long = batch.inputs.size(1) > STREAM_STEPS
    if is_long and can_stream(model):
        rows = zip(torch.split(batch.inputs, 1), batch.lengths.tolist(), strict=True)
        logits = [stream_logits(model, row[:, :n], chunk_steps=STREAM_STEPS) for row, n in rows]
        return torch.cat(logits)
    return model(batch)  # type: ignore[no-any-return]


def _band_rows(band: int) -> int:
    return min(DETERMINISTIC_ROWS, max(1, INFERENCE_BATCH_STEPS // band))


def _cut_bands(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut sequences that stand in order of length at each change of band and each full batch."""
    bands = np.array([length_band(length) for length in lengths.tolist()], dtype=np.int64)
    batches = []
    for band in np.unique(bands).tolist():
        positions = np.flatnonzero(bands == band)
        rows = _band_rows(band)
        batches += [positions[start : start + rows] for start in range(0, len(positions), rows)]
    return batches


@dataclass(frozen=True)
class PredictedBlock:
    """Consecutive records and what the model says of each.

    Parameters
    ----------
    records
        As they were read, the unusable ones among them.
    problems
        What keeps a record from being used, or None, for each record.
    probabilities
        float64 ``(n, num_classes)``; a row of NaN where there is a problem.
    encoded
        Of the usable records.
    """

    records: list[Record]
    problems: list[Problem | None]
    probabilities: NDArray[np.float64]
    encoded: EncodedSequences

    @property
    def usable(self) -> NDArray[np.int64]:
        """Positions of the records without a problem."""
        return np.flatnonzero([problem is None for problem in self.problems])


class Predictor:
    """A trained model with its codec and labels, ready for inference.

    Parameters
    ----------
    artifact
        What training made; its model is moved to the device.
    device
        Where to run.
    deterministic
        Whether probabilities must not depend on the batch in any bit (slower; on a CPU with a
        fixed number of threads).
    precision
        Of the encoder: ``"bfloat16"`` is faster on some hardware, and refused elsewhere.
    threshold
        The probability from which a label is given, in place of what training chose: one for all
        labels, where a record may bear any number of them, or some by the names of their labels.

    Attributes
    ----------
    labels : Labels
        The classes, in the order of the probabilities.
    decision : Decision
        Which of them a record is given.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        device: Device = "auto",
        deterministic: bool = False,
        precision: Precision = "float32",
        threshold: Thresholds | None = None,
    ) -> None:
        self.device = choose_device(device)
        check_precision(precision, encoder=artifact.shape.encoder, device=self.device)
        if deterministic and self.device.type != "cpu":
            raise setting_error("device", str(self.device), "cpu, with --deterministic")
        self.model = artifact.model.to(self.device)
        self.codec = artifact.codec
        self.labels = artifact.labels
        self.decision = artifact.decision
        if threshold is not None:
            self.decision = artifact.decision.changed(threshold, artifact.labels.names)
        self.data = artifact.data
        self.deterministic = deterministic
        self.precision: Precision = precision

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: Device = "auto",
        deterministic: bool = False,
        precision: Precision = "float32",
        threshold: Thresholds | None = None,
    ) -> Self:
        """Read a model folder and make its predictor.

        Raises
        ------
        ArtifactError
            If it is no model folder, or damaged.
        ConfigError
            If it has no such labels, or cannot run as it is asked to.
        """
        artifact = load_artifact(folder)
        return cls(
            artifact,
            device=device,
            deterministic=deterministic,
            precision=precision,
            threshold=threshold,
        )

    def predict(
        self,
        records: Iterable[Record],
        *,
        path: str | None = None,
        column: str | None = None,
        first_block: int = 0,
    ) -> Iterator[PredictedBlock]:
        """Predict records as they come, a block at a time; memory does not grow with their number.

        Parameters
        ----------
        records
            Checked, with or without labels.
        path, column
            Where they come from, for messages.
        first_block
            How many blocks came before, where these records follow on others: the blocks are then
            those of all the records, and so is each bit of the probabilities.

        Yields
        ------
        PredictedBlock
            The records in their order, each once.
        """
        for block in _cut_blocks(records, first_block):
            yield self._predict_block(block, path, column)

    def _predict_block(
        self, records: list[Record], path: str | None, column: str | None
    ) -> PredictedBlock:
        problems = [self._problem(record, path, column) for record in records]
        sequences = [
            record.sequence
            for record, problem in zip(records, problems, strict=True)
            if problem is None and record.sequence is not None
        ]
        encoded = encode_sequences(self.codec, sequences, self.data.max_length)
        probabilities = np.full((len(records), len(self.labels)), np.nan)
        if sequences:
            logits = infer_logits(
                self.model,
                encoded.arrays,
                device=self.device,
                deterministic=self.deterministic,
                precision=self.precision,
            )
            usable = [problem is None for problem in problems]
            multilabel = self.labels.multilabel
            probabilities[usable] = to_probabilities(logits, multilabel=multilabel)
        return PredictedBlock(records, problems, probabilities, encoded)

    def _problem(self, record: Record, path: str | None, column: str | None) -> Problem | None:
        if record.problem is not None or record.sequence is None:
            return record.problem
        problem = self.codec.check(record.sequence)
        return problem and record.place(problem, path, column)


def _cut_blocks(records: Iterable[Record], number: int) -> Iterator[list[Record]]:
    block: list[Record] = []
    size, most = 0, _most_records(number)
    for record in records:
        block.append(record)
        size += _size(record.sequence)
        if len(block) == most or size >= BLOCK_SIZE:
            yield block
            number += 1
            block, size, most = [], 0, _most_records(number)
    if block:
        yield block


def _most_records(number: int) -> int:
    """Give the most records of a block, blocks counted from 0."""
    doublings = min(number, BLOCK_RECORDS.bit_length())
    return min(FIRST_BLOCK_RECORDS << doublings, BLOCK_RECORDS)


def _size(sequence: RawSequence | None) -> int:
    if isinstance(sequence, np.ndarray):
        return sequence.size
    return 0 if sequence is None else len(sequence)
