"""The loop of the tutorials: shuffle, pad, pack, the last hidden state, a linear head."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

from peers.task import Contender, Epoch, Part, Recipe, Task

Example = tuple[Tensor, int]


class Examples(Dataset[Example]):
    """Sequences of ids with their targets, made into tensors once.

    Parameters
    ----------
    part
        What to hold.
    """

    def __init__(self, part: Part) -> None:
        self.sequences = [torch.from_numpy(ids).long() for ids in part.sequences()]
        self.targets: list[int] = part.targets.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Example:
        return self.sequences[index], self.targets[index]


def pad(examples: list[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad a batch to its own longest sequence; returns inputs, lengths and targets."""
    sequences = [ids for ids, _ in examples]
    lengths = torch.tensor([len(ids) for ids in sequences])
    targets = torch.tensor([target for _, target in examples])
    return pad_sequence(sequences, batch_first=True), lengths, targets


class PackedLstm(nn.Module):
    """Embedding, packed LSTM, the last hidden state of each direction, linear head.

    Parameters
    ----------
    vocab_size, num_classes
        Of the task.
    embedding_dim, hidden_size, bidirectional
        Of the recipe.
    """

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        *,
        embedding_dim: int,
        hidden_size: int,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(
            embedding_dim, hidden_size, batch_first=True, bidirectional=bidirectional
        )
        self.head = nn.Linear(hidden_size * (2 if bidirectional else 1), num_classes)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits ``(batch, num_classes)``."""
        x = self.embedding(inputs)  # (batch, time, embedding_dim)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)  # (directions, batch, hidden_size)
        return self.head(torch.cat(list(last), dim=1))  # type: ignore[no-any-return]


def build(task: Task, recipe: Recipe) -> Contender:
    """Make the contender."""
    return TutorialLoop(task, recipe)


class TutorialLoop:
    """A plain loop over a `DataLoader`.

    Parameters
    ----------
    task, recipe
        What to train on, and how.
    """

    def __init__(self, task: Task, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.model = PackedLstm(
            task.vocab_size,
            task.num_classes,
            embedding_dim=recipe.embedding_dim,
            hidden_size=recipe.hidden_size,
            bidirectional=recipe.bidirectional,
        )
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate)
        self.train, self.valid = (
            DataLoader(Examples(part), recipe.batch_size, shuffle=shuffled, collate_fn=pad)
            for part, shuffled in ((task.train, True), (task.valid, False))
        )

    @property
    def num_weights(self) -> int:
        """Trained numbers of the model."""
        return sum(weight.numel() for weight in self.model.parameters())

    def __iter__(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, without end."""
        while True:
            started = time.perf_counter()
            self._train()
            yield Epoch(time.perf_counter() - started, self._validate())

    def _train(self) -> None:
        self.model.train()
        for inputs, lengths, targets in self.train:
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(inputs, lengths), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
            self.optimizer.step()

    @torch.no_grad()
    def _validate(self) -> float:
        self.model.eval()
        num_right = num_all = 0
        for inputs, lengths, targets in self.valid:
            num_right += int((self.model(inputs, lengths).argmax(dim=1) == targets).sum())
            num_all += len(targets)
        return num_right / num_all
