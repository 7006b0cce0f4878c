from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.config import DataConfig
from seqwise.data.fingerprint import fingerprint
from seqwise.data.kinds import Kind
from seqwise.data.labels import Labels
from seqwise.data.records import Record
from seqwise.errors import Code, DataError, Problem
from seqwise.training.preparation import gather, prepare
from seqwise.training.split import check_classes, split
from tests.training.examples import labelled

PROBLEM = Problem(Code.EMPTY_SEQUENCE, "nothing", "something", "mend it", path="f.csv", line=3)


def records(*pairs):
    return [
        Record(sequence, label, number, line=number + 1)
        for number, (sequence, label) in enumerate(pairs, start=1)
    ]


def bad(number):
    return Record(None, "a", number, problem=PROBLEM.at(record=number))


def refuse(call, code, **arguments):
    with pytest.raises(DataError) as caught:
        call(**arguments)
    assert caught.value.code is code
    return caught.value


# Gathering


def test_good_records_are_kept_in_their_order():
    data = gather(records(("x", "a"), ("y", "b")), Kind.TEXT, skip_bad=False)
    assert (data.sequences, data.labels, data.dropped) == (["x", "y"], ["a", "b"], [])


def test_bad_records_are_refused_with_the_first_few_and_the_count():
    many = [*records(("x", "a")), *map(bad, range(2, 10))]
    error = refuse(gather, Code.EMPTY_SEQUENCE, records=many, kind=Kind.TEXT, skip_bad=False)
    assert error.count == 8
    lines = str(error).split("\n")
    assert len(lines) == 6
    assert "record 2" in lines[0]
    assert lines[-1] == "and 3 more"


def test_bad_records_are_dropped_and_listed():
    data = gather([bad(1), *records(("x", "a")), bad(3)], Kind.TEXT, skip_bad=True)
    assert (data.sequences, data.labels) == (["x"], ["a"])
    assert [problem.record for problem in data.dropped] == [1, 3]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_missing_label_is_told_with_its_place(skip_bad):
    some = records(("x", "a"), ("y", None))
    if skip_bad:
        (problem,) = gather(some, Kind.TEXT, skip_bad=True, path="f.csv").dropped
    else:
        problem = refuse(
            gather, Code.MISSING_LABEL, records=some, kind=Kind.TEXT, skip_bad=False, path="f.csv"
        ).problem
    assert str(problem).startswith("f.csv:3 (record 2): no label")


@pytest.mark.parametrize("skip_bad", [False, True])
def test_nothing_to_gather(skip_bad):
    refuse(gather, Code.NO_RECORDS, records=[], kind=Kind.TEXT, skip_bad=skip_bad)


def test_nothing_good_to_gather():
    error = refuse(gather, Code.NO_RECORDS, records=[bad(1), bad(2)], kind=Kind.TEXT, skip_bad=True)
    assert "none of 2 records" in error.problem.found


def test_most_series_say_how_many_channels_there_are():
    some = records(*[(np.zeros((4, channels)), "a") for channels in (3, 2, 2, 1, 2)])
    error = refuse(
        gather, Code.CHANNEL_COUNT, records=some, kind=Kind.SERIES, skip_bad=False, path="f.ts"
    )
    assert error.count == 2
    assert str(error.problem).startswith("f.ts:2 (record 1): 3 channels - 2")
    data = gather(some, Kind.SERIES, skip_bad=True)
    assert [sequence.shape[1] for sequence in data.sequences] == [2, 2, 2]
    assert [problem.record for problem in data.dropped] == [1, 4]


# Classes


def test_classes_of_two_and_more_are_kept():
    data = labelled([("x", "a"), ("y", "b"), ("z", "a"), ("w", "b")])
    checked = check_classes(data, fewest=2, skip_bad=False)
    assert (checked.sequences, checked.labels) == (data.sequences, data.labels)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_one_class_is_refused(skip_bad):
    data = labelled([("x", "a"), ("y", "a")])
    error = refuse(
        check_classes, Code.ONE_CLASS, data=data, fewest=2, skip_bad=skip_bad, path="f.csv"
    )
    assert "'a'" in error.problem.found
    assert error.problem.path == "f.csv"


def test_a_class_of_one_record_is_refused():
    data = labelled([("x", "a"), ("y", "a"), ("z", "b"), ("w", "c"), ("v", "b")])
    error = refuse(check_classes, Code.RARE_CLASS, data=data, fewest=2, skip_bad=False)
    assert "'c' has 1 record" in error.problem.found
    assert error.count == 1


def test_a_class_of_one_record_is_dropped_and_listed():
    data = labelled([("x", "a"), ("w", "c"), ("y", "a"), ("z", "b"), ("v", "b")])
    checked = check_classes(data, fewest=2, skip_bad=True)
    assert checked.sequences == ["x", "y", "z", "v"]
    assert checked.labels == ["a", "a", "b", "b"]
    assert [problem.code for problem in checked.dropped] == [Code.RARE_CLASS]


def test_one_record_is_enough_where_none_is_held_out():
    data = labelled([("x", "a"), ("y", "b")])
    assert check_classes(data, fewest=1, skip_bad=False).labels == ["a", "b"]


def test_what_was_dropped_before_stays_listed():
    data = gather(
        [bad(1), *records(*[(text, label) for label in "ab" for text in "xy"], ("z", "c"))],
        Kind.TEXT,
        skip_bad=True,
    )
    checked = check_classes(data, fewest=2, skip_bad=True)
    assert [problem.code for problem in checked.dropped] == [Code.EMPTY_SEQUENCE, Code.RARE_CLASS]


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
    return split(labelled(pairs), kind, valid_fraction=fraction, seed=seed)


@settings(deadline=None)
@given(own_letters, st.integers(0, 3), st.sampled_from([0.01, 0.2, 0.5, 0.9]))
def test_equal_sequences_stand_on_one_side_and_each_class_is_trained(pairs, seed, fraction):
    if max(Counter(label for _, label in set(pairs)).values()) < 2:
        return  # each class consists of equal sequences
    train, valid = divide(pairs, fraction=fraction, seed=seed)
    assert not set(train.sequences) & set(valid.sequences)
    assert set(train.labels) == {label for _, label in pairs}
    assert len(valid.labels) > 0
    everything = list(
        zip(train.sequences + valid.sequences, train.labels + valid.labels, strict=True)
    )
    assert sorted(everything) == sorted(pairs)


@given(st.lists(st.text("ACGTUacgtu", min_size=1, max_size=3), min_size=6, max_size=30))
def test_what_is_equal_depends_on_the_kind(sequences):
    pairs = [(sequence, "ab"[len(sequence) % 2]) for sequence in sequences]
    distinct = {(fingerprint(sequence, "dna"), label) for sequence, label in pairs}
    if max(Counter(label for _, label in distinct).values()) < 2:
        return
    train, valid = divide(pairs, kind=Kind.DNA)
    sides = [{fingerprint(each, "dna") for each in part.sequences} for part in (train, valid)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_each_class_gives_its_share(fraction):
    sizes = {"a": 200, "b": 100, "c": 20}
    pairs = [(f"{label}{number}", label) for label in sizes for number in range(sizes[label])]
    _, valid = divide(pairs, fraction=fraction)
    assert Counter(valid.labels) == {label: round(sizes[label] * fraction) for label in sizes}


def test_the_split_is_a_function_of_the_seed():
    pairs = [(f"{label}{number}", label) for label in "ab" for number in range(50)]
    first, again, other = (divide(pairs, seed=seed)[1].sequences for seed in (1, 1, 2))
    assert first == again != other


def test_both_parts_keep_the_order_of_the_file():
    pairs = [(f"{number:03}", "ab"[number % 2]) for number in range(50)]
    for part in divide(pairs):
        assert part.sequences == sorted(part.sequences)


def test_the_smallest_file_that_can_be_split():
    train, valid = divide([("x", "a"), ("y", "a"), ("z", "b"), ("w", "b")], fraction=0.01)
    assert (len(train.labels), len(valid.labels)) == (3, 1)


def test_classes_of_equal_sequences_cannot_be_split():
    error = refuse(divide, Code.RARE_CLASS, pairs=[("x", "a"), ("x", "a"), ("y", "b"), ("y", "b")])
    assert "--valid" in error.problem.remedy


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text("xyz", min_size=1, max_size=2), st.sampled_from("ab")), max_size=20),
    st.integers(0, 3),
)
def test_each_class_is_trained_where_equal_sequences_have_two_labels(pairs, seed):
    pairs = [*pairs, ("only a", "a"), ("also a", "a")]
    train, valid = divide(pairs, fraction=0.5, seed=seed)
    assert set(train.labels) == {label for _, label in pairs}
    assert not set(train.sequences) & set(valid.sequences)


def test_no_class_gives_much_more_than_its_share():
    pairs = [("same", "a")] * 99 + [("other", "a")] + [(f"b{number}", "b") for number in range(100)]
    for seed in range(5):
        _, valid = divide(pairs, fraction=0.1, seed=seed)
        assert len(valid.labels) <= 20


def test_many_small_classes_give_their_share_together():
    pairs = [(f"{label}-{number}", str(label)) for label in range(20) for number in range(4)]
    _, valid = divide(pairs, fraction=0.1)
    assert len(valid.labels) >= 6


# Encoding


def prepare_text(train, valid, **data):
    return prepare(
        labelled(train),
        labelled(valid),
        data=DataConfig(kind="text", **data),
        labels=Labels(("a", "b")),
    )


def test_the_codec_is_fitted_on_the_training_part_alone():
    prepared = prepare_text([("x y", "a"), ("y", "b")], [("x z z", "b")])
    assert prepared.codec.vocab_size == 2 + 2
    assert (prepared.num_unknown, prepared.num_valid_steps) == (2, 3)
    assert prepared.valid.sequences[0].tolist()[1:] == [1, 1]


def test_parts_are_encoded_with_their_targets():
    prepared = prepare_text([("x y", "b"), ("y", "a")], [("x", "b")])
    assert prepared.train.sequences.lengths.tolist() == [2, 1]
    assert prepared.train.targets.tolist() == [1, 0]
    assert prepared.valid.targets.tolist() == [1]


def test_what_is_cut_in_both_parts_is_counted():
    prepared = prepare_text([("x y z", "a"), ("x", "b")], [("x y", "b")], max_length=1)
    assert prepared.num_cut == 2
    assert prepared.train.sequences.lengths.tolist() == [1, 1]


def test_a_label_of_the_validation_part_that_training_does_not_have():
    error = refuse(
        prepare_text,
        Code.UNKNOWN_LABEL,
        train=[("x", "a"), ("y", "b")],
        valid=[("x", "a"), ("x", "new"), ("y", "other")],
    )
    assert "records with such labels: 2" in error.problem.found
    assert "'new'" in error.problem.found
    assert "--valid" in error.problem.remedy


def test_channels_of_the_validation_part_must_be_those_of_training():
    refuse(
        prepare,
        Code.CHANNEL_COUNT,
        train=labelled([(np.zeros((3, 2)), "a")]),
        valid=labelled([(np.zeros((3, 2)), "a"), (np.zeros((3, 1)), "a")]),
        data=DataConfig(kind="series"),
        labels=Labels(("a", "b")),
    )
