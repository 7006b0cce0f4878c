"""From the number of a batch to the batch itself, some of them ahead of the training step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.config import TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.collate import collate
from seqwise.data.sampler import Batches, BucketSampler
from seqwise.data.targets import take
from seqwise.nn import Batch
from seqwise.training.augmentation import Augmentation
from seqwise.training.chance import mix_seed
from seqwise.training.distribution import World
from seqwise.training.preparation import LabelledStore


@dataclass(frozen=True)
class Share:
    """What one process computes of a batch.

    Parameters
    ----------
    batch
        Its records; where it has none, one that is another's, since a step needs an input.
    is_idle
        Whether that is so.
    num_records, num_steps
        Of the whole batch, in all processes.
    """

    batch: Batch
    is_idle: bool
    num_records: int
    num_steps: int


class Loader:
    """The batches of a training, each a function of (seed, epoch, number).

    Parameters
    ----------
    store
        What to learn from.
    config
        How large batches are, and what is drawn of a sequence.
    world
        Among which processes each batch is shared out.
    device
        Where batches go.
    codec
        Of DNA whose letters or strands are changed.
    workers
        Threads that prepare batches ahead; with 0 each is prepared when it is asked for.

    Attributes
    ----------
    lengths : array
        Steps that an epoch reads of each sequence, int64 ``(n,)``.
    """

    def __init__(
        self,
        store: LabelledStore,
        config: TrainConfig,
        *,
        world: World,
        device: torch.device,
        codec: Codec | None = None,
        workers: int = 0,
    ) -> None:
        self.store = store
        self.config = config
        self.world = world
        self.device = device
        self.workers = workers
        self._whole = store.sequences.lengths
        num_channels = 0 if store.sequences[0].ndim == 1 else store.sequences[0].shape[1]
        self._augmentation = Augmentation(config, num_channels=num_channels, codec=codec)
        self.lengths = np.minimum(self._whole, config.window)
        self._sampler = BucketSampler(
            self.lengths,
            batch_size=config.batch_size,
            batch_steps=config.batch_steps,
            seed=config.seed,
        )

    def batches(self, epoch: int) -> Batches:
        """Give the records of each batch of an epoch, in all processes."""
        return self._sampler.batches(epoch).first(self.config.epoch_share)

    def load(self, epoch: int, batches: Batches, first: int) -> Iterator[Share]:
        """Prepare the batches of an epoch from one on, in their order."""
        makers = (
            partial(self.prepare, epoch, number, batches[number])
            for number in range(first, len(batches))
        )
        return _call_ahead(makers, self.workers) if self.workers else (make() for make in makers)

    def prepare(self, epoch: int, number: int, indices: NDArray[np.int64]) -> Share:
        """Draw what this epoch reads of a batch's records, and pad it."""
        random = np.random.default_rng(mix_seed(self.config.seed, epoch, number, 1))
        # For all of them, those of others too: what is drawn does not depend on who draws.
        drawn = [
            self._augmentation.draw(length, random) for length in self._whole[indices].tolist()
        ]
        own = self.world.share(np.arange(len(indices)))
        taken = own if len(own) else np.arange(1)
        read = self.store.sequences
        sequences = [drawn[each](read[int(indices[each])]) for each in taken.tolist()]
        return Share(
            batch=collate(sequences, take(self.store.targets, indices[taken])).to(self.device),
            is_idle=not len(own),
            num_records=len(indices),
            num_steps=int(self.lengths[indices].sum()),
        )


def _call_ahead(calls: Iterable[Callable[[], Share]], workers: int) -> Iterator[Share]:
    """Give the results in the order of the calls, which some threads make ahead."""
    waiting: deque[Future[Share]] = deque()
    remaining = iter(calls)
    with ThreadPoolExecutor(workers) as pool:
        waiting.extend(pool.submit(call) for call in islice(remaining, 2 * workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(call) for call in islice(remaining, 1))
            yield result
