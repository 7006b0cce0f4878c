import numpy as np
import pytest

from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.training.equality import Equality
from seqwise.training.gathering import gather
from seqwise.training.settings import Wishes
from seqwise.training.split import split


def are_equal(kind, first, second, **settings):
    equality = Equality.of(kind, Wishes.sorted(settings))
    return equality.mark(first) == equality.mark(second)


@pytest.mark.parametrize(
    ("kind", "first", "second", "settings"),
    [
        (Kind.TEXT, "a  b ", "a b", {}),
        (Kind.TEXT, "A b", "a B", {"case": "drop"}),
        (Kind.TEXT, "A b", "a B", {"tokens": "characters"}),
        (Kind.TEXT, "a b c", "a b d", {"max_length": 2}),
        (Kind.TEXT, "abc", "abd", {"tokens": "characters", "max_length": 2}),
        (Kind.EVENTS, "a b c", ["a", "b", "d"], {"max_length": 2}),
        (Kind.PROTEIN, "MKTW", "MKTA", {"max_length": 2}),
        (Kind.DNA, "AACGN", "ncguu", {"both_strands": True}),
        (Kind.DNA, "A.CG", "CG-T", {"strand_flip": 0.5}),
        (Kind.SERIES, np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]), {"max_length": 1}),
    ],
)
def test_what_a_model_cannot_tell_apart_is_equal(kind, first, second, settings):
    assert are_equal(kind, first, second, **settings)
    assert not are_equal(kind, first, second, tokens="characters", case="keep")


@pytest.mark.parametrize(
    ("kind", "first", "second", "settings"),
    [
        (Kind.TEXT, "A b", "a b", {}),
        (Kind.TEXT, "a  b", "a b", {"tokens": "characters"}),
        (Kind.TEXT, "ab", "ac", {"tokens": "bpe", "max_length": 1}),
        (Kind.DNA, "ACGTA", "ACGTC", {"kmer": 3, "max_length": 4}),
        (Kind.DNA, "AACG", "CGTT", {"max_length": 9}),
        (Kind.PROTEIN, "AC", "GT", {"both_strands": True}),
    ],
)
def test_what_it_may_tell_apart_is_not(kind, first, second, settings):
    assert not are_equal(kind, first, second, **settings)


def test_nothing_said_is_what_the_fingerprint_says():
    for kind, sequence in ((Kind.DNA, "ACGU"), (Kind.EVENTS, "a b"), (Kind.PROTEIN, "MK")):
        assert Equality(kind).mark(sequence) == fingerprint(sequence, kind)


def test_variants_are_held_out_together():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefgh"), 9)) for _ in range(60)]
    pairs = [(text, "ab"[number % 2]) for number, text in enumerate(texts)]
    pairs += [(text.replace(" ", "  ", 1), label) for text, label in pairs]
    records = [Record(*pair, number) for number, pair in enumerate(pairs, start=1)]
    equality = Equality.of(Kind.TEXT, Wishes())
    data = gather(lambda: records, equality, skip_bad=False)
    sides = split(data, valid_fraction=0.3, seed=0)
    first, second = ({" ".join(text.split()) for text in side.sequences()} for side in sides)
    assert second
    assert not first & second
