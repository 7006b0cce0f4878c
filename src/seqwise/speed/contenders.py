"""One classifier, one set of sequences, three ways to feed and run it.

The classifier is a whole one, as a user trains it: token vectors, one recurrent layer, the last
real step of each direction, a linear head, cross-entropy. All contenders share its weights; they
differ in the batches and in how the recurrent layer is run:

- *usual recipe*: shuffled batches, `pack_padded_sequence(enforce_sorted=False)`, torch's module and
  its last state: what courses teach;
- *sorted, packed*: the same, on batches of neighbours in order of length;
- *seqwise*: `SequenceModel`, in training with the batches of `BucketSampler`, as `train` calls it,
  in inference with those of `Predictor`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from seqwise.config import TrainConfig
from seqwise.data.collate import collate
from seqwise.data.sampler import BucketSampler, cut_inference_batches
from seqwise.nn import Batch, LastPooling, RecurrentEncoder, SequenceModel, TokenEmbedding
from seqwise.nn.recurrent import CHUNK_STEPS, Cell
from seqwise.nn.segments import cut_segments

Name = Literal["usual recipe", "sorted, packed", "seqwise"]
USUAL: Name = "usual recipe"
SORTED: Name = "sorted, packed"
SEQWISE: Name = "seqwise"
ALL: tuple[Name, ...] = (USUAL, SORTED, SEQWISE)

VOCAB_SIZE = 1_000
NUM_CLASSES = 2
GATES: dict[Cell, int] = {"rnn": 1, "gru": 3, "lstm": 4}
FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The recurrent layer of a classifier.

    Parameters
    ----------
    cell, input_size, hidden_size, bidirectional
        As for `RecurrentEncoder`.
    """

    cell: Cell = "lstm"
    input_size: int = 64
    hidden_size: int = 128
    bidirectional: bool = False

    @property
    def directions(self) -> int:
        """Directions in which a sequence is read."""
        return 2 if self.bidirectional else 1

    @property
    def step_flops(self) -> int:
        """Floating-point operations of the matrix products of one step, forward pass.

        Training takes three times as many: the gradients of the weights and those of the inputs
        are products of the same size.
        """
        gates = GATES[self.cell] * self.hidden_size
        return self.directions * 2 * gates * (self.input_size + self.hidden_size)

    @property
    def step_bytes(self) -> int:
        """Bytes that no forward pass can help to move for one step: inputs read, outputs written.

        Training takes three times as many: the backward pass reads both once more, reads the
        gradient of the outputs and writes that of the inputs.
        """
        return self.directions * FLOAT_BYTES * (self.input_size + self.hidden_size)


@dataclass(frozen=True)
class Contender:
    """A model and the batches that it is fed.

    Parameters
    ----------
    name
        What it is called in tables.
    model
        Called with a `Batch`, gives logits ``(batch, num_classes)``.
    batches
        Of training: all sequences, each once.
    inference_batches
        Of inference: the same sequences.
    padding
        Share of padding in the steps that the recurrent layer computes in training.
    """

    name: Name
    model: nn.Module
    batches: list[Batch]
    inference_batches: list[Batch]
    padding: float = 0.0


class PackedModel(nn.Module):
    """The usual recipe, with the weights of a `SequenceModel`.

    Parameters
    ----------
    model
        Whose parts are shared; its encoder is recurrent.
    enforce_sorted
        Whether each batch has its longest sequence first.
    """

    def __init__(self, model: SequenceModel, *, enforce_sorted: bool) -> None:
        super().__init__()
        assert isinstance(model.encoder, RecurrentEncoder)
        self.embedding = model.embedding
        self.recurrence = model.encoder.recurrence
        self.head = model.head
        self.enforce_sorted = enforce_sorted

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch."""
        packed = pack_padded_sequence(
            self.embedding(batch.inputs),
            batch.lengths,
            batch_first=True,
            enforce_sorted=self.enforce_sorted,
        )
        _, state = self.recurrence(packed)
        last = state[0] if isinstance(state, tuple) else state  # (directions, batch, hidden_size)
        return self.head(last.transpose(0, 1).flatten(1))  # type: ignore[no-any-return]


def lognormal_lengths(
    num_sequences: int, *, median: int = 64, longest: int = 600
) -> NDArray[np.int64]:
    """Make lengths that lie as evenly as they can along a log-normal distribution.

    Nothing is drawn, so the median and the longest are what was asked for.

    Parameters
    ----------
    num_sequences
        At least 2.
    median, longest
        In steps.

    Returns
    -------
    array
        int64 ``(num_sequences,)``, ascending.

    Examples
    --------
    >>> lognormal_lengths(5).tolist()
    [7, 26, 64, 160, 600]
    """
    quantiles = (np.arange(num_sequences) + 0.5) / num_sequences
    normal = np.array([NormalDist().inv_cdf(each) for each in quantiles.tolist()])
    spread = np.log(longest / median) / normal[-1]
    lengths: NDArray[np.int64] = np.rint(median * np.exp(spread * normal)).astype(np.int64)
    return np.maximum(1, lengths)


def build_contenders(
    shape: Shape,
    lengths: NDArray[np.int64],
    *,
    batch_size: int,
    device: torch.device,
    names: Collection[Name] = ALL,
    seed: int = 0,
) -> list[Contender]:
    """Build contenders over random sequences of given lengths.

    Parameters
    ----------
    shape
        Of the recurrent layer.
    lengths
        Steps of each sequence, ``(n,)``.
    batch_size
        Sequences in a batch; in seqwise's of training, at the most.
    device
        Where weights and batches are.
    names
        Which ones.
    seed
        Of weights, sequences and order.
    """
    random = np.random.default_rng(seed)
    sequences = [random.integers(2, VOCAB_SIZE, length) for length in lengths.tolist()]
    targets = random.integers(0, NUM_CLASSES, len(lengths))
    model = _build_model(shape, seed).to(device)
    shuffled, longest_first = random.permutation(len(lengths)), np.argsort(-lengths, kind="stable")
    cuts = range(batch_size, len(lengths), batch_size)
    sampler = BucketSampler(
        lengths, batch_size=batch_size, batch_steps=TrainConfig().batch_steps, seed=seed
    )
    ways: dict[Name, tuple[nn.Module, Iterable[NDArray[np.int64]]]] = {
        USUAL: (PackedModel(model, enforce_sorted=False), np.split(shuffled, cuts)),
        SORTED: (PackedModel(model, enforce_sorted=True), np.split(longest_first, cuts)),
        SEQWISE: (model, sampler.batches(0)),
    }

    def make(parts: Iterable[NDArray[np.int64]]) -> list[Batch]:
        return [
            collate([sequences[index] for index in part], targets[part]).to(device)
            for part in parts
        ]

    contenders = []
    for name in names:
        way, parts = ways[name]
        batches = inference_batches = make(parts)
        if name == SEQWISE:
            order = longest_first[::-1]
            cut = cut_inference_batches(lengths[order])
            inference_batches = make(order[places][::-1] for places in cut)
        narrows = name == SEQWISE and device.type == "cpu"
        share = padding(batches) if narrows else 0.0
        contenders.append(Contender(name, way, batches, inference_batches, share))
    return contenders


def _build_model(shape: Shape, seed: int) -> SequenceModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = RecurrentEncoder(
            shape.cell, shape.input_size, shape.hidden_size, bidirectional=shape.bidirectional
        )
        size = encoder.output_size
        return SequenceModel(
            TokenEmbedding(VOCAB_SIZE, shape.input_size),
            encoder,
            LastPooling(size, bidirectional=shape.bidirectional),
            nn.Linear(size, NUM_CLASSES),
        )


def targets_of(batch: Batch) -> Tensor:
    """Give the targets of a batch that has them."""
    assert batch.targets is not None
    return batch.targets


def count_steps(batches: list[Batch]) -> int:
    """Count the real steps of batches."""
    return sum(int(batch.lengths.sum()) for batch in batches)


def padding(batches: list[Batch]) -> float:
    """Give the share of padding in the steps that the narrowed path computes."""
    computed = 0
    for batch in batches:
        longest_first = batch.lengths.sort(descending=True).values.numpy()
        segments = cut_segments(longest_first, max_steps=CHUNK_STEPS)
        computed += sum(each.rows * (each.stop - each.start) for each in segments)
    return 1 - count_steps(batches) / computed


def check_agreement(contenders: list[Contender]) -> None:
    """See that all contenders compute the same, before any is timed.

    Logits and gradients of a batch of the first contender are held against each other.

    Raises
    ------
    AssertionError
        If they differ by more than rounding explains.
    """
    least = min(contenders[0].batches, key=lambda batch: batch.inputs.numel())
    lengths, order = least.lengths.sort(descending=True, stable=True)
    order = order.to(least.inputs.device)
    batch = Batch(least.inputs[order], lengths, targets_of(least)[order])
    expected = _logits_and_gradients(contenders[0].model, batch)
    for contender in contenders[1:]:
        found = _logits_and_gradients(contender.model, batch)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def _logits_and_gradients(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Give the logits, and the gradient of each weight by its name in torch's own module."""
    model.train().zero_grad()
    logits = model(batch)
    nn.functional.cross_entropy(logits, targets_of(batch)).backward()  # type: ignore[no-untyped-call]
    gradients = {
        name.removeprefix("encoder."): weight.grad
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return {"logits": logits.detach(), **gradients}
