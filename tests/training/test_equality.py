import numpy as np
import pytest

from seqwise import SequenceClassifier
from seqwise.artifact import load_artifact
from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.training import preparation
from seqwise.training.equality import Equality
from seqwise.training.gathering import digest, gather
from seqwise.training.preparation import prepare
from seqwise.training.pretraining import PretrainingRun
from seqwise.training.settings import Wishes
from seqwise.training.split import split
from seqwise.training.unlabelled import prepare_unlabelled, unlabelled
from tests.cli.conftest import run, write_csv

SENTENCES = ["one two three", "four five six"]  # that say how other text is read


def records_of(pairs):
    return [Record(*pair, number) for number, pair in enumerate(pairs, start=1)]


def are_equal(kind, first, second, others=(), **settings):
    records = records_of([(each, "a") for each in (*others, first, second)])
    equality = Equality.of(lambda: records, kind, Wishes.sorted(settings))
    return np.array_equal(equality.seen(first), equality.seen(second))


@pytest.mark.parametrize(
    ("kind", "first", "second", "settings"),
    [
        (Kind.TEXT, "a  b ", "a b", {}),
        (Kind.TEXT, "well , b", "well, b", {}),
        (Kind.TEXT, "caf\u00e9 b", "cafe\u0301 b", {}),
        (Kind.TEXT, "A b", "a B", {"case": "drop"}),
        (Kind.TEXT, "A b", "a B", {"tokens": "characters"}),
        (Kind.TEXT, "a b c", "a b d", {"max_length": 2}),
        (Kind.TEXT, "a bc", "a bd", {"tokens": "characters", "max_length": 3}),
        (Kind.EVENTS, "a b c", ["a", "b", "d"], {"max_length": 2}),
        (Kind.PROTEIN, "MKT", "MKA", {"max_length": 2}),
        (Kind.DNA, "ACGTA", "ACGTC", {"max_length": 4}),
        (Kind.DNA, "ACGTAA", "ACGTAC", {"kmer": 3, "max_length": 4}),
        (Kind.DNA, "AACGN", "ncguu", {"both_strands": True}),
        (Kind.DNA, "A.CG", "CG-T", {"strand_flip": 0.5}),
        (Kind.SERIES, np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]), {"max_length": 1}),
    ],
)
def test_what_a_model_cannot_tell_apart_is_equal(kind, first, second, settings):
    others = SENTENCES if kind is Kind.TEXT else ()
    assert are_equal(kind, first, second, others, **settings)
    exact = {"tokens": "characters", "case": "keep"} if kind is Kind.TEXT else {}
    if "\u0301" not in str(second):  # the composed letter is the same in any case
        assert not are_equal(kind, first, second, others, **exact)


@pytest.mark.parametrize(
    ("kind", "first", "second", "settings"),
    [
        (Kind.TEXT, "A b", "a b", {}),
        (Kind.TEXT, "a  b", "a b", {"tokens": "characters"}),
        (Kind.TEXT, "Smith", "smith", {}),  # a name is read by its letters
        (Kind.TEXT, "ab c", "ac c", {"tokens": "bpe", "max_length": 1}),
        (Kind.DNA, "ACGTA", "ACGTC", {"kmer": 3, "max_length": 4}),
        (Kind.DNA, "AACG", "CGTT", {"max_length": 9}),
    ],
)
def test_what_it_may_tell_apart_is_not(kind, first, second, settings):
    assert not are_equal(kind, first, second, **settings)


def test_names_are_cut_by_the_letter():
    assert are_equal(Kind.TEXT, "Smithson", "Smithers", max_length=5)
    assert not are_equal(Kind.TEXT, "Smithson", "Smithers", max_length=6)


def test_the_same_sequence_is_given_where_nothing_is_hidden():
    series = np.ones((3, 2))
    for kind, each in ((Kind.DNA, "ACGU"), (Kind.EVENTS, "a b"), (Kind.SERIES, series)):
        assert (
            Equality.of(lambda each=each: records_of([(each, "a")]), kind, Wishes()).seen(each)
            is each
        )


def variants(number=30, seed=0):
    """Texts, and each once more with a doubled blank."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(list("abcdefgh"), 9)) for _ in range(number)]
    pairs = [(text, "ab"[n % 2]) for n, text in enumerate(texts)]
    return pairs + [(text.replace(" ", "  ", 1), label) for text, label in pairs]


def shared(sides):
    """How many are on both sides but for white space; there are some on either."""
    first, second = ({" ".join(text.split()) for text in side.sequences()} for side in sides)
    assert first
    assert second
    return len(first & second)


def test_variants_are_held_out_together():
    records = records_of(variants())
    data = gather(lambda: records, Kind.TEXT, skip_bad=False)
    assert shared(split(data, valid_fraction=0.3, seed=0)) == 0


def test_a_digest_tells_equal_sequences_apart():
    one, other = (
        digest([gather(lambda text=text: records_of([(text, "a")]), Kind.TEXT, skip_bad=False)])
        for text in ("a b", "a  b")
    )
    assert one != other


@pytest.fixture
def sides(monkeypatch):
    """The parts of each split."""
    found = []

    def watch(*arguments, **settings):
        found.append(split(*arguments, **settings))
        return found[-1]

    monkeypatch.setattr(preparation, "split", watch)
    return found


SMALL = ("--epochs", "1", "--hidden-size", "4", "--embedding-dim", "4", "--no-linear")


def test_every_face_says_what_the_user_has_said(tmp_path, monkeypatch, sides):
    """Capitals alone tell these apart, and nobody reads them."""
    monkeypatch.chdir(tmp_path)
    pairs = [(text, label) for text, label in variants() if "  " not in text]
    pairs += [(text.title(), label) for text, label in pairs]
    file = write_csv("f.csv", pairs)
    assert run("train", file, "--out", "m", *SMALL, "--case", "drop").code == 0
    assert run("encode", file, "-o", "store", "--case", "drop").code == 0
    texts, labels = zip(*pairs, strict=True)
    settings = {"epochs": 1, "hidden_size": 4, "embedding_dim": 4, "linear": False, "case": "drop"}
    SequenceClassifier(**settings).fit(list(texts), list(labels))
    SequenceClassifier.load("m").fit(list(texts), list(labels))
    wishes = Wishes.sorted(settings)
    data = gather(unlabelled(lambda: records_of(pairs)), Kind.TEXT, skip_bad=False, wishes=wishes)
    begun = PretrainingRun(prepare_unlabelled(data, Kind.TEXT, wishes), wishes)
    list(begun)
    begun.pretrained().save("p")
    tuned = run("train", file, "--out", "t", "--epochs", "1", "--pretrained", "p", "--no-linear")
    assert tuned.code == 0, tuned
    assert load_artifact("t").data.case == "drop"
    assert len(sides) == 5
    for train, valid in sides:
        small = [{text.lower() for text in side.sequences()} for side in (train, valid)]
        assert all(small)
        assert not small[0] & small[1]


def test_a_store_of_both_strands_is_another_one():
    """The same records, of which others are held out."""
    records = records_of([("ACGT" * number, "ab"[number % 2]) for number in range(1, 13)])
    plans = []
    for settings in ({}, {"strand_flip": 0.5}):
        wishes = Wishes.sorted(settings)
        data = gather(lambda: records, Kind.DNA, skip_bad=False, wishes=wishes)
        plans.append(prepare(data, Kind.DNA, wishes).plan)
    assert plans[0].records == plans[1].records
    assert [plan.strands_are_one for plan in plans] == [False, True]
    assert plans[0] != plans[1]
