"""The CNN baseline of Genomic Benchmarks (Gresova et al. 2023), in form, in torch.

As the paper describes it: an embedding of 100, three blocks of convolution (16, 8 and 4 filters of
width 8), batch normalisation, ReLU and max pooling by 2, a dense layer of 512, a linear head; Adam,
ten passes in batches of 64. Sequences are padded to the longest of the training part.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from peers.accuracy.classifier import Floats, Labels, Sequences
from peers.accuracy.tokens import tokenize

EMBEDDING, FILTERS, WIDTH, DENSE = 100, (16, 8, 4), 8, 512
NUM_PASSES, BATCH = 10, 64
PADDING, UNKNOWN = 0, 1
SHORTEST = 2 ** len(FILTERS) * WIDTH  # for one step to be left behind the last block


def build(name: str, kind: str, seed: int) -> GenomicCnn:
    """Make ``cnn``."""
    return GenomicCnn(kind, seed)


class GenomicCnn:
    """A network and its training.

    Parameters
    ----------
    kind
        Of the sequences.
    seed
        Of the weights and of the order.
    """

    probabilistic = True

    def __init__(self, kind: str, seed: int) -> None:
        self.kind = kind
        torch.manual_seed(seed)

    def fit(self, X: Sequences, y: Labels) -> None:
        """Learn for ten passes."""
        letters = [tokenize(sequence, self.kind, "chars") for sequence in X]
        self.length = max(SHORTEST, *map(len, letters))
        known = sorted({letter for sequence in letters for letter in sequence})
        self.ids = {letter: number for number, letter in enumerate(known, start=UNKNOWN + 1)}
        self.classes = np.unique(np.asarray(y)).tolist()
        targets = torch.tensor([self.classes.index(label) for label in y])
        inputs = self._encode(X)
        self.network = make_network(len(self.ids) + 2, self.length, len(self.classes))
        optimizer = torch.optim.Adam(self.network.parameters())
        for _ in range(NUM_PASSES):
            for rows in torch.randperm(len(inputs)).split(BATCH):
                if len(rows) == 1:
                    continue  # batch normalisation has nothing to normalise by
                optimizer.zero_grad()
                logits = self.network(inputs[rows])
                nn.functional.cross_entropy(logits, targets[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.network.eval()

    @torch.no_grad()
    def rate(self, X: Sequences) -> Floats:
        """Give probabilities."""
        logits = [self.network(inputs) for inputs in self._encode(X).split(BATCH)]
        return torch.cat(logits).double().softmax(dim=1).numpy()

    def _encode(self, X: Sequences) -> Tensor:
        inputs = torch.full((len(X), self.length), PADDING)
        for row, sequence in enumerate(X):
            letters = tokenize(sequence, self.kind, "chars")[: self.length]
            ids = [self.ids.get(letter, UNKNOWN) for letter in letters]
            inputs[row, : len(ids)] = torch.tensor(ids)
        return inputs


class ChannelsFirst(nn.Module):
    """From ``(batch, time, channels)`` to what convolutions read."""

    def forward(self, x: Tensor) -> Tensor:
        """Swap."""
        return x.transpose(1, 2)  # (batch, channels, time)


def make_network(vocab_size: int, length: int, num_classes: int) -> nn.Module:
    """Lay the network out for sequences of one length."""
    layers: list[nn.Module] = [nn.Embedding(vocab_size, EMBEDDING), ChannelsFirst()]
    num_channels = EMBEDDING
    for num_filters in FILTERS:
        layers += [
            nn.Conv1d(num_channels, num_filters, WIDTH, padding="same"),
            nn.BatchNorm1d(num_filters),
            nn.ReLU(),
            nn.MaxPool1d(2),
        ]
        num_channels, length = num_filters, length // 2
    dense = nn.Linear(num_channels * length, DENSE)
    return nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU(), nn.Linear(DENSE, num_classes))
