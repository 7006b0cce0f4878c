"""The trainings that a run is made of, each with fresh weights that follow from seed and start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from seqwise.config import AnyClassWeight, ModelConfig, TrainConfig
from seqwise.data.codecs import Codec
from seqwise.data.store import Sequences
from seqwise.nn import BothStrands, Network, SequenceModel, build_network, check_precision
from seqwise.nn.embedding import STILL
from seqwise.predictor import choose_device
from seqwise.training.chance import mix_seed
from seqwise.training.distribution import World
from seqwise.training.loop import SIZE_OF_STATE, Training
from seqwise.training.objective import Classification
from seqwise.training.preparation import LabelledStore, PreparedData
from seqwise.training.schedule import Schedule
from seqwise.training.settings import Wishes, choose_model, choose_rate
from seqwise.training.start import Start

NUM_LISTENED = 1_000


@dataclass(frozen=True)
class Stage:
    """A training that is held against the validation part.

    Parameters
    ----------
    shape, config
        Of the network and its training.
    training
        Nothing of it is done yet.
    """

    shape: ModelConfig
    config: TrainConfig
    training: Training[Network]


@dataclass(frozen=True)
class Stages:
    """Makes the trainings of a run.

    Parameters
    ----------
    prepared
        The encoded parts.
    wishes
        The settings that the user has spoken of, or that the start settles.
    asked
        How to train, before trials and a schedule have their say.
    stride
        Steps that networks join into one.
    start
        What each network starts from.
    world, workers
        As in `Training`.
    """

    prepared: PreparedData
    wishes: Wishes
    asked: TrainConfig
    stride: int
    start: Start
    world: World
    workers: int

    def begin(
        self, encoder: str, class_weight: AnyClassWeight, epochs: int, schedule: Schedule
    ) -> Stage:
        """Get ready to train a network on the training part."""
        config = replace(
            choose_rate(self.asked, encoder, self.wishes),
            class_weight=class_weight,
            epochs=epochs,
            epoch_share=schedule.epoch_share,
            refit=schedule.refits,
        )
        check_precision(config.precision, encoder=encoder, device=choose_device(config.device))
        shape, parts = self._shape(encoder), self.prepared
        return Stage(
            shape, config, self._train(shape, parts.codec, parts.train, parts.valid, config)
        )

    def begin_more(self, stage: Stage, number: int) -> Training[Network]:
        """Get ready to train another network, for as many epochs as the best one took.

        Parameters
        ----------
        stage
            Which has found the best epoch.
        number
            From 0; other numbers have other weights, and see the records in another order.
        """
        config = replace(stage.config, epochs=stage.training.best.epoch)
        # Only on all records is it worth while to train from the same weights again.
        number += not config.refit
        if number:
            config = replace(config, seed=mix_seed(config.seed, number))
        codec, shape, records = self.last_parts(stage)
        return self._train(shape, codec, records, None, config)

    def last_parts(self, stage: Stage) -> tuple[Codec, ModelConfig, LabelledStore]:
        """Give what further networks are made of: all records, where the settings say so."""
        if not stage.config.refit or self.prepared.whole is None:
            return self.prepared.codec, stage.shape, self.prepared.train
        codec, records = self.prepared.whole
        # The model stays as it was chosen, but for the tokens that it knows.
        return codec, replace(stage.shape, vocab_size=codec.vocab_size), records

    def largest_state(self, schedule: Schedule) -> int:
        """Count the bytes that the tensors of a state have at the most."""
        codecs = [self.prepared.codec, *([self.prepared.whole[0]] if self.prepared.whole else [])]
        vocab_size = max(codec.vocab_size for codec in codecs)
        with torch.device("meta"):
            models = [
                build_network(replace(self._shape(encoder), vocab_size=vocab_size))
                for encoder in schedule.encoders
            ]
        sizes: list[int] = [
            sum(each.nbytes for each in model.state_dict().values()) for model in models
        ]
        return SIZE_OF_STATE * max(sizes) * (1 + schedule.num_more)

    @cached_property
    def _spread(self) -> float:
        return _spread_of_loudness(self.prepared.train.sequences)

    def _shape(self, encoder: str) -> ModelConfig:
        prepared = self.prepared
        lengths = prepared.train.sequences.lengths
        return choose_model(
            prepared.codec,
            encoder,
            num_classes=len(prepared.labels),
            multilabel=prepared.labels.multilabel,
            common_length=_common_length(lengths, self.asked.window),
            num_tokens=int(lengths.sum()),
            stride=self.stride,
            spread=self._spread,
            wishes=self.wishes,
        )

    def _train(
        self,
        shape: ModelConfig,
        codec: Codec,
        train: LabelledStore,
        valid: LabelledStore | None,
        config: TrainConfig,
    ) -> Training[Network]:
        with torch.random.fork_rng():
            torch.manual_seed(mix_seed(config.seed))
            complements = codec.complements()
            strand = None if complements is None else torch.from_numpy(complements)
            network = build_network(shape, strand)
        model = network.model if isinstance(network, BothStrands) else network
        assert isinstance(model, SequenceModel)
        self.start.put(model, codec)
        names = self.prepared.labels.names
        return Training(
            network,
            train,
            Classification(train, valid, class_names=names, config=config),
            config=config,
            codec=codec,
            world=self.world,
            workers=self.workers,
        )


def _common_length(lengths: NDArray[np.int64], window: int) -> int | None:
    """Give the length of all sequences where they have one, and are not read in windows."""
    longest = int(lengths.max())
    return longest if lengths.min() == longest <= window else None


def _spread_of_loudness(sequences: Sequences) -> float:
    """Measure how many times as loud the louder series are: a quarter of them, and another quarter.

    By the logarithms of the deviations of up to a thousand, evenly chosen; of the channel in which
    they differ the most. 0 for tokens.
    """
    if sequences[0].ndim == 1:
        return 0.0
    number = min(len(sequences), NUM_LISTENED)
    chosen = np.linspace(0, len(sequences) - 1, number).astype(int)
    deviations = [sequences[index].std(axis=0, dtype=np.float64) for index in chosen.tolist()]
    quarters = np.quantile(np.log(np.stack(deviations) + STILL), (0.25, 0.75), axis=0)
    return float((quarters[1] - quarters[0]).max())
