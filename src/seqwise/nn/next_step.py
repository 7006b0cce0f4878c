"""A model that foretells the next step of a sequence, in each direction of its encoder."""

from __future__ import annotations

from torch import Tensor, nn

from seqwise.config import ModelConfig
from seqwise.nn.batch import Batch, shape_error
from seqwise.nn.dropout import Dropout
from seqwise.nn.embedding import Embedding, OwnScale
from seqwise.nn.encoder import Encoder
from seqwise.nn.masking import mask_from_lengths, zero_padding
from seqwise.nn.model import ENCODERS, build_embedding

CUTOFFS = (2_000, 10_000, 50_000)  # ranks of frequency, at which rarer tokens get fewer weights
NARROWER = 2  # times, at each of them


class TokenHead(nn.Module):
    """From states to the tokens that they foretell: a softmax over the vocabulary.

    Beyond 2,000 tokens an adaptive one (Grave et al. 2017): rare tokens are found in two steps.

    Parameters
    ----------
    input_size
        Features of a state.
    counts
        How often each id comes up, ``(vocab_size,)``.
    """

    ranks: Tensor

    def __init__(self, input_size: int, counts: Tensor) -> None:
        super().__init__()
        ranks = counts.argsort(descending=True, stable=True).argsort()
        # They follow from the counts; those of a checkpoint would have to be checked.
        self.register_buffer("ranks", ranks, persistent=False)
        cutoffs = [each for each in CUTOFFS if each < len(counts)]
        narrower = NARROWER if input_size >= NARROWER ** len(cutoffs) else 1
        self.linear = nn.Linear(input_size, len(counts)) if not cutoffs else None
        self.adaptive = (
            nn.AdaptiveLogSoftmaxWithLoss(input_size, len(counts), cutoffs, div_value=narrower)
            if cutoffs
            else None
        )

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """Add up the cross-entropy of ids ``(n,)`` after states ``(n, input_size)``."""
        ranks = self.ranks[targets]
        if self.adaptive is not None:
            # A batch without rare tokens: a gradient of 0, which processes can join, and not none.
            unused = sum(weight.sum() for weight in self.adaptive.parameters()) * 0
            return unused - self.adaptive(states, ranks).output.sum()  # type: ignore[no-any-return]
        assert self.linear is not None
        return nn.functional.cross_entropy(self.linear(states), ranks, reduction="sum")


class ValueHead(nn.Module):
    """From states to the values that they foretell.

    Parameters
    ----------
    input_size
        Features of a state.
    num_channels
        Values of a step.
    """

    def __init__(self, input_size: int, num_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_channels)

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """Add up over n steps the mean squared error of values ``(n, num_channels)``."""
        return (self.linear(states) - targets).square().mean(dim=1).sum()  # type: ignore[no-any-return]


class NextStepModel(nn.Module):
    """Embedding and encoder of a classifier, with a head for each direction.

    The state at a step has seen this step and those before it in its direction, and foretells the
    one that follows: Dai and Le 2015, Peters et al. 2018.

    Parameters
    ----------
    embedding
        Of single steps: a vector must not depend on the neighbours of its step.
    encoder
        One that `looks_one_way`.
    heads
        For each direction one, called with the states ``(n, features)`` of that direction alone and
        with what follows them; they add up the loss.
    dropout
        Probability of dropping an embedded value, or one of a state, while training.

    Raises
    ------
    ShapeError
        If a state might have seen what it is to foretell.
    """

    def __init__(
        self, embedding: Embedding, encoder: Encoder, heads: list[nn.Module], *, dropout: float
    ) -> None:
        super().__init__()
        is_single = embedding.context == 0 and embedding.stride == 1
        # By its own scale a step tells of all others.
        is_single &= not any(isinstance(part, OwnScale) for part in embedding.modules())
        if not is_single or not encoder.looks_one_way:
            found = "a state might have seen the step that it is to foretell"
            expected = "an embedding of single steps, and directions that do not meet"
            raise shape_error(found, expected, "take one layer, or one direction")
        self.embedding = embedding
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)
        self.dropout = Dropout(dropout)

    @classmethod
    def from_config(cls, config: ModelConfig, counts: Tensor) -> NextStepModel:
        """Build the model with fresh weights.

        Parameters
        ----------
        config
            Of the classifier that is to begin with its embedding and encoder.
        counts
            How often each id comes up, ``(vocab_size,)``; not looked at for series.
        """
        encoder = ENCODERS[config.encoder](config)
        heads: list[nn.Module] = [
            TokenHead(config.hidden_size, counts)
            if config.vocab_size
            else ValueHead(config.hidden_size, config.num_channels)
            for _ in range(2 if encoder.bidirectional else 1)
        ]
        return cls(build_embedding(config), encoder, heads, dropout=config.dropout)

    @property
    def num_directions(self) -> int:
        """Directions that foretell steps."""
        return len(self.heads)

    def forward(self, batch: Batch) -> Tensor:
        """Add up the loss over all steps that have one before them, in each direction."""
        inputs = zero_padding(batch.inputs, batch.lengths)
        x = self.dropout(self.embedding(inputs))  # (batch, time, embedding_dim)
        x = self.dropout(self.encoder(x, batch.lengths))  # (batch, time, output_size)
        directions = x.chunk(self.num_directions, dim=-1)
        # Pairs of neighbours that are both real.
        are_real = mask_from_lengths(batch.lengths - 1, x.size(1) - 1, x.device)
        total = self.heads[0](directions[0][:, :-1][are_real], inputs[:, 1:][are_real])
        if self.num_directions == 2:
            total = total + self.heads[1](directions[1][:, 1:][are_real], inputs[:, :-1][are_real])
        return total  # type: ignore[no-any-return]
