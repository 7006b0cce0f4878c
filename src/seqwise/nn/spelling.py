"""A model that reads the characters of tokens: it knows words alike by how they are spelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, check_inputs
from seqwise.nn.masking import mask_from_lengths
from seqwise.nn.ngrams import NgramModel

LONGEST = 4  # characters of an n-gram
MOST_SPELLED = 64  # characters of a token
MOST_READ = 1 << 14  # characters of a sequence
AT_ONCE = 1 << 17  # characters of a batch, padding included


class Spelling(nn.Module):
    """How each token is spelled, which turns a batch of tokens into one of characters.

    It is no part of a `state_dict`: the codec knows it, and gives it to a model that is read.

    Parameters
    ----------
    tokens
        As they are spelled, in the order of their ids; none of them is empty, and of one that has
        more than `MOST_SPELLED` characters the first count.
    """

    characters: Tensor
    sizes: Tensor
    ends: Tensor

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        super().__init__()
        cut = [token[:MOST_SPELLED] for token in tokens]
        encoded = "".join(cut).encode("utf-32-le", errors="surrogatepass")
        # Those of one token behind those of the other, how many each has, and where these end.
        characters = torch.from_numpy(np.frombuffer(encoded, dtype="<u4").astype(np.int64))
        sizes = torch.tensor(list(map(len, cut)), dtype=torch.int64)
        self.register_buffer("characters", characters, persistent=False)
        self.register_buffer("sizes", sizes, persistent=False)
        self.register_buffer("ends", sizes.cumsum(0), persistent=False)

    def forward(self, batch: Batch) -> Batch:
        """Spell out a batch of ids ``(batch, time)``, up to `MOST_READ` characters of each.

        Raises
        ------
        ShapeError
            If the inputs are no ids.
        """
        check_inputs(batch.inputs, num_channels=0)
        ids = batch.inputs[:, :MOST_READ]  # a token has a character at the least
        is_real = mask_from_lengths(batch.lengths, ids.size(1), ids.device)
        ids = torch.where(is_real, ids, 0)
        stops = torch.where(is_real, self.sizes[ids], 0).cumsum(dim=1)
        lengths = stops[:, -1].clamp(max=MOST_READ).cpu()
        places = torch.arange(int(lengths.max()), device=ids.device).repeat(len(ids), 1)
        # Of the token that each place belongs to; of padding, any.
        steps = torch.searchsorted(stops, places, right=True).clamp(max=ids.size(1) - 1)
        until_end = stops.gather(1, steps) - places
        spelled = (self.ends[ids.gather(1, steps)] - until_end).clamp(max=len(self.characters) - 1)
        return Batch(self.characters[spelled], lengths)


class SpelledModel(nn.Module):
    """Logits that are linear in the n-grams of characters of a sequence of tokens.

    What has been learned of a word goes for others that are spelled almost alike, and n-grams of
    characters reach over the ends of words. `training.characters` fits it.

    Parameters
    ----------
    spelling
        Of the tokens.
    model
        Of their characters.
    """

    def __init__(self, spelling: Spelling, model: NgramModel) -> None:
        super().__init__()
        self.spelling = spelling
        self.model = model

    @classmethod
    def from_config(cls, config: ModelConfig) -> SpelledModel:
        """Build the one that a configuration describes, which knows nothing yet, nor any token."""
        size = config.num_character_ngrams
        return cls(Spelling(), NgramModel(size, config.num_classes, longest=LONGEST))

    def sizes(self) -> dict[str, int]:
        """Give what `from_config` reads of the model's sizes."""
        return {"num_character_ngrams": len(self.model.keys)}

    @property
    def num_classes(self) -> int:
        """Size of the logits."""
        return self.model.num_classes

    def forward(self, batch: Batch) -> Tensor:
        """Compute the logits ``(batch, num_classes)`` of a batch of ids.

        Raises
        ------
        ShapeError
            If the inputs are no ids.
        """
        spelled = self.spelling(batch)
        # A row's answer does not depend on the others: so many n-grams take memory a few at a time.
        rows = max(1, AT_ONCE // spelled.inputs.size(1))
        parts = zip(spelled.inputs.split(rows), spelled.lengths.split(rows), strict=True)
        return torch.cat([self.model(Batch(*part)) for part in parts])
