from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.errors import Code, DataError, Problem
from seqwise.training.gathering import gather
from seqwise.training.split import SPLIT, check_classes, count_equal, split
from tests.training.examples import labelled, labels_of


def texts_of(data):
    return list(data.sequences())


def refuse(call, code, **arguments):
    with pytest.raises(DataError) as caught:
        call(**arguments)
    assert caught.value.code is code
    return caught.value


# Classes


def test_classes_of_two_and_more_are_kept():
    data = labelled([("x", "a"), ("y", "b"), ("z", "a"), ("w", "b")])
    checked = check_classes(data, fewest=2, skip_bad=False)
    assert (texts_of(checked), labels_of(checked)) == (texts_of(data), labels_of(data))


@pytest.mark.parametrize("skip_bad", [False, True])
def test_one_class_is_refused(skip_bad):
    data = labelled([("x", "a"), ("y", "a")])
    error = refuse(check_classes, Code.ONE_CLASS, data=data, fewest=2, skip_bad=skip_bad)
    assert "'a'" in error.problem.found
    assert error.problem.path == "train.csv"


def test_classes_of_one_record_each():
    data = labelled([("x", "a"), ("y", "b")])
    error = refuse(check_classes, Code.ONE_CLASS, data=data, fewest=2, skip_bad=True)
    assert error.problem.found == "no class with more than one record"


def test_a_class_of_one_record_is_refused():
    data = labelled([("x", "a"), ("y", "a"), ("z", "b"), ("w", "c"), ("v", "b")])
    error = refuse(check_classes, Code.RARE_CLASS, data=data, fewest=2, skip_bad=False)
    assert "'c' has 1 record" in error.problem.found
    assert error.count == 1


def test_a_rare_class_that_may_be_several_labels_is_told_so():
    data = labelled([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("e", "x;y"), ("f", "z")])
    error = refuse(check_classes, Code.RARE_CLASS, data=data, fewest=2, skip_bad=False)
    assert "--label-separator" in error.problem.remedy
    assert "--label-separator" not in error.others[0].remedy


def test_a_class_of_one_record_is_dropped_and_listed():
    data = labelled([("x", "a"), ("w", "c"), ("y", "a"), ("z", "b"), ("v", "b")])
    checked = check_classes(data, fewest=2, skip_bad=True)
    assert texts_of(checked) == ["x", "y", "z", "v"]
    assert labels_of(checked) == ["a", "a", "b", "b"]
    assert [problem.code for problem in checked.dropped.listed] == [Code.RARE_CLASS]


def test_one_record_is_enough_where_none_is_held_out():
    data = labelled([("x", "a"), ("y", "b")])
    assert labels_of(check_classes(data, fewest=1, skip_bad=False)) == ["a", "b"]


def test_what_was_dropped_before_stays_listed():
    good = [(text, label) for label in "ab" for text in "xy"]
    problem = Problem(Code.EMPTY_SEQUENCE, "nothing", "something", "mend it")
    records = [Record(*pair, number) for number, pair in enumerate([*good, ("z", "c")], 1)]
    records.append(Record(None, "a", 6, problem=problem))
    data = gather(lambda: records, Kind.TEXT, skip_bad=True)
    checked = check_classes(data, fewest=2, skip_bad=True)
    assert [problem.code for problem in checked.dropped.listed] == [
        Code.EMPTY_SEQUENCE,
        Code.RARE_CLASS,
    ]


def test_dropping_may_leave_one_class():
    data = labelled([("x", "a"), ("y", "a"), ("z", "b")])
    refuse(check_classes, Code.ONE_CLASS, data=data, fewest=2, skip_bad=True)


# Splitting

# Each class has its own letters, so that no sequence has two labels.
own_letters = st.lists(
    st.sampled_from("ab").flatmap(
        lambda label: st.tuples(st.text(label, min_size=1, max_size=6), st.just(label))
    ),
    min_size=4,
    max_size=40,
)


def divide(pairs, *, fraction=0.2, seed=0, kind=Kind.TEXT):
    return split(labelled(pairs, kind), valid_fraction=fraction, seed=seed)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([("x", "a"), ("x", "a"), ("y", "b"), ("y", "b")], "each class consists of equal seq"),
        ([(text, label) for text in "xyz" for label in "ab"], "each sequence bears several labels"),
    ],
)
def test_nothing_can_be_held_out(pairs, told):
    with pytest.raises(DataError, match=told) as caught:
        divide(pairs)
    assert caught.value.code is Code.RARE_CLASS


@given(own_letters, st.integers(0, 3), st.sampled_from([0.01, 0.2, 0.5, 0.9]))
def test_equal_sequences_stand_on_one_side_and_each_class_is_trained(pairs, seed, fraction):
    if max(Counter(label for _, label in set(pairs)).values()) < 2:
        return  # each class consists of equal sequences
    train, valid = divide(pairs, fraction=fraction, seed=seed)
    assert not set(texts_of(train)) & set(texts_of(valid))
    assert set(labels_of(train)) == {label for _, label in pairs}
    assert len(labels_of(valid)) > 0
    everything = list(
        zip(texts_of(train) + texts_of(valid), labels_of(train) + labels_of(valid), strict=True)
    )
    assert sorted(everything) == sorted(pairs)


@given(st.lists(st.text("ACGTUacgtu", min_size=1, max_size=3), min_size=6, max_size=30))
def test_what_is_equal_depends_on_the_kind(sequences):
    pairs = [(sequence, "ab"[len(sequence) % 2]) for sequence in sequences]
    distinct = {(fingerprint(sequence, "dna"), label) for sequence, label in pairs}
    if max(Counter(label for _, label in distinct).values()) < 2:
        return
    train, valid = divide(pairs, kind=Kind.DNA)
    sides = [{fingerprint(each, "dna") for each in texts_of(part)} for part in (train, valid)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_each_class_gives_its_share(fraction):
    sizes = {"a": 200, "b": 100, "c": 20}
    pairs = [(f"{label}{number}", label) for label in sizes for number in range(sizes[label])]
    _, valid = divide(pairs, fraction=fraction)
    assert Counter(labels_of(valid)) == {label: round(sizes[label] * fraction) for label in sizes}


def test_the_split_is_a_function_of_the_seed():
    pairs = [(f"{label}{number}", label) for label in "ab" for number in range(50)]
    first, again, other = (texts_of(divide(pairs, seed=seed)[1]) for seed in (1, 1, 2))
    assert first == again != other


def test_both_parts_keep_the_order_of_the_file():
    pairs = [(f"{number:03}", "ab"[number % 2]) for number in range(50)]
    for part in divide(pairs):
        assert texts_of(part) == sorted(texts_of(part))


def test_the_smallest_file_that_can_be_split():
    train, valid = divide([("x", "a"), ("y", "a"), ("z", "b"), ("w", "b")], fraction=0.01)
    assert (len(labels_of(train)), len(labels_of(valid))) == (3, 1)


def test_classes_of_equal_sequences_cannot_be_split():
    error = refuse(divide, Code.RARE_CLASS, pairs=[("x", "a"), ("x", "a"), ("y", "b"), ("y", "b")])
    assert "--valid" in error.problem.remedy


@given(
    st.lists(st.tuples(st.text("xyz", min_size=1, max_size=2), st.sampled_from("ab")), max_size=20),
    st.integers(0, 3),
)
def test_each_class_is_trained_where_equal_sequences_have_two_labels(pairs, seed):
    pairs = [*pairs, ("only a", "a"), ("also a", "a")]
    train, valid = divide(pairs, fraction=0.5, seed=seed)
    assert set(labels_of(train)) == {label for _, label in pairs}
    assert not set(texts_of(train)) & set(texts_of(valid))


def test_no_class_gives_much_more_than_its_share():
    pairs = [("same", "a")] * 99 + [("other", "a")] + [(f"b{number}", "b") for number in range(100)]
    for seed in range(5):
        _, valid = divide(pairs, fraction=0.1, seed=seed)
        assert len(labels_of(valid)) <= 20


def test_many_small_classes_give_their_share_together():
    pairs = [(f"{label}-{number}", str(label)) for label in range(20) for number in range(4)]
    _, valid = divide(pairs, fraction=0.1)
    assert len(labels_of(valid)) >= 6


def plain_split(pairs, fraction, seed):
    """What `split` does, record by record: the texts that are held out."""
    members, groups = {}, {}
    for index, (text, _) in enumerate(pairs):
        members.setdefault(text, []).append(index)
    for group in members.values():
        labels = {pairs[index][1] for index in group}
        if len(labels) == 1:
            groups.setdefault(labels.pop(), []).append(group)
    random = np.random.default_rng([SPLIT, seed])
    exact = {
        label: count * fraction for label, count in Counter(label for _, label in pairs).items()
    }
    shares = {label: int(share) for label, share in exact.items()}
    missing = max(1, round(len(pairs) * fraction)) - sum(shares.values())
    ties = dict(zip(exact, random.random(len(exact)), strict=True))
    for label in sorted(exact, key=lambda each: (shares[each] - exact[each], ties[each]))[
        : max(missing, 0)
    ]:
        shares[label] += 1
    held_out = []
    for label, own in groups.items():
        stays = len(own)
        for position in random.permutation(len(own)).tolist():
            if len(own[position]) <= shares[label] and stays > 1:
                held_out += own[position]
                shares[label] -= len(own[position])
                stays -= 1
    if not held_out:
        held_out = min((each for own in groups.values() if len(own) > 1 for each in own), key=len)
    return [pairs[index][0] for index in sorted(held_out)]


@given(
    st.lists(
        st.tuples(st.text("xyz", min_size=1, max_size=3), st.sampled_from("bca")), max_size=40
    ),
    st.integers(0, 3),
    st.sampled_from([0.01, 0.2, 0.5, 0.9]),
)
def test_a_split_is_that_of_plain_loops(pairs, seed, fraction):
    pairs = [*pairs, ("only a", "a"), ("also a", "a"), ("only b", "b")]
    assert texts_of(divide(pairs, fraction=fraction, seed=seed)[1]) == plain_split(
        pairs, fraction, seed
    )


def test_validation_records_among_the_training_records_are_counted():
    train = labelled([("x", "a"), ("y", "b"), ("x", "a")])
    valid = labelled([("x", "b"), ("z", "a"), ("z", "a"), ("y", "a"), ("y", "a")])
    assert count_equal(train, valid) == 3
    assert count_equal(valid, train) == 3
    assert count_equal(train, labelled([("z", "a")])) == 0
