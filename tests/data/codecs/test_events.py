from hypothesis import given
from hypothesis import strategies as st

from seqwise.config import DataConfig
from seqwise.data.codecs import FIRST_ID, UNKNOWN_ID, build_codec
from seqwise.data.kinds import Kind, check_sequence

names = st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=8)


def codec(*training, **settings):
    return build_codec(DataConfig(kind="events", **settings)).fit(training)


def ids(fitted, sequence):
    return fitted.encode([sequence])[0].tolist()


@given(names, names)
def test_a_list_and_a_string_are_the_same_events(training, sequence):
    fitted = codec(training)
    assert codec("  ".join(training)).to_dict() == fitted.to_dict()
    assert ids(fitted, " \t".join(sequence)) == ids(fitted, sequence)
    assert len(ids(fitted, sequence)) == len(sequence)


def test_the_most_frequent_come_first_and_ties_by_name():
    fitted = codec(["b", "a", "c", "c"], ["d", "a"])
    assert fitted.to_dict() == {"events": ["a", "c", "b", "d"]}
    assert ids(fitted, "a d") == [FIRST_ID, FIRST_ID + 3]


def test_the_order_of_the_records_does_not_matter():
    sequences = [["x", "y"], ["z", "y"], ["w"]]
    assert codec(*sequences).to_dict() == codec(*sequences[::-1]).to_dict()


def test_events_not_seen_are_unknown():
    assert ids(codec("a b"), "b c a") == [FIRST_ID + 1, UNKNOWN_ID, FIRST_ID]


def test_rare_events_are_unknown():
    fitted = codec("a a b", min_count=2)
    assert fitted.to_dict() == {"events": ["a"]}
    assert ids(fitted, "b") == [UNKNOWN_ID]


def test_a_list_may_hold_ids_with_blanks():
    fitted = codec(["a b", "c"])
    assert UNKNOWN_ID not in ids(fitted, ["a b"])
    assert ids(fitted, "a b") == [UNKNOWN_ID, UNKNOWN_ID]


def test_numbers_and_their_spelling_are_one_event():
    fitted = codec(check_sequence([4, "17"], Kind.EVENTS))
    assert ids(fitted, check_sequence(["4", 17], Kind.EVENTS)) == ids(fitted, "4 17")
    assert UNKNOWN_ID not in ids(fitted, "4 17")


def test_the_most_frequent_are_kept():
    letters = [chr(ord("a") + number) for number in range(26)]
    fitted = codec(letters, letters[:3], vocab_size=10)
    assert fitted.to_dict()["events"][:3] == letters[:3]
    assert ids(fitted, "z") == [UNKNOWN_ID]


def test_the_limit_counts_as_that_of_text_does():
    letters = [chr(ord("a") + number) for number in range(26)]
    assert codec(letters, vocab_size=10).vocab_size == 10
