"""The slow twin of every encoder and pooling: one sequence at a time, one step at a time.

Written from the equations, with nothing but torch's arithmetic, so that it can be read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqwise.nn import (
    ConvolutionEncoder,
    Embedding,
    Encoder,
    MinGRUEncoder,
    OwnScale,
    RecurrentEncoder,
    ResidualEncoder,
    SequenceModel,
    StridedEmbedding,
    TransformerEncoder,
)


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


def encode_recurrent(encoder: RecurrentEncoder, x: Tensor) -> Tensor:
    for layer in range(encoder.recurrence.num_layers):
        forward = run_direction(encoder, x, layer, "")
        if encoder.bidirectional:
            backward = run_direction(encoder, x.flip(0), layer, "_reverse").flip(0)
            x = torch.cat([forward, backward], dim=1)
        else:
            x = forward
    return x


def run_mingru(direction, x: Tensor) -> Tensor:
    for index, layer in enumerate(direction.layers):
        read = norm(direction.norms[index - 1], x) if index else x
        state, outputs = x.new_zeros(direction.hidden_size), []
        for step in read:
            gate = affine(layer.gate, step).sigmoid()
            state = (1 - gate) * state + gate * affine(layer.candidate, step)
            outputs.append(state)
        x = x + torch.stack(outputs) if index else torch.stack(outputs)
    return x


def encode_mingru(encoder: MinGRUEncoder, x: Tensor) -> Tensor:
    forward = run_mingru(encoder.directions[0], x)
    if not encoder.bidirectional:
        return forward
    return torch.cat([forward, run_mingru(encoder.directions[1], x.flip(0)).flip(0)], dim=1)


def mark_ends(ends, x: Tensor) -> Tensor:
    first, last = torch.zeros_like(x), torch.zeros_like(x)
    first[0], last[-1] = 1, 1
    return x + first * ends.marks[0] + last * ends.marks[1]


def affine(linear, x: Tensor) -> Tensor:
    return x @ linear.weight.T + linear.bias


def norm(layer, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt()
    return centred / deviation * layer.weight + layer.bias


def convolve(convolution, x: Tensor, width: int, dilation: int = 1) -> Tensor:
    outputs = []
    for step in range(len(x)):
        output = convolution.bias
        for tap in range(width):
            seen = step + (tap - (width - 1) // 2) * dilation
            if 0 <= seen < len(x):
                output = output + convolution.weight[:, :, tap] @ x[seen]
        outputs.append(output)
    return torch.stack(outputs)


def encode_convolution(encoder: ConvolutionEncoder, x: Tensor) -> Tensor:
    for layer in encoder.layers:
        widths = zip((3, 4, 5), layer.convolutions, strict=True)
        x = torch.cat([convolve(each, x, width) for width, each in widths], dim=1).clamp(min=0)
    return x


def encode_residual(encoder: ResidualEncoder, x: Tensor) -> Tensor:
    x = affine(encoder.entry, x)
    for index, block in enumerate(encoder.blocks):
        seen = convolve(block.convolution, norm(block.norm, x), 5, dilation=2**index)
        x = x + affine(block.projection, seen.clamp(min=0))
    return norm(encoder.norm, x)


def turn(x: Tensor, step: int) -> Tensor:
    """Multiply pairs of features, taken as complex numbers, by powers of numbers of length 1."""
    half = len(x) // 2
    speeds = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    turned = torch.complex(x[:half], x[half:]) * torch.polar(
        torch.ones(half).double(), step * speeds
    )
    return torch.cat([turned.real, turned.imag])


def attend(block, x: Tensor) -> Tensor:
    """Let each step of a sequence, with one head, look at all others."""
    queries, keys, values = affine(block.queries_keys_values, x).chunk(3, dim=1)
    outputs = []
    for here, query in enumerate(queries):
        scores = [turn(query, here) @ turn(key, there) for there, key in enumerate(keys)]
        weights = (torch.stack(scores) / len(query) ** 0.5).softmax(0)
        outputs.append(weights @ values)
    return affine(block.projection, torch.stack(outputs))


def encode_transformer(encoder: TransformerEncoder, x: Tensor) -> Tensor:
    x = affine(encoder.entry, mark_ends(encoder.ends, x))
    for block in encoder.blocks:
        x = x + attend(block, norm(block.norm, x))
        first, inner, _, outer = block.network
        y = affine(inner, norm(first, x))
        x = x + affine(outer, y * 0.5 * (1 + torch.erf(y / 2**0.5)))
    return norm(encoder.norm, x)


def see_by_own_scale(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    deviation = (centred.square().mean(0) + 1e-8).sqrt()
    return torch.cat([x, centred / deviation, deviation.log().expand_as(x)], dim=1)


def encode(encoder: Encoder, x: Tensor) -> Tensor:
    """Encode one sequence (time, input_size) without any padding."""
    return {
        RecurrentEncoder: encode_recurrent,
        MinGRUEncoder: encode_mingru,
        ConvolutionEncoder: encode_convolution,
        ResidualEncoder: encode_residual,
        TransformerEncoder: encode_transformer,
    }[type(encoder)](encoder, x)


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


def join_steps(embedding: StridedEmbedding, x: Tensor) -> Tensor:
    """Convolve one sequence (time, features) and take the maximum of neighbours, time and again."""
    for convolution, factor in zip(embedding.convolutions, embedding.factors, strict=True):
        x = convolve(convolution, x, convolution.kernel_size[0]).clamp(min=0)
        x = torch.stack([part.max(0).values for part in x.split(factor)])
    return x


def embed(embedding: Embedding, sequence: Tensor) -> Tensor:
    """Embed one sequence (time,) or (time, channels)."""
    below = getattr(embedding, "steps", getattr(embedding, "channels", embedding))
    if isinstance(below, OwnScale):
        sequence = see_by_own_scale(sequence)
    if isinstance(embedding, StridedEmbedding):
        return join_steps(embedding, embedding.steps(sequence.unsqueeze(0))[0])
    return embedding(sequence.unsqueeze(0))[0]


def logits(model: SequenceModel, pooling: str, sequence: Tensor) -> Tensor:
    """Classify one sequence (time,) or (time, channels)."""
    embedded = embed(model.embedding, sequence)
    return model.head(pool(model, pooling, encode(model.encoder, embedded)))
