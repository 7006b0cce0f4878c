"""Recurrent layers whose gates do not look at the state: all steps are computed at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from seqwise.nn.dropout import Dropout
from seqwise.nn.encoder import Encoder, check_features
from seqwise.nn.masking import reverse_within_lengths, zero_padding
from seqwise.nn.scan import scan

LONGEST_MEMORY = 64.0  # steps, at the start of training


class MinGRULayer(nn.Module):
    """One direction of one layer: a gate and a candidate for each step, then a linear recurrence.

    ``h[t] = (1 - z[t]) * h[t - 1] + z[t] * c[t]`` with ``z = sigmoid(Wz x + bz)`` and
    ``c = Wc x + bc``. The features start with memories of 1 to 64 steps, evenly in the logarithm.

    Parameters
    ----------
    input_size, hidden_size
        Features of a step before and after.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)
        with torch.no_grad():
            # On the CPU wherever the weights are: on "meta" it would take torch's compiler.
            memory = torch.logspace(0, 1, hidden_size, LONGEST_MEMORY, device="cpu")
            self.gate.bias.copy_(-memory.log())

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Read ``(batch, time, input_size)`` after a state; ``(batch, time, hidden_size)``."""
        gate = self.gate(x)
        return scan((-gate).sigmoid(), gate.sigmoid() * self.candidate(x), state)


class MinGRUEncoder(Encoder):
    """A stack of minimal gated recurrent layers.

    Feng et al. 2024, Were RNNs All We Needed?, the form without logarithms; gates that start with
    memories of many lengths after Tallec and Ollivier 2018. Each direction is a stack of its own,
    and the two meet behind the last layer: so both can be read chunk by chunk, however many layers
    there are. A layer above the first adds to what the one below gives, which it reads normed.

    Parameters
    ----------
    input_size
        Features of an input step.
    hidden_size
        Features of a state, for each direction.
    num_layers
        Layers, one above the other.
    bidirectional
        Whether a second direction reads the input from its end.
    dropout
        Probability of dropping a value between two layers while training.

    Attributes
    ----------
    output_size : int
        ``hidden_size``, twice that with two directions.
    """

    reads = True
    looks_one_way = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.directions = nn.ModuleList(
            _Direction(input_size, hidden_size, num_layers, dropout)
            for _ in range(2 if bidirectional else 1)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode ``(batch, time, input_size)``, as `Encoder` says."""
        check_features(x, self.input_size)
        x = zero_padding(x, lengths)
        steps, _ = self.directions[0](x, None)
        if not self.bidirectional:
            return steps  # type: ignore[no-any-return]
        backward, _ = self.directions[1](reverse_within_lengths(x, lengths), None)
        return torch.cat([steps, reverse_within_lengths(backward, lengths)], dim=-1)

    def read(self, chunks: Iterable[Tensor], *, backward: bool) -> Iterator[Tensor]:
        """Run one direction over consecutive chunks of a sequence, as `Encoder.read` says."""
        direction, states = self.directions[int(backward)], None
        for chunk in chunks:
            steps, states = direction(chunk, states)
            yield steps


class _Direction(nn.Module):
    def __init__(self, input_size: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(MinGRULayer(size, hidden_size) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in sizes[1:])
        self.dropout = Dropout(dropout)
        self.hidden_size = hidden_size

    def forward(self, x: Tensor, states: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Read steps after the states of all layers, zeros by default; returns those at the end."""
        if states is None:
            states = [x.new_zeros(x.size(0), self.hidden_size)] * len(self.layers)
        steps = self.layers[0](x, states[0])
        ends = [steps[:, -1]]
        for layer, norm, state in zip(self.layers[1:], self.norms, states[1:], strict=True):
            added = layer(self.dropout(norm(steps)), state)
            ends.append(added[:, -1])
            steps = steps + added
        return steps, ends
