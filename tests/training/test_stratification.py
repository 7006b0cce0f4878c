from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.errors import Code, DataError
from seqwise.training.split import check_classes, split
from tests.training.examples import labelled, labels_of


def part(pairs, fraction=0.2, seed=0):
    return split(labelled(pairs), valid_fraction=fraction, seed=seed)


def counts_of(data):
    return Counter(label for labels in labels_of(data) for label in labels)


def many(num_records=600, seed=0):
    random = np.random.default_rng(seed)
    chances = {"common": 0.6, "usual": 0.2, "rare": 0.03, "rarer": 0.01}
    return [
        (f"text {number}", tuple(name for name, p in chances.items() if random.random() < p))
        for number in range(num_records)
    ]


def test_each_label_has_its_share_in_both_parts():
    train, valid = part(many())
    held, left = counts_of(valid), counts_of(train)
    assert len(valid) == pytest.approx(120, abs=6)
    for label in ("common", "usual", "rare", "rarer"):
        assert held[label] / (held[label] + left[label]) == pytest.approx(0.2, abs=0.09)
    without = sum(not labels for labels in labels_of(valid))
    assert without / (without + sum(not labels for labels in labels_of(train))) == pytest.approx(
        0.2, abs=0.05
    )


def test_a_label_of_two_records_stands_in_both_parts():
    pairs = [(f"x {number}", ("a",)) for number in range(60)]
    train, valid = part([*pairs, ("y", ("a", "rare")), ("z", ("rare",))], fraction=0.1)
    assert counts_of(train)["rare"] == counts_of(valid)["rare"] == 1


def test_a_label_of_one_record_is_learned_from():
    pairs = [(f"x {number}", ("a",) * (number % 2)) for number in range(40)]
    train, valid = part([*pairs, ("y", ("a", "only"))], fraction=0.5)
    assert counts_of(train)["only"] == 1
    assert counts_of(valid)["only"] == 0


@settings(max_examples=60)
@given(st.data())
def test_no_label_is_lost_to_learning_and_equal_sequences_stay_together(data):
    sets = st.sets(st.sampled_from("abcd")).map(lambda each: tuple(sorted(each)))
    texts = st.integers(0, 12).map(lambda number: f"t {number}")
    pairs = data.draw(st.lists(st.tuples(texts, sets), min_size=4, max_size=30))
    pairs += [("always", ("a",)), ("never", ())]
    train, valid = part(pairs, fraction=data.draw(st.sampled_from([0.1, 0.3, 0.7])))
    assert len(train) + len(valid) == len(pairs)
    assert len(valid) > 0
    assert counts_of(train).keys() >= counts_of(valid).keys()
    assert not set(train.sequences()) & set(valid.sequences())


def test_the_split_is_that_of_the_seed():
    texts = [list(part(many(), seed=seed)[1].sequences()) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("sets", "found"), [([(), ()], "no record with a label"), ([("a", "b")] * 3, "the same labels")]
)
def test_nothing_to_tell_apart(sets, found):
    data = labelled([(f"x {number}", each) for number, each in enumerate(sets)])
    with pytest.raises(DataError, match=found) as caught:
        check_classes(data, fewest=2, skip_bad=True)
    assert caught.value.code is Code.ONE_CLASS


def test_rare_labels_are_fine():
    data = labelled([("x", ("a",)), ("y", ("b",)), ("z", ())])
    assert check_classes(data, fewest=2, skip_bad=False) is data


def test_one_label_and_sets_of_labels_in_one_file():
    with pytest.raises(DataError, match=r"record 2\): one label - a list of labels") as caught:
        labelled([("x", ("a",)), ("y", "b"), ("z", ())])
    assert caught.value.code is Code.WRONG_TYPE
    assert len(labelled([("x", "a"), ("y", ("b",)), ("z", "c")], skip_bad=True)) == 2
