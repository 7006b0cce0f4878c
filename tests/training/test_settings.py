import math

import numpy as np
import pytest

from seqwise.config import LEAST_WITH_PIECES, DataConfig, TrainConfig
from seqwise.data.codecs import build_codec
from seqwise.data.kinds import Kind
from seqwise.errors import Code, ConfigError
from seqwise.training import settings
from seqwise.training.settings import (
    MANY_WORDS,
    Wishes,
    choose_data,
    choose_model,
    choose_stride,
    choose_training,
    describe_shape,
    price_of_steps,
)

NAMES = ["Adsit", "Ajdrna", "de Groot", "Smith"]
WORDS, DNA = DataConfig(kind="text"), DataConfig(kind="dna")
SENTENCES = ["a sentence of words", "another one"]


def fitted(kind="text", sequences=SENTENCES):
    return build_codec(choose_data(Kind(kind), sequences, Wishes())).fit(sequences)


def model(codec=None, *, common_length=None, num_tokens=0, stride=1, spread=0.0, **wishes):
    return choose_model(
        codec or fitted(),
        wishes.get("encoder", "lstm"),
        num_classes=3,
        common_length=common_length,
        num_tokens=num_tokens,
        stride=stride,
        spread=spread,
        wishes=Wishes(model=wishes),
    )


def test_wishes_go_to_the_configuration_that_knows_them():
    wishes = Wishes.sorted(
        {"kmer": 4, "hidden_size": 9, "epochs": 2, "seed": None, "vocab_size": 50}
    )
    assert wishes == Wishes({"kmer": 4, "vocab_size": 50}, {"hidden_size": 9}, {"epochs": 2})


def test_a_wish_that_nobody_knows():
    with pytest.raises(ConfigError, match="hidden") as caught:
        Wishes.sorted({"hidden": 9})
    assert caught.value.code is Code.BAD_SETTING


def test_three_words_in_a_row_are_counted_where_there_are_many():
    assert model(num_tokens=MANY_WORDS - 1).ngrams == 2
    assert model(num_tokens=MANY_WORDS).ngrams == 3
    assert model(fitted(sequences=NAMES), num_tokens=MANY_WORDS).ngrams == 4
    assert model(num_tokens=MANY_WORDS, ngrams=1).ngrams == 1


def test_no_configuration_takes_a_setting_that_it_does_not_have():
    unknown = Wishes({"hidden": 1}, {"hidden": 1}, {"hidden": 1})
    for choose in (
        lambda: choose_data(Kind.TEXT, SENTENCES, unknown),
        lambda: model(hidden=1),
        lambda: training_of(100, hidden=1),
    ):
        with pytest.raises(ConfigError, match="hidden"):
            choose()


def test_names_are_read_by_the_character_with_their_case():
    data = choose_data(Kind.TEXT, NAMES, Wishes())
    assert (data.tokens, data.case) == ("characters", "keep")


def test_sentences_are_read_by_the_word():
    data = choose_data(Kind.TEXT, SENTENCES, Wishes())
    assert (data.tokens, data.case) == ("words", "mark")


def test_words_seen_once_are_read_in_pieces_where_there_is_room_for_these():
    def least(**settings):
        return choose_data(Kind.TEXT, SENTENCES, Wishes(data=settings)).min_count

    assert (least(), least(vocab_size=LEAST_WITH_PIECES)) == (2, 2)
    assert (least(vocab_size=LEAST_WITH_PIECES - 1), least(tokens="bpe")) == (1, 1)
    assert least(min_count=3) == 3
    assert choose_data(Kind.TEXT, NAMES, Wishes()).min_count == 1


def test_capitals_are_marked_among_words_only():
    data = choose_data(Kind.TEXT, SENTENCES, Wishes(data={"tokens": "bpe"}))
    assert (data.tokens, data.case) == ("bpe", "drop")


def test_what_the_user_says_of_the_data_is_done():
    wishes = Wishes(data={"tokens": "bytes", "case": "mark", "max_length": 7})
    data = choose_data(Kind.TEXT, NAMES, wishes)
    assert (data.tokens, data.case, data.max_length) == ("bytes", "mark", 7)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (Kind.SERIES, {"kmer": 3}),
        (Kind.TEXT, {"kmer": 3}),
        (Kind.DNA, {"tokens": "bpe"}),
        (Kind.EVENTS, {"case": "keep"}),
        (Kind.PROTEIN, {"min_count": 2}),
        (Kind.SERIES, {"vocab_size": 50}),
        (Kind.SERIES, {"token_dropout": 0.1}),
        (Kind.TEXT, {"jitter": 0.1}),
        (Kind.DNA, {"scaling": 0.1}),
        (Kind.PROTEIN, {"mutation": 0.1}),
        (Kind.EVENTS, {"strand_flip": 0.5}),
    ],
)
def test_a_setting_without_effect_is_refused(kind, setting):
    with pytest.raises(ConfigError, match=f"and these are {kind} - change --"):
        choose_data(kind, NAMES, Wishes.sorted(setting))


@pytest.mark.parametrize("kind", Kind)
def test_what_a_model_was_made_with_may_be_said_again(kind):
    """As `SequenceClassifier.load` does."""
    data = choose_data(kind, NAMES, Wishes())
    spoken = {name: value for name, value in data.to_dict().items() if name != "kind"}
    assert choose_data(kind, NAMES, Wishes(data=spoken)) == data


@pytest.mark.parametrize("kind", Kind)
def test_the_kind_is_kept(kind):
    assert choose_data(kind, NAMES, Wishes()).kind == kind


def test_the_model_fits_its_codec():
    codec = fitted()
    shape = model(codec)
    assert (shape.num_classes, shape.vocab_size, shape.num_channels) == (3, codec.vocab_size, 0)


def test_sequences_of_one_length_have_positions():
    assert model(common_length=60).num_positions == 60
    assert model(common_length=None).num_positions == 0


def test_sequences_too_long_for_positions_have_none():
    assert model(common_length=settings.MAX_POSITIONS).num_positions == settings.MAX_POSITIONS
    assert model(common_length=settings.MAX_POSITIONS + 1).num_positions == 0


@pytest.mark.parametrize(
    ("kind", "kmer", "convolved"),
    [("dna", 1, True), ("protein", 1, True), ("dna", 3, False), ("text", 1, False)],
)
def test_single_letters_of_dna_and_protein_are_read_in_motifs(kind, kmer, convolved):
    codec = build_codec(choose_data(Kind(kind), ["ACCA"], Wishes({"kmer": kmer}))).fit(["ACCA"])
    assert bool(model(codec).kernel_size) == convolved
    assert model(codec, kernel_size=0).kernel_size == 0


def test_series_of_very_different_loudness_are_seen_by_their_own_scale():
    series = [np.zeros((3, 2)), np.ones((4, 2))]
    codec = fitted("series", series)
    assert [model(codec, spread=spread).own_scale for spread in (0.1, 3.0)] == [False, True]
    assert not model(codec, spread=3.0, own_scale=False).own_scale
    assert model(codec, own_scale=True).own_scale


@pytest.mark.parametrize(
    ("kind", "lengths", "stride"),
    [
        ("series", [1, 399, 10_000], 1),
        ("series", [400, 400], 2),
        ("series", [10, 3_400, 4_096], 16),
        ("series", [10**6], 64),
        ("text", [5_000], 1),
        ("events", [5_000], 1),
    ],
)
def test_long_series_have_steps_joined_until_few_are_left(kind, lengths, stride):
    assert choose_stride(kind, np.array(lengths), Wishes()) == stride
    assert choose_stride(kind, np.array(lengths), Wishes(model={"stride": 4})) == 4


def test_steps_that_are_joined_are_cheap():
    assert price_of_steps(1) == 1
    assert 1 / 16 < price_of_steps(16) < price_of_steps(4) < 1


def test_positions_are_those_of_joined_steps():
    assert model(common_length=2_049, stride=4).num_positions == 513
    assert model(common_length=3, stride=4).num_positions == 1


def test_tokens_have_no_scale():
    with pytest.raises(ConfigError, match="only a series has a scale"):
        model(own_scale=True)
    assert Wishes.sorted({"own_scale": True}).model == {"own_scale": True}


def test_what_the_user_says_of_the_model_is_done():
    shape = model(common_length=60, num_positions=0, encoder="rnn", pooling="mean")
    assert (shape.num_positions, shape.encoder, shape.pooling) == (0, "rnn", "mean")


def training_of(num_records, num_steps=1, data=WORDS, *, multilabel=False, **wishes):
    return choose_training(
        data,
        num_records=num_records,
        num_steps=num_steps,
        refits=False,
        multilabel=multilabel,
        wishes=Wishes(train=wishes),
    )


def epochs_of(num_records, num_steps=1, **wishes):
    return training_of(num_records, num_steps, **wishes).epochs


def test_small_files_are_read_more_often():
    few, many = settings.EPOCHS_RANGE
    epochs = [epochs_of(10), epochs_of(9_600, batch_size=32), epochs_of(10_000_000)]
    assert epochs == [many, math.ceil(settings.ENOUGH_UPDATES / 300), few]


@pytest.mark.parametrize(
    ("num_records", "batch_size"),
    [(1, 4), (95, 4), (96, 8), (383, 16), (384, 32), (10_000_000, 32)],
)
def test_small_files_are_read_in_small_batches(num_records, batch_size):
    assert training_of(num_records).batch_size == batch_size
    assert training_of(num_records, batch_size=7).batch_size == 7


@pytest.mark.parametrize(
    ("num_records", "fraction"), [(2, 0.25), (200, 0.25), (270, 0.185), (500, 0.1), (10**7, 0.1)]
)
def test_of_small_files_more_is_held_out(num_records, fraction):
    assert settings.choose_valid_fraction(num_records, Wishes()) == fraction
    wishes = Wishes(train={"valid_fraction": 0.5})
    assert settings.choose_valid_fraction(num_records, wishes) == 0.5


def test_larger_batches_need_more_epochs():
    assert epochs_of(9_600, batch_size=32) < epochs_of(9_600, batch_size=64)


def test_shares_of_the_records_are_read_more_often():
    many = settings.EPOCHS_RANGE[1]
    assert epochs_of(9_600, batch_size=32, epoch_share=0.5) == 2 * epochs_of(9_600, batch_size=32)
    assert epochs_of(9_600, batch_size=32, epoch_share=0.01) == many


def test_long_sequences_are_read_less_often():
    few, many = settings.EPOCHS_RANGE
    middle = (few + many) // 2
    assert epochs_of(10, settings.MOST_STEPS // middle) == middle
    assert epochs_of(10, settings.MOST_STEPS) == few


def test_what_the_user_says_of_training_is_done():
    config = training_of(10, 10, DNA, epochs=3, learning_rate=0.5, token_dropout=0.0)
    assert (config.epochs, config.learning_rate, config.token_dropout) == (3, 0.5, 0.0)
    assert training_of(10, 10, seed=5).seed == 5


def test_weights_of_the_classes_are_chosen_where_a_record_bears_one_label():
    assert training_of(10, class_weight="auto").class_weight == "auto"
    with pytest.raises(ConfigError, match="class_weight is 'auto' - none, balanced or a table"):
        training_of(10, multilabel=True, class_weight="auto")
    assert training_of(10, multilabel=True, class_weight="balanced").class_weight == "balanced"


def test_a_refit_is_for_small_files_of_which_a_part_is_held_out():
    def choose(num_records, holds_out=True, **wishes):
        return settings.choose_refit(num_records, holds_out=holds_out, wishes=Wishes(train=wishes))

    most = settings.MOST_REFITTED
    assert choose(most)
    assert not choose(most + 1)
    assert not choose(most, holds_out=False)
    assert choose(most + 1, refit=True)
    assert not choose(most, refit=False)


@pytest.mark.parametrize("tokens", ["words", "characters", "bytes", "bpe"])
def test_more_letters_than_words_are_dropped(tokens):
    share = training_of(10, data=DataConfig(kind="text", tokens=tokens)).token_dropout
    letters = training_of(10, data=DNA).token_dropout
    assert share == (letters if tokens in ("characters", "bytes") else TrainConfig().token_dropout)
    assert letters > TrainConfig().token_dropout
    assert training_of(10, data=DataConfig(kind="events")).token_dropout < letters


def test_other_encoders_are_given_what_suits_them():
    shape = model(encoder="transformer")
    assert (shape.num_layers, shape.pooling) == (
        settings.SHAPES["transformer"]["num_layers"],
        settings.SHAPES["transformer"]["pooling"],
    )
    assert model(encoder="convolution").pooling == "max"
    for data in (WORDS, DNA):
        config = training_of(10, data=data)
        chosen = settings.choose_rate(config, "transformer", Wishes())
        assert chosen.learning_rate == settings.RATES["transformer"]
        assert settings.choose_rate(config, "lstm", Wishes()) == config


def test_what_the_user_says_comes_before_what_suits_an_encoder():
    shape = model(encoder="residual", num_layers=3, pooling="mean")
    assert (shape.num_layers, shape.pooling) == (3, "mean")
    wishes = Wishes(model={"encoder": "transformer"}, train={"learning_rate": 0.5})
    config = choose_training(WORDS, num_records=9, num_steps=9, refits=True, wishes=wishes)
    assert settings.choose_rate(config, "transformer", wishes).learning_rate == 0.5


def test_the_default_is_an_lstm_as_ever():
    assert model() == model(encoder="lstm")
    assert (model().encoder, model().pooling, model().num_layers) == ("lstm", "last+max+mean", 1)
    assert training_of(10).learning_rate == TrainConfig().learning_rate == 2e-3


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ("mingru", "mingru (2 layers of 8, both directions), pooling mean"),
        ("convolution", "convolution (2 layers of 8 for each width), pooling mean"),
        ("residual", "residual (2 layers of 8), pooling mean"),
        ("transformer", "transformer (2 layers of 8), pooling mean"),
    ],
)
def test_the_shapes_of_other_encoders_in_words(encoder, words):
    shape = model(encoder=encoder, hidden_size=8, num_layers=2, pooling="mean")
    assert describe_shape(shape) == words


def test_a_shape_in_words():
    shape = model(
        encoder="gru",
        hidden_size=7,
        num_layers=2,
        bidirectional=False,
        num_positions=5,
        pooling="last+max",
    )
    assert (
        describe_shape(shape) == "gru (2 layers of 7, one direction, 5 positions), pooling last+max"
    )
    assert "1 layer of" in describe_shape(model(num_layers=1))


@pytest.mark.parametrize("name", ["num_classes", "num_channels", "kind"])
def test_what_follows_from_the_data_is_no_wish(name):
    with pytest.raises(ConfigError):
        Wishes.sorted({name: 7})


def test_a_wish_that_nobody_knows_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="epochs"):
        Wishes.sorted({"epoch": 3})


def test_a_linear_model_stands_beside_unless_an_encoder_is_named():
    def linear(**wished):
        wishes = Wishes.sorted(wished)
        config = choose_training(WORDS, num_records=9, num_steps=9, refits=True, wishes=wishes)
        return config.linear

    assert linear()
    assert linear(encoder="auto")
    assert not linear(encoder="lstm")
    assert linear(encoder="lstm", linear=True)
    assert not linear(linear=False)


def test_sizes_of_the_linear_model_are_no_wishes():
    for name in ("num_ngrams", "num_dilations", "num_thresholds"):
        with pytest.raises(ConfigError, match=r"no such setting|did you mean"):
            Wishes.sorted({name: 3})


def test_only_dna_has_another_strand():
    for kind, kmer in ((Kind.TEXT, 1), (Kind.PROTEIN, 1), (Kind.DNA, 4)):
        data = {"kmer": kmer} if kmer > 1 else {}
        codec = build_codec(choose_data(kind, ["ACGT"], Wishes(data))).fit(["ACGT"])
        with pytest.raises(ConfigError, match="only DNA has another strand"):
            model(codec, both_strands=True)
    codec = build_codec(choose_data(Kind.DNA, ["ACGT"], Wishes())).fit(["ACGT"])
    shape = model(codec, both_strands=True)
    assert shape.both_strands
    assert "both strands" in describe_shape(shape)
    assert not model(codec).both_strands


def test_a_setting_without_effect_is_refused_for_a_store_too():
    series = DataConfig(kind="series")
    with pytest.raises(ConfigError, match="and these are series - change --token-dropout"):
        training_of(10, data=series, token_dropout=0.1)
    assert training_of(10, data=series, token_dropout=0.0, mutation=0.0).token_dropout == 0
    assert training_of(10, data=series).token_dropout == 0


def test_windows_of_letters_cannot_show_some_changes():
    def choose(kmer, **train):
        return training_of(10, data=DataConfig(kind="dna", kmer=kmer), **train)

    with pytest.raises(ConfigError, match="single letters"):
        choose(3, mutation=0.1)
    with pytest.raises(ConfigError, match="odd number of letters"):
        choose(4, strand_flip=0.5)
    assert choose(1, mutation=0.1).mutation == 0.1
    assert choose(3, strand_flip=0.5).strand_flip == 0.5
    assert choose(4, strand_flip=0.0).strand_flip == 0


def test_who_reads_both_strands_reads_none_at_random():
    wishes = Wishes(model={"both_strands": True}, train={"strand_flip": 0.5})
    with pytest.raises(ConfigError, match="0 with --both-strands"):
        choose_training(DNA, num_records=10, num_steps=1, refits=False, wishes=wishes)


@pytest.mark.parametrize("kind", Kind)
def test_what_a_training_was_made_with_may_be_said_again(kind):
    config = training_of(10, data=DataConfig(kind=str(kind)))
    assert training_of(10, data=DataConfig(kind=str(kind)), **config.to_dict()) == config
