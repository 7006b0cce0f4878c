"""Both strands of DNA: a model that says the same of a sequence and of its reverse complement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch
from seqwise.nn.forest import ForestModel
from seqwise.nn.kernels import KernelModel
from seqwise.nn.masking import reverse_within_lengths, zero_padding
from seqwise.nn.model import SequenceModel
from seqwise.nn.ngrams import NgramModel
from seqwise.nn.spelling import SpelledModel


def read_strands(batch: Batch, complements: Tensor) -> tuple[Batch, Batch]:
    """Read a batch of DNA as it stands, and from the other strand.

    Each strand is read from its own first letter, within the length of the sequence.

    Parameters
    ----------
    batch
        Ids, int64 ``(batch, time)``.
    complements
        int64 ``(vocab_size,)``: of each id that of its complement. That of padding is padding, and
        that of a token whose complement has no id is unknown: it is so on both strands.
    """
    turned = complements[zero_padding(batch.inputs, batch.lengths)]
    mirrored = reverse_within_lengths(turned.unsqueeze(-1), batch.lengths).squeeze(-1)
    # The complement of the complement, as the other strand would read this one.
    return replace(batch, inputs=complements[turned]), replace(batch, inputs=mirrored)


class BothStrands(nn.Module):
    """A model of DNA whose answer is the mean of its answers for both strands.

    In training and in prediction: a conjoined model (Zhou et al. 2022), unlike the shared filters
    of Shrikumar et al. 2017, which each layer would have to know of. The mean of two numbers does
    not depend on their order: a sequence and its reverse complement get the same logits in every
    bit, where the model gives a row the same bits whatever its batch is.

    Parameters
    ----------
    model
        Of ids; its parameters are all that is learned.
    complements
        As in `read_strands`.
    """

    complements: Tensor

    def __init__(self, model: SequenceModel | NgramModel, complements: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("complements", complements.clone())  # each its own, in a file

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return self.model.num_classes

    def strands(self, batch: Batch) -> tuple[Batch, Batch]:
        """Give both strands of a batch, each as a batch of the same shape."""
        return read_strands(batch, self.complements)

    def join(self, logits: Sequence[Tensor]) -> Tensor:
        """Join the logits of both strands, each ``(batch, num_classes)``."""
        first, second = logits
        return (first + second) / 2

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch of ids."""
        return self.join([self.model(strand) for strand in self.strands(batch)])


Network = SequenceModel | BothStrands
Beside = NgramModel | SpelledModel | KernelModel | ForestModel  # what may answer with one


def build_network(config: ModelConfig, complements: Tensor | None = None) -> Network:
    """Build the network that a configuration describes, with fresh weights.

    Parameters
    ----------
    config
        Its shape.
    complements
        Of one that reads both strands, as in `read_strands`; None where they are put in later.
    """
    network = SequenceModel.from_config(config)
    if not config.both_strands:
        return network
    return BothStrands(
        network, torch.arange(config.vocab_size) if complements is None else complements
    )


def complements_of(model: nn.Module) -> Tensor | None:
    """Give the complements that a model reads the other strand by; None where it reads one."""
    return model.complements if isinstance(model, BothStrands) else None


def read_alike(model: Beside, network: nn.Module) -> Beside | BothStrands:
    """Let a model read as many strands as the network that it stands beside."""
    complements = complements_of(network)
    if complements is not None and isinstance(model, NgramModel):  # a series has one strand
        return BothStrands(model, complements)
    return model
