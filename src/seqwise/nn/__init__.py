"""The building blocks: tensors in, tensors out, for anybody's own loop.

``model(Batch(inputs, lengths))`` gives logits ``(batch, num_classes)``.
"""

from seqwise.nn.batch import Batch
from seqwise.nn.convolution import ConvolutionEncoder, StepConvolution
from seqwise.nn.dropout import Dropout
from seqwise.nn.embedding import (
    ChannelProjection,
    Channels,
    ConvolutionEmbedding,
    Embedding,
    OwnScale,
    PositionEmbedding,
    TokenEmbedding,
)
from seqwise.nn.encoder import Encoder
from seqwise.nn.ensemble import Classifier, Ensemble, build_model, join
from seqwise.nn.forest import ForestModel
from seqwise.nn.kernels import KernelModel
from seqwise.nn.masking import mask_from_lengths, reverse_within_lengths, step_at, zero_padding
from seqwise.nn.mingru import MinGRUEncoder, MinGRULayer
from seqwise.nn.model import ENCODERS, POOLINGS, SequenceModel, build_pooling
from seqwise.nn.next_step import NextStepModel, TokenHead, ValueHead
from seqwise.nn.ngrams import NgramModel, ngram_pieces
from seqwise.nn.pooling import (
    AttentionPooling,
    CombinedPooling,
    LastPooling,
    MaxPooling,
    MeanPooling,
    Pooling,
)
from seqwise.nn.precision import check_precision, in_precision
from seqwise.nn.recurrent import RecurrentEncoder, use_path
from seqwise.nn.residual import ResidualBlock, ResidualEncoder
from seqwise.nn.spelling import SpelledModel, Spelling
from seqwise.nn.statistics import (
    choose_levels,
    choose_starts,
    count_statistics,
    measure_series,
)
from seqwise.nn.strands import (
    Beside,
    BothStrands,
    Network,
    build_network,
    complements_of,
    read_alike,
    read_strands,
)
from seqwise.nn.streaming import can_stream, stream_logits
from seqwise.nn.strided import StridedEmbedding
from seqwise.nn.transformer import EndMarks, TransformerBlock, TransformerEncoder

__all__ = [
    "ENCODERS",
    "POOLINGS",
    "AttentionPooling",
    "Batch",
    "Beside",
    "BothStrands",
    "ChannelProjection",
    "Channels",
    "Classifier",
    "CombinedPooling",
    "ConvolutionEmbedding",
    "ConvolutionEncoder",
    "Dropout",
    "Embedding",
    "Encoder",
    "EndMarks",
    "Ensemble",
    "ForestModel",
    "KernelModel",
    "LastPooling",
    "MaxPooling",
    "MeanPooling",
    "MinGRUEncoder",
    "MinGRULayer",
    "Network",
    "NextStepModel",
    "NgramModel",
    "OwnScale",
    "Pooling",
    "PositionEmbedding",
    "RecurrentEncoder",
    "ResidualBlock",
    "ResidualEncoder",
    "SequenceModel",
    "SpelledModel",
    "Spelling",
    "StepConvolution",
    "StridedEmbedding",
    "TokenEmbedding",
    "TokenHead",
    "TransformerBlock",
    "TransformerEncoder",
    "ValueHead",
    "build_model",
    "build_network",
    "build_pooling",
    "can_stream",
    "check_precision",
    "choose_levels",
    "choose_starts",
    "complements_of",
    "count_statistics",
    "in_precision",
    "join",
    "mask_from_lengths",
    "measure_series",
    "ngram_pieces",
    "read_alike",
    "read_strands",
    "reverse_within_lengths",
    "step_at",
    "stream_logits",
    "use_path",
    "zero_padding",
]
