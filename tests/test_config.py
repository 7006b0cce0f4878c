import json
import math
from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest

from seqwise.config import DataConfig, ModelConfig, TrainConfig
from seqwise.errors import Code, ConfigError

REQUIRED = {
    DataConfig: {"kind": "text"},
    ModelConfig: {"num_classes": 2, "vocab_size": 12},
    TrainConfig: {},
}
every_config = pytest.mark.parametrize("config", REQUIRED)
NUMBERS = [
    (config, name)
    for config in REQUIRED
    for name, hint in get_type_hints(config).items()
    if hint in (int, float)
]
every_number = pytest.mark.parametrize(("config", "name"), NUMBERS)


def build(config, **changes):
    return config.from_dict(REQUIRED[config] | changes)


def refuse(config, **changes):
    with pytest.raises(ConfigError) as caught:
        build(config, **changes)
    assert caught.value.code is Code.BAD_SETTING
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "name", "meant"),
    [
        (TrainConfig, "epoch", "epochs"),
        (ModelConfig, "hiddensize", "hidden_size"),
        (DataConfig, "max_lenght", "max_length"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(config, name, meant):
    assert f"did you mean {meant}?" in refuse(config, **{name: 1})


@every_config
def test_a_name_like_no_other_is_refused(config):
    assert "no such setting" in refuse(config, qqqqq=1)


@pytest.mark.parametrize(("config", "name"), [(DataConfig, "kind"), (ModelConfig, "num_classes")])
def test_a_missing_setting_is_named(config, name):
    values = {key: value for key, value in REQUIRED[config].items() if key != name}
    with pytest.raises(ConfigError, match=name) as caught:
        config.from_dict(values)
    assert caught.value.code is Code.BAD_SETTING


@every_number
@pytest.mark.parametrize("value", [True, False, math.nan, -math.inf, "1", [1], None])
def test_a_number_must_be_a_number(config, name, value):
    assert f"{name} is {value!r}" in refuse(config, **{name: value})


@pytest.mark.parametrize(
    ("config", "name"), [case for case in NUMBERS if case != (ModelConfig, "num_channels")]
)
def test_no_setting_is_below_zero(config, name):
    refuse(config, **{name: -1})


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        (TrainConfig, "epochs", 2.0),
        (TrainConfig, "device", "tpu"),
        (TrainConfig, "refit", 1),
        (TrainConfig, "class_weight", "heavy"),
        (TrainConfig, "class_weight", {"a": "1"}),
        (TrainConfig, "class_weight", {"a": True}),
        (TrainConfig, "class_weight", {1: 1.0}),
        (TrainConfig, "class_weight", {"a": -1}),
        (ModelConfig, "bidirectional", 1),
        (ModelConfig, "encoder", "LSTM"),
        (ModelConfig, "pooling", "last+min"),
        (ModelConfig, "pooling", ""),
        (DataConfig, "kind", "music"),
        (DataConfig, "tokens", None),
        (DataConfig, "case", "yes"),
        (DataConfig, "sequence_column", 3),
        (DataConfig, "max_length", 1.5),
    ],
)
def test_a_value_of_another_kind_is_refused(config, name, value):
    assert f"--{name.replace('_', '-')}" in refuse(config, **{name: value})


@pytest.mark.parametrize(
    ("config", "name", "inside", "outside"),
    [
        (DataConfig, "kmer", (1, 6), (0, 7)),
        (DataConfig, "max_length", (1,), (0,)),
        (DataConfig, "min_count", (1,), (0,)),
        (ModelConfig, "num_classes", (2,), (1,)),
        (ModelConfig, "num_positions", (0,), (-1,)),
        (ModelConfig, "hidden_size", (1,), (0,)),
        (ModelConfig, "kernel_size", (0, 1, 9), (2, -1, 101)),
        (ModelConfig, "stride", (1, 2, 64), (0, 3, -4, 128)),
        (ModelConfig, "dropout", (0, 0.95), (-0.01, 0.96, 1)),
        (TrainConfig, "epochs", (1,), (0,)),
        (TrainConfig, "seed", (0, 2**63 - 1), (-1, 2**63)),
        (TrainConfig, "learning_rate", (1e-6, 10), (0, 10.5)),
        (TrainConfig, "warmup_fraction", (0, 1), (-0.1, 1.1)),
        (TrainConfig, "weight_decay", (0,), (-0.1,)),
        (TrainConfig, "clip_norm", (0.1,), (0,)),
        (TrainConfig, "label_smoothing", (0, 0.9), (-0.1, 1)),
        (TrainConfig, "valid_fraction", (0.1, 0.9), (0, 0.95)),
    ],
)
def test_ranges(config, name, inside, outside):
    for value in inside:
        assert getattr(build(config, **{name: value}), name) == value
    for value in outside:
        refuse(config, **{name: value})


@pytest.mark.parametrize("sizes", [(0, 0), (5, 3)])
def test_a_model_has_either_tokens_or_channels(sizes):
    refuse(ModelConfig, vocab_size=sizes[0], num_channels=sizes[1])


def test_a_convolution_is_for_tokens():
    refuse(ModelConfig, vocab_size=0, num_channels=3, kernel_size=3)


def test_poolings_are_joined_by_plus():
    assert build(ModelConfig, pooling="last+attention").pooling == "last+attention"


@every_config
def test_settings_survive_json(config):
    changes = {
        DataConfig: {"max_length": 7, "label_column": "ä"},
        ModelConfig: {"dropout": 0.125, "encoder": "gru"},
        TrainConfig: {"class_weight": {"spam": 3.0}, "learning_rate": 1, "seed": 2**63 - 1},
    }[config]
    settings = build(config, **changes)
    text = json.dumps(settings.to_dict(), allow_nan=False)
    assert config.from_dict(json.loads(text)) == settings
    assert settings.to_dict().keys() == {field.name for field in fields(config)}


@every_config
def test_settings_do_not_change(config):
    settings = build(config)
    with pytest.raises(FrozenInstanceError):
        setattr(settings, fields(config)[0].name, 1)


@every_config
def test_the_constructor_checks_as_well(config):
    with pytest.raises(ConfigError):
        config(**REQUIRED[config] | {fields(config)[0].name: object()})


@pytest.mark.parametrize("name", ["clip_norm", "weight_decay"])
def test_no_setting_is_infinite(name):
    refuse(TrainConfig, **{name: math.inf})


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_weights_of_classes_are_finite(weight):
    refuse(TrainConfig, class_weight={"a": 1.0, "b": weight})


@pytest.mark.parametrize("sizes", [(-5, 3), (5, -3)])
def test_tokens_and_channels_are_not_negative(sizes):
    refuse(ModelConfig, vocab_size=sizes[0], num_channels=sizes[1])


def test_a_long_value_is_cut_in_the_message():
    assert len(refuse(TrainConfig, device="x" * 10_000)) < 300


@pytest.mark.parametrize("encoder", ["convolution", "residual", "transformer"])
def test_encoders_that_see_both_sides_have_no_direction(encoder):
    message = refuse(ModelConfig, encoder=encoder, bidirectional=False)
    assert "bidirectional is False - true, or rnn, lstm, gru, mingru" in message
    assert build(ModelConfig, encoder=encoder).bidirectional


def test_the_heads_of_a_transformer_have_pairs_of_features():
    assert "an even number" in refuse(ModelConfig, encoder="transformer", hidden_size=7)
    assert build(ModelConfig, encoder="transformer", hidden_size=6).hidden_size == 6
    assert build(ModelConfig, encoder="lstm", hidden_size=7).hidden_size == 7
