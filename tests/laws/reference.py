"""The slow twin of every encoder and pooling: one sequence at a time, one step at a time.

Written from the equations, with nothing but torch's arithmetic, so that it can be read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqwise.nn import RecurrentEncoder, SequenceModel


def lstm_step(gates_in: Tensor, gates_hidden: Tensor, state: tuple[Tensor, Tensor]):
    i, f, g, o = (gates_in + gates_hidden).chunk(4)
    cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def gru_step(gates_in: Tensor, gates_hidden: Tensor, state: tuple[Tensor, Tensor]):
    r_in, z_in, n_in = gates_in.chunk(3)
    r_hidden, z_hidden, n_hidden = gates_hidden.chunk(3)
    reset, update = (r_in + r_hidden).sigmoid(), (z_in + z_hidden).sigmoid()
    new = (n_in + reset * n_hidden).tanh()
    return (1 - update) * new + update * state[0], state[1]


def rnn_step(gates_in: Tensor, gates_hidden: Tensor, state: tuple[Tensor, Tensor]):
    return (gates_in + gates_hidden).tanh(), state[1]


STEPS = {"lstm": lstm_step, "gru": gru_step, "rnn": rnn_step}


def run_direction(encoder: RecurrentEncoder, x: Tensor, layer: int, suffix: str) -> Tensor:
    weights = encoder.recurrence
    w_in = getattr(weights, f"weight_ih_l{layer}{suffix}")
    w_hidden = getattr(weights, f"weight_hh_l{layer}{suffix}")
    b_in = getattr(weights, f"bias_ih_l{layer}{suffix}")
    b_hidden = getattr(weights, f"bias_hh_l{layer}{suffix}")
    state = (x.new_zeros(encoder.hidden_size), x.new_zeros(encoder.hidden_size))
    outputs = []
    for step in x:
        state = STEPS[encoder.cell](w_in @ step + b_in, w_hidden @ state[0] + b_hidden, state)
        outputs.append(state[0])
    return torch.stack(outputs)


def encode(encoder: RecurrentEncoder, x: Tensor) -> Tensor:
    """Encode one sequence (time, input_size) without any padding."""
    for layer in range(encoder.recurrence.num_layers):
        forward = run_direction(encoder, x, layer, "")
        if encoder.bidirectional:
            backward = run_direction(encoder, x.flip(0), layer, "_reverse").flip(0)
            x = torch.cat([forward, backward], dim=1)
        else:
            x = forward
    return x


def pool(model: SequenceModel, name: str, steps: Tensor) -> Tensor:
    """Pool the steps (time, features) of one sequence."""
    parts = []
    poolings = getattr(model.pooling, "poolings", [model.pooling])
    for part, module in zip(name.split("+"), poolings, strict=True):
        if part == "last":
            half = steps.size(1) // 2
            ends = [steps[-1, :half], steps[0, half:]]
            parts.append(torch.cat(ends) if model.encoder.bidirectional else steps[-1])
        elif part == "mean":
            parts.append(steps.mean(0))
        elif part == "max":
            parts.append(steps.max(0).values)
        else:
            scores = module.projection(steps).tanh() @ module.context.weight[0]
            parts.append(scores.softmax(0) @ steps)
    return torch.cat(parts)


def logits(model: SequenceModel, pooling: str, sequence: Tensor) -> Tensor:
    """Classify one sequence (time,) or (time, channels)."""
    embedded = model.embedding(sequence.unsqueeze(0))[0]
    return model.head(pool(model, pooling, encode(model.encoder, embedded)))
