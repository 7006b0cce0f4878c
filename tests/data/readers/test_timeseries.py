import warnings

import numpy as np
import pytest

from seqwise.data.records import read_records
from seqwise.errors import Code, DataError

HEAD = "#words\n@problemName a\n@timeStamps {stamps}\n@univariate {univariate}\n{more}\n@data\n"


def write(path, data, *, stamps="false", univariate="false", more="@classLabel true Up down"):
    head = HEAD.format(stamps=stamps, univariate=univariate, more=more)
    path.write_bytes((head + data).encode("utf-8", "surrogateescape"))
    return path


def problems(path, **wishes):
    return [
        (record.problem.code, record.line, record.number)
        for record in read_records(path, **wishes)
        if record.problem is not None
    ]


def test_channels_lengths_and_the_case_of_labels(tmp_path):
    path = write(tmp_path / "a.ts", "1,2,-3:4,5,6:Up\n\n# more\n7:8e1:down\n")
    file = read_records(path)
    assert (file.format, file.columns) == ("ts", None)
    first, second = file
    assert first.sequence.tolist() == [[1, 4], [2, 5], [-3, 6]]
    assert first.sequence.dtype == np.float64
    assert first.sequence.flags.c_contiguous
    assert (first.label, first.number, first.line) == ("Up", 1, 7)
    assert second.sequence.tolist() == [[7, 80]]
    assert (second.label, second.number, second.line) == ("down", 2, 10)


def test_time_stamps_keep_their_minus_signs(tmp_path):
    data = "(-2.5,-1.5),(-1,2),(0.5,-3):(-2.5,4),(-1,5),(0.5,6):Up\n"
    (record,) = read_records(write(tmp_path / "a.ts", data, stamps="true"))
    assert record.sequence.tolist() == [[-1.5, 4], [2, 5], [-3, 6]]
    assert record.label == "Up"
    # Without its sign, -1 would not come after -2.5 and before 0.5.
    path = write(tmp_path / "b.ts", "(-1,1),(-2.5,2),(0.5,3):Up\n", stamps="true")
    (record,) = read_records(path)
    assert record.problem.code is Code.BAD_FORMAT
    assert record.problem.found == "time stamp -2.5 after -1 at step 2"


def test_time_stamps_that_are_dates(tmp_path):
    data = "(2020-01-01 16:00:00,1),(2020-01-01 16:00:05,-2):down\n"
    (record,) = read_records(write(tmp_path / "a.ts", data, stamps="true"))
    assert record.sequence.tolist() == [[1], [-2]]
    assert record.label == "down"


@pytest.mark.parametrize(
    ("line", "code", "found"),
    [
        ("(0,1),(1,2):(0,1),(2,2):Up", Code.BAD_FORMAT, "other time stamps in channel 2"),
        ("(0,1),1,2:Up", Code.BAD_FORMAT, "'(0,1),1,2:Up'"),
        ("(0,1),(1,?):Up", Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ("(0,1),(1,x):Up", Code.NOT_A_NUMBER, "'x' at step 2 of channel 1"),
        ("(0,1),(1,2)", Code.MISSING_LABEL, "an empty label"),
    ],
)
def test_bad_records_with_time_stamps(tmp_path, line, code, found):
    (record,) = read_records(write(tmp_path / "a.ts", line + "\n", stamps="true"))
    assert (record.problem.code, record.problem.found) == (code, found)


@pytest.mark.parametrize(
    ("line", "code", "found"),
    [
        ("1,?:2,3:Up", Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 1"),
        ("1,2:2,NaN:Up", Code.NAN_VALUE, "a missing value (NaN) at step 2 of channel 2"),
        ("1,2:2,-inf:Up", Code.INFINITE_VALUE, "an infinite value at step 2 of channel 2"),
        ("1,2:2,x:Up", Code.NOT_A_NUMBER, "'x' at step 2 of channel 2"),
        ("1,,2:1,2,3:Up", Code.NOT_A_NUMBER, "'' at step 2 of channel 1"),
        ("1_0,2:1,2:Up", Code.NOT_A_NUMBER, "'1_0' at step 1 of channel 1"),
        ("1,2:Up", Code.CHANNEL_COUNT, "1 channel"),
        ("1:2:3:Up", Code.CHANNEL_COUNT, "3 channels"),
        ("1,2:3:Up", Code.CHANNEL_COUNT, "1 step in channel 2"),
        ("::Up", Code.EMPTY_SEQUENCE, "an empty sequence"),
        ("1:2:up", Code.UNKNOWN_LABEL, "label 'up'"),
        ("1:2:", Code.MISSING_LABEL, "an empty label"),
        ("1:2:?", Code.MISSING_LABEL, "an empty label"),
        ("1:2:\udcff", Code.NOT_UTF8, "byte 0xff at character 5"),
        ("1:2\x00:Up", Code.NUL_BYTE, "a NUL byte at character 4"),
    ],
)
def test_bad_records(tmp_path, line, code, found):
    more = "@dimensions 2\n@classLabel true Up down"
    path = write(tmp_path / "a.ts", f"1:2:Up\n{line}\n3:4:down\n", more=more)
    records = list(read_records(path))
    assert [record.label for record in records] == ["Up", None, "down"]
    problem = records[1].problem
    assert (problem.code, problem.found) == (code, found)
    assert (problem.path, problem.line, problem.record) == (str(path), 9, 2)


def test_what_is_not_declared_is_as_in_the_first_record(tmp_path):
    path = write(tmp_path / "a.ts", "1,2:3,4:a\n1,2:b\n", more="")
    assert problems(path) == [(Code.CHANNEL_COUNT, 8, 2)]
    path = write(tmp_path / "a.ts", "1,2:a\n1,2,3:b\n", more="@equalLength true")
    assert problems(path) == [(Code.BAD_FORMAT, 8, 2)]


def test_declarations_are_checked(tmp_path):
    path = write(tmp_path / "a.ts", "1,2:a\n1,2:1,2:a\n", univariate="true", more="")
    assert problems(path) == [(Code.CHANNEL_COUNT, 8, 2)]
    more = "@equalLength true\n@seriesLength 2"
    path = write(tmp_path / "a.ts", "1,2,3:a\n1,2:a\n", more=more)
    assert problems(path) == [(Code.BAD_FORMAT, 8, 1)]


def test_files_without_labels(tmp_path):
    path = write(tmp_path / "a.ts", "1,2:3,4\n", more="@classLabel false")
    (record,) = read_records(path, label_required=False)
    assert record.sequence.tolist() == [[1, 3], [2, 4]]
    assert (record.label, record.problem) == (None, None)
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert caught.value.code is Code.MISSING_LABEL


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("@targetlabel true\n@data\n1:2\n", Code.BAD_FORMAT, 1),
        ("@univariate maybe\n@data\n1:2\n", Code.BAD_FORMAT, 1),
        ("#\n@dimensions two\n@data\n1:2\n", Code.BAD_FORMAT, 2),
        ("1,2:a\n", Code.BAD_FORMAT, 1),
        ("@univariate true\n", Code.BAD_FORMAT, 1),
        ("@data\n", Code.NO_RECORDS, None),
        ("", Code.FILE_EMPTY, None),
    ],
)
def test_heads_that_cannot_be_used(tmp_path, text, code, line):
    path = tmp_path / "a.ts"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert (caught.value.code, caught.value.problem.line) == (code, line)


def test_agrees_with_aeon(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aeon.datasets import load_from_ts_file

    chance = np.random.default_rng(0)
    data = ""
    for number in range(30):
        values = chance.normal(size=(3, chance.integers(1, 20))).round(6)
        channels = [",".join(map(str, channel)) for channel in values]
        data += ":".join([*channels, ["Up", "down"][number % 2]]) + "\n"
    more = "@dimensions 3\n@equalLength false\n@classLabel true Up down"
    path = write(tmp_path / "a.ts", data, more=more)
    series, labels = load_from_ts_file(str(path))
    records = list(read_records(path))
    assert len(records) == len(series) == 30
    for record, expected, label in zip(records, series, labels, strict=True):
        np.testing.assert_array_equal(record.sequence, expected.T)
        assert record.label.lower() == label
    # aeon lowercases; labels are the user's own here.
    assert [record.label for record in records[:2]] == ["Up", "down"]


def test_a_count_of_thousands_of_digits(tmp_path):
    path = write(tmp_path / "a.ts", "1,2:Up\n", more=f"@dimensions {'9' * 5_000}")
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert caught.value.code is Code.BAD_FORMAT


def test_blanks_without_end_in_a_tuple_take_no_time(tmp_path):
    path = write(tmp_path / "a.ts", f"({' ' * 100_000}1:Up\n", stamps="true")
    assert problems(path) == [(Code.BAD_FORMAT, 7, 1)]


def test_blanks_around_stamps_and_values(tmp_path):
    path = write(tmp_path / "a.ts", "( 0 , 1.5 ), (1,2 ):(0, 3),( 1,4):Up\n", stamps="true")
    (record,) = read_records(path)
    assert record.sequence.tolist() == [[1.5, 3], [2, 4]]


def test_a_label_that_nobody_asks_for_spoils_nothing(tmp_path):
    path = write(tmp_path / "a.ts", "1,2:3,4:Up\n1,2:3,4:left\n")
    assert [record.label for record in read_records(path, label_required=False)] == ["Up", None]
    assert problems(path) == [(Code.UNKNOWN_LABEL, 8, 2)]
