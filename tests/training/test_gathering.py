import numpy as np
import pytest

from seqwise.data.kinds import Kind
from seqwise.data.records import Record
from seqwise.errors import Code, DataError, Problem
from seqwise.training.gathering import digest, gather, in_order
from tests.training.examples import labelled, labels_of

PROBLEM = Problem(Code.EMPTY_SEQUENCE, "nothing", "something", "mend it", path="f.csv", line=3)


def records(*pairs):
    return [
        Record(sequence, label, number, line=number + 1)
        for number, (sequence, label) in enumerate(pairs, start=1)
    ]


def bad(number):
    return Record(None, "a", number, problem=PROBLEM.at(record=number))


def collect(some, kind=Kind.TEXT, *, skip_bad=False, path=None):
    return gather(lambda: some, kind, skip_bad=skip_bad, path=path)


def refuse(call, code, **arguments):
    with pytest.raises(DataError) as caught:
        call(**arguments)
    assert caught.value.code is code
    return caught.value


def test_good_records_are_kept_in_their_order():
    data = collect(records(("x", "a"), ("y", "b")), skip_bad=False)
    assert (list(data.sequences()), labels_of(data)) == (["x", "y"], ["a", "b"])
    assert data.dropped.count == 0


def test_bad_records_are_refused_with_the_first_few_and_the_count():
    many = [*records(("x", "a")), *map(bad, range(2, 10))]
    error = refuse(collect, Code.EMPTY_SEQUENCE, some=many, skip_bad=False)
    assert error.count == 8
    lines = str(error).split("\n")
    assert len(lines) == 6
    assert "record 2" in lines[0]
    assert lines[-1] == "and 3 more"


def test_bad_records_are_dropped_and_listed():
    data = collect([bad(1), *records(("x", "a")), bad(3)], skip_bad=True)
    assert (list(data.sequences()), labels_of(data)) == (["x"], ["a"])
    assert [problem.record for problem in data.dropped.listed] == [1, 3]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_missing_label_is_told_with_its_place(skip_bad):
    some = records(("x", "a"), ("y", None))
    if skip_bad:
        (problem,) = collect(some, skip_bad=True, path="f.csv").dropped.listed
    else:
        problem = refuse(
            collect, Code.MISSING_LABEL, some=some, skip_bad=False, path="f.csv"
        ).problem
    assert str(problem).startswith("f.csv:3 (record 2): no label")


@pytest.mark.parametrize("skip_bad", [False, True])
def test_nothing_to_collect(skip_bad):
    refuse(collect, Code.NO_RECORDS, some=[], skip_bad=skip_bad)


def test_nothing_good_to_collect():
    error = refuse(collect, Code.NO_RECORDS, some=[bad(1), bad(2)], skip_bad=True)
    assert "none of 2 records" in error.problem.found


def test_most_series_say_how_many_channels_there_are():
    some = records(*[(np.zeros((4, channels)), "a") for channels in (3, 2, 2, 1, 2)])
    error = refuse(
        collect, Code.CHANNEL_COUNT, some=some, kind=Kind.SERIES, skip_bad=False, path="f.ts"
    )
    assert error.count == 2
    assert str(error.problem).startswith("f.ts:2 (record 1): 3 channels - 2")
    data = collect(some, Kind.SERIES, skip_bad=True)
    assert [sequence.shape[1] for sequence in data.sequences()] == [2, 2, 2]
    assert [problem.record for problem in data.dropped.listed] == [1, 4]


def test_most_problems_are_counted_only():
    many = [*records(("x", "a")), *map(bad, range(2, 5_000))]
    dropped = collect(many, skip_bad=True).dropped
    assert (len(dropped.listed), dropped.count) == (5, 4_998)


def test_each_pass_reads_the_records_anew():
    opened = []

    def read():
        opened.append(1)
        return iter(records(("x", "a"), ("y", "b"), ("z", "b")))

    data = gather(read, Kind.TEXT, skip_bad=False)
    assert len(opened) == 2  # the first few, and then all
    for start in range(4):
        assert list(data.sequences(start)) == ["x", "y", "z"][start:]
    assert len(opened) == 6


def test_selected_records_are_read_alone():
    data = collect([bad(1), *records(("x", "a"), ("y", "b"), ("z", "a"))], skip_bad=True)
    some = data.select(np.array([True, False, True]))
    assert (list(some.sequences()), labels_of(some)) == (["x", "z"], ["a", "a"])
    again = some.select(np.array([False, True]))
    assert (list(again.sequences()), list(again.sequences(1))) == (["z"], [])


@pytest.mark.parametrize(
    "later",
    [
        records(("x", "a")),
        records(("x", "a"), ("y", "b"), ("z", "b")),
        [*records(("x", "a")), bad(2)],
        records(("y", "b"), ("x", "a")),
    ],
)
def test_a_file_that_changes_between_two_passes(later):
    some = records(("x", "a"), ("y", "b"))
    data = gather(lambda: some, Kind.TEXT, skip_bad=False, path="f.csv")
    some[:] = later
    with pytest.raises(DataError, match="other records than at the first reading") as caught:
        list(data.sequences())
    assert caught.value.problem.path == "f.csv"


def test_the_digest_is_that_of_records_labels_and_their_order():
    pairs = [("x", "a"), ("y", "b"), ("z", "a")]
    first = digest([labelled(pairs)])
    assert first == digest([labelled(pairs, path="other.csv")])
    others = [pairs[::-1], pairs[:2], [("x", "b"), *pairs[1:]], [*pairs[:2], ("w", "a")]]
    assert len({first, *(digest([labelled(each)]) for each in others)}) == 5


def test_size_is_that_of_all_sequences():
    assert labelled([("abc", "a"), ("de", "b")]).size == 5
    series = [(np.zeros((4, 2)), "a"), (np.zeros((1, 2)), "b")]
    assert labelled(series, Kind.SERIES).size == 10


@pytest.mark.parametrize(
    ("codes", "expected"), [([], []), ([2, 0, 2, 1], [2, 0, 1]), ([5], [5]), ([1, 1, 0], [1, 0])]
)
def test_codes_in_the_order_in_which_they_come(codes, expected):
    assert in_order(np.array(codes, dtype=np.int32)).tolist() == expected
