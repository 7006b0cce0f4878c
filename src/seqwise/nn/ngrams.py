"""A linear classifier of the n-grams of a sequence: what every neural model has to beat."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, check_inputs
from seqwise.nn.masking import mask_from_lengths

# Stand before the first and behind the last token, so that an n-gram knows where it is at an end.
_START, _END = -1, -2
# Odd, so that multiplying by it loses nothing of 64 bits; the bits look random.
_MULTIPLIER = -7046029254386353131
PIECE_STEPS = 1 << 16  # whose n-grams are named at once


def ngram_pieces(
    inputs: Tensor, lengths: Tensor, *, longest: int, positions: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Name the n-grams of each sequence by 64-bit hashes, those of a long one piece by piece.

    Parameters
    ----------
    inputs
        Ids, int64 ``(batch, time)``.
    lengths
        int64 ``(batch,)``.
    longest
        The most tokens of an n-gram, 1 or more.
    positions
        Also name each token, and each two, together with the step at which they stand.

    Yields
    ------
    keys, mask : Tensor
        int64 and bool ``(batch, ngrams)``; where the mask is False stands no n-gram.
    """
    ids, real = _with_ends(inputs, lengths)
    for start in range(0, ids.size(1), PIECE_STEPS):
        # With the tokens into which n-grams reach that begin in this piece.
        reached = slice(start, start + PIECE_STEPS + longest - 1)
        yield _name(ids[:, reached], real[:, reached], start, longest, positions)


def _name(
    ids: Tensor, real: Tensor, start: int, longest: int, positions: bool
) -> tuple[Tensor, Tensor]:
    """Name the n-grams that begin in a piece, the first `PIECE_STEPS` of its tokens."""
    keys, masks = [], []
    grams, complete = torch.zeros_like(ids), real
    for size in range(1, longest + 1):
        if size > ids.size(1):
            break
        # Those of `size` tokens start where those of one less do, and one token less often.
        stop = ids.size(1) - size + 1
        grams = _mix(grams[:, :stop], ids[:, size - 1 :])
        complete = complete[:, :stop] & real[:, size - 1 :]
        begun, mask = grams[:, :PIECE_STEPS], complete[:, :PIECE_STEPS]
        keys.append(_mix(begun, torch.full_like(begun, size)))
        masks.append(mask)
        if positions and size <= 2:
            steps = torch.arange(start, start + begun.size(1), device=ids.device).expand_as(begun)
            keys.append(_mix(_mix(begun, steps), torch.full_like(begun, -size)))
            masks.append(mask)
    return torch.cat(keys, dim=1), torch.cat(masks, dim=1)


def _with_ends(inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Put a token before the first and one behind the last; ``(batch, time + 2)``."""
    lengths = lengths.to(inputs.device)
    ids = nn.functional.pad(inputs, (1, 1), value=_START)
    rows = torch.arange(len(ids), device=ids.device)
    ids[rows, lengths + 1] = _END
    return ids, mask_from_lengths(lengths + 2, ids.size(1))


def _mix(seed: Tensor, value: Tensor) -> Tensor:
    """Hash two numbers into one (a multiplication, a shift and another one)."""
    mixed = (seed + value) * _MULTIPLIER + value
    return (mixed ^ (mixed >> 29)) * _MULTIPLIER


class NgramModel(nn.Module):
    """Logits that are linear in the n-grams of a sequence.

    An n-gram counts ``idf``, and the counts of a sequence have the length 1 (Salton and Buckley
    1988; Wang and Manning 2012 for how far it gets, and for presence in place of frequency).
    `training.linear` fits it. N-grams that it does not know count nothing.

    Parameters
    ----------
    num_ngrams
        How many it knows.
    num_classes
        Size of the logits.
    longest, positions
        As in `ngram_pieces`.
    repeats
        An n-gram that stands n times in a sequence counts ``1 + log(n)`` times as much; otherwise
        as much as one that stands there once.

    Attributes
    ----------
    keys
        int64 ``(num_ngrams,)``, ascending.
    idf
        ``(num_ngrams,)``, what one is worth.
    weight, bias
        ``(num_ngrams, num_classes)`` and ``(num_classes,)``.
    """

    keys: Tensor
    idf: Tensor

    def __init__(
        self,
        num_ngrams: int,
        num_classes: int,
        *,
        longest: int,
        positions: bool = False,
        repeats: bool = False,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.positions = positions
        self.repeats = repeats
        self.register_buffer("keys", torch.arange(num_ngrams, dtype=torch.int64))
        self.register_buffer("idf", torch.ones(num_ngrams))
        self.weight = nn.Parameter(torch.zeros(num_ngrams, num_classes))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    @classmethod
    def from_config(cls, config: ModelConfig) -> NgramModel:
        """Build the one that a configuration describes, which knows nothing yet."""
        return cls(
            config.num_ngrams,
            config.num_classes,
            longest=config.ngrams,
            positions=config.num_positions > 0,
            repeats=config.ngram_repeats,
        )

    def sizes(self) -> dict[str, int]:
        """Give what `from_config` reads that fitting has settled."""
        return {
            "num_ngrams": len(self.keys),
            "ngrams": self.longest,
            "ngram_repeats": self.repeats,
        }

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return len(self.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch of ids.

        Raises
        ------
        ShapeError
            If the inputs are no ids.
        """
        check_inputs(batch.inputs, num_channels=0)
        features, values = self.count(batch)
        # The features that stand for nothing are worth 0, and point at the first row.
        return self.bias + nn.functional.embedding_bag(
            features, self.weight, per_sample_weights=values, mode="sum"
        )

    def count(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Count the n-grams that the model knows.

        Returns
        -------
        features, values : Tensor
            int64 and floating ``(batch, ngrams)``: rows of `weight`, and what each counts. An
            n-gram that stands several times counts at one of its places, and 0 at the others.
        """
        unknown = len(self.keys)
        features = times = torch.empty(len(batch), 0, dtype=torch.int64, device=self.keys.device)
        for keys, mask in ngram_pieces(
            batch.inputs, batch.lengths, longest=self.longest, positions=self.positions
        ):
            # What has been found of a long sequence takes no more room than what it has of each.
            features, times = _drop_unknown(features, times, unknown)
            places = torch.searchsorted(self.keys, keys).clamp(max=unknown - 1)
            known = mask & (self.keys[places] == keys)
            found = torch.where(known, places, unknown)
            features, times = _add_up(
                torch.cat([features, found], dim=1), torch.cat([times, known.long()], dim=1)
            )
        is_counted = times > 0
        features = torch.where(is_counted, features, 0)
        values = torch.where(is_counted, self.idf[features], 0)
        if self.repeats:
            values = values * (1 + times.clamp(min=1).to(values.dtype).log())
        # One after another: the order of a sum may be another in a batch of longer ones.
        norm = values.square().cumsum(dim=1)[:, -1:].sqrt().clamp(min=1e-12)
        return features, values / norm


def _add_up(features: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Sort features ``(batch, n)``; of several alike the last one has the times of all."""
    features, order = features.sort(dim=1)
    sums = times.gather(1, order).cumsum(dim=1)
    is_last = torch.ones_like(features, dtype=torch.bool)
    is_last[:, :-1] = features[:, 1:] != features[:, :-1]
    until_last = torch.where(is_last, sums, 0).cummax(dim=1).values
    before = nn.functional.pad(until_last[:, :-1], (1, 0))
    return features, torch.where(is_last, sums - before, 0)


def _drop_unknown(features: Tensor, times: Tensor, unknown: int) -> tuple[Tensor, Tensor]:
    """Keep the features that have times, in as few columns as they need."""
    most = int((times > 0).sum(dim=1).max())
    features, order = torch.where(times > 0, features, unknown).sort(dim=1)
    return features[:, :most], times.gather(1, order)[:, :most]
