"""Elman RNN, LSTM and GRU over sequences of unequal length.

Three paths compute the same numbers from the same weights:

- *packed*: `pack_padded_sequence` and torch's own module, the reference that every course teaches;
- *padded*: each direction of each layer runs over the padded batch; the backward direction reads
  sequences reversed within their lengths, so that no direction meets padding before its last step;
- *narrowed*: the same, but the longest sequences come first, and the kernel is called anew on fewer
  of them, its state carried on, wherever enough have ended: it hardly computes padding.

Packing cuts the batch at each distinct length, which costs a CPU dearly when training (its price
grows nearly with the square of the length, pytorch/pytorch#149194); cuDNN packs well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqwise.errors import Code, ConfigError, Problem
from seqwise.nn.dropout import Dropout
from seqwise.nn.encoder import Encoder, check_features
from seqwise.nn.masking import reverse_within_lengths, zero_padding
from seqwise.nn.segments import Segment, cut_segments, whole_segments

# Steps that one call of a kernel is given; the state is carried on. oneDNN creates no primitive for
# a million steps, and cuDNN refuses more than 65,535 (pytorch/pytorch#133751).
CHUNK_STEPS = 32_768

Cell = Literal["rnn", "lstm", "gru"]
Path = Literal["auto", "narrowed", "padded", "packed"]

_path_of_all: ContextVar[Path | None] = ContextVar("path", default=None)

_MODULES: dict[Cell, type[nn.RNN | nn.LSTM | nn.GRU]] = {
    "rnn": nn.RNN,
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}


class RecurrentEncoder(Encoder):
    """A stack of recurrent layers that never lets padding into a real step.

    Elman 1990 (``rnn``, tanh); Hochreiter and Schmidhuber 1997 (``lstm``); Cho et al. 2014
    (``gru``, in torch's form).

    Parameters
    ----------
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    input_size
        Features of an input step.
    hidden_size
        Features of a hidden state, for each direction.
    num_layers
        Layers, one above the other.
    bidirectional
        Whether a second direction reads each layer's input from its end.
    dropout
        Probability of dropping a value between two layers while training.
    path
        ``"narrowed"``, ``"padded"``, ``"packed"``, or ``"auto"``: what was measured to be faster.
        All but ``"padded"`` depend in their last bits on the batch mates' lengths.

    Raises
    ------
    ConfigError
        If there is no such path.

    Attributes
    ----------
    output_size : int
        ``hidden_size``, twice that with two directions.
    recurrence : torch.nn.RNNBase
        torch's module with the weights, named as everybody knows them.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        path: Path = "auto",
    ) -> None:
        super().__init__()
        _check_path(path)
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.path: Path = path
        self.recurrence = _MODULES[cell](
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
            batch_first=True,
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode each sequence.

        Parameters
        ----------
        x
            ``(batch, time, input_size)``.
        lengths
            int64 ``(batch,)`` on the CPU.

        Returns
        -------
        Tensor
            ``(batch, time, output_size)``; steps at or beyond a length are unspecified.

        Raises
        ------
        ShapeError
            If x has another number of features.
        """
        check_features(x, self.input_size)
        path = _path_of_all.get() or self.path
        if path == "auto":
            path = self._faster_path(x)
        if path == "packed":
            return self._packed(x, lengths)
        # A padded step reaches no real one in the forward pass, but NaN times a zero gradient is
        # NaN in the backward pass: the padding must hold numbers.
        x = zero_padding(x, lengths)
        return self._narrowed(x, lengths) if path == "narrowed" else self._padded(x, lengths)

    def _faster_path(self, x: Tensor) -> Path:
        """Choose as measured (docs/speed.md)."""
        # On a CPU, torch's own loops (all cells but the LSTM) cost little when they are packed, as
        # long as no gradient is wanted.
        packs_well = x.device.type != "cpu" or (self.cell != "lstm" and not torch.is_grad_enabled())
        return "packed" if packs_well and x.size(1) <= CHUNK_STEPS else "narrowed"

    @property
    def reads(self) -> bool:  # type: ignore[override]
        """Whether `read` is there: a higher layer of two directions needs all of the one below."""
        return self.looks_one_way

    @property
    def looks_one_way(self) -> bool:  # type: ignore[override]
        """Whether no layer has read what another direction gave."""
        return self.recurrence.num_layers == 1 or not self.bidirectional

    def read(self, chunks: Iterable[Tensor], *, backward: bool) -> Iterator[Tensor]:
        """Run one direction over consecutive chunks of a sequence, as `Encoder.read` says."""
        suffix = "_reverse" if backward else ""
        states: dict[int, list[Tensor]] = {}
        for chunk in chunks:
            x = chunk
            for layer in range(self.recurrence.num_layers):
                x, states[layer] = self._call(x, states.get(layer) or self._start(x), layer, suffix)
            yield x

    def _packed(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        steps, _ = pad_packed_sequence(
            self.recurrence(packed)[0], batch_first=True, total_length=x.size(1)
        )
        return steps

    def _padded(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self._layers(x, lengths, whole_segments(x.size(1), len(x), max_steps=CHUNK_STEPS))

    def _narrowed(self, x: Tensor, lengths: Tensor) -> Tensor:
        ordered, order = lengths.sort(descending=True, stable=True)
        is_ordered = bool(lengths.equal(ordered))
        order = order.to(x.device)
        segments = cut_segments(ordered.numpy(), max_steps=CHUNK_STEPS)
        if is_ordered:
            return self._layers(x, ordered, segments)
        steps = self._layers(x.index_select(0, order), ordered, segments)
        return steps.index_select(0, order.argsort())

    def _layers(self, x: Tensor, lengths: Tensor, segments: list[Segment]) -> Tensor:
        for layer in range(self.recurrence.num_layers):
            if layer:
                x = self.dropout(x)
            forward = self._direction(x, segments, layer, "")
            if not self.bidirectional:
                x = forward
                continue
            mirrored = reverse_within_lengths(x, lengths)
            backward = self._direction(mirrored, segments, layer, "_reverse")
            x = torch.cat([forward, reverse_within_lengths(backward, lengths)], dim=-1)
        return x

    def _direction(self, x: Tensor, segments: list[Segment], layer: int, suffix: str) -> Tensor:
        """Run one direction of one layer from its first step to its last."""
        state = self._start(x)
        outputs = []
        for segment in segments:
            part = x[: segment.rows, segment.start : segment.stop]
            state = [each[:, : segment.rows] for each in state]
            output, state = self._call(part, state, layer, suffix)
            outputs.append(_fill(output, x.size(0), output.size(1)))
        steps = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
        return _fill(steps, x.size(0), x.size(1))

    def _start(self, x: Tensor) -> list[Tensor]:
        zeros = x.new_zeros(1, x.size(0), self.hidden_size)
        return [zeros, zeros] if self.cell == "lstm" else [zeros]

    def _call(
        self, x: Tensor, state: list[Tensor], layer: int, suffix: str
    ) -> tuple[Tensor, list[Tensor]]:
        """Call the kernel of one direction of one layer; returns its steps and its last state."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self.recurrence, f"{name}_l{layer}{suffix}") for name in names]
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        settings = (True, 1, 0.0, self.training, False, True)
        if self.cell == "lstm":
            output, *state = torch.lstm(x, state, weights, *settings)
        else:
            run = torch.gru if self.cell == "gru" else torch.rnn_tanh
            output, *state = run(x, state[0], weights, *settings)
        return output, state


@contextmanager
def use_path(path: Path) -> Iterator[None]:
    """Have every recurrent encoder that is called inside take a path, whatever its own is.

    Holds for the calling thread alone.

    Parameters
    ----------
    path
        As for `RecurrentEncoder`.

    Raises
    ------
    ConfigError
        If there is no such path.
    """
    _check_path(path)
    token = _path_of_all.set(path)
    try:
        yield
    finally:
        _path_of_all.reset(token)


def _check_path(path: Path) -> None:
    if path not in (paths := get_args(Path)):
        remedy = "leave it out: the faster one is taken"
        problem = Problem(Code.BAD_SETTING, f"path is {path!r}", f"one of {paths}", remedy)
        raise ConfigError(problem)


def _fill(steps: Tensor, rows: int, time: int) -> Tensor:
    """Fill up with zeros behind the last row and the last step."""
    missing = (rows - steps.size(0), time - steps.size(1))
    if missing == (0, 0):
        return steps
    return nn.functional.pad(steps, (0, 0, 0, missing[1], 0, missing[0]))
