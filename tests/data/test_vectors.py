import gzip
import hashlib
import tracemalloc

import pytest

from seqwise.config import DataConfig
from seqwise.data.codecs import TextCodec
from seqwise.data.vectors import MOST_DIMENSIONS, VectorFile
from seqwise.errors import Code, DataError

GLOVE = "the 0.1 -0.25 1e-3\ncat 1 2 3\n. . . 7 8 9\n"
VEC = "3 3\nthe 0.1 -0.25 1e-3 \ncat 1 2 3 \n. 7 8 9 \n"


def codec(*texts, **settings):
    return TextCodec(DataConfig(kind="text", **settings)).fit(texts)


def write(tmp_path, content, name="words.vec"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return VectorFile(str(path))


def found(file, fitted):
    """The vector of each word that has one."""
    vectors, words = file.read(fitted), fitted.vocabulary()
    assert vectors.table.shape == (fitted.vocab_size, file.dimension)
    assert not vectors.table[~vectors.has_vector].any()
    return {
        word: vectors.table[index].tolist()
        for word, index in words.items()
        if vectors.has_vector[index]
    }


def refused(tmp_path, content, *texts, **settings):
    with pytest.raises(DataError) as caught:
        write(tmp_path, content).read(codec(*texts or ("the cat",), **settings))
    problem = caught.value.problem
    assert problem.path == str(tmp_path / "words.vec")
    assert str(caught.value).isprintable()
    return problem.code, problem.line, problem.found


@pytest.mark.parametrize("content", [GLOVE, VEC, gzip.compress(VEC.encode(), mtime=0)])
def test_every_form_of_file_gives_the_vectors_of_known_words(tmp_path, content):
    file = write(tmp_path, content)
    assert file.dimension == 3
    assert found(file, codec("the dog")) == {"the": pytest.approx([0.1, -0.25, 0.001])}
    assert set(found(file, codec("The cat"))) == {"the", "cat"}


def test_tabs_and_blank_lines_and_other_line_ends_are_read(tmp_path):
    file = write(tmp_path, "\ufeffthe\t1\t2\r\n\r\ncat 3 4\r\n")
    assert found(file, codec("the cat")) == {"the": [1, 2], "cat": [3, 4]}


def test_a_word_with_blanks_is_no_line_with_too_many_numbers(tmp_path):
    file = write(tmp_path, "the 1 2\nat name@example.com 5 6\n. . . 3 4\ncat 3 4\n")
    assert list(file.words()) == ["the", "at name@example.com", ". . .", "cat"]
    assert found(file, codec("the cat .")) == {"the": [1, 2], "cat": [3, 4]}


def test_the_names_of_padding_and_unknown_are_no_words(tmp_path):
    file = write(tmp_path, "the 1 2\n padding 3 4\n unknown 5 6\n")
    vectors = file.read(codec("the"))
    assert not vectors.has_vector[:2].any()
    assert not vectors.table[:2].any()


def test_the_word_that_is_spelled_alike_goes_before_one_of_other_case(tmp_path):
    file = write(tmp_path, "CAT 1 1\nThe 2 2\ncat 3 3\nCat 4 4\nTHE 5 5\n")
    assert found(file, codec("the cat")) == {"cat": [3, 3], "the": [2, 2]}
    assert found(file, codec("the Cat", case="keep")) == {"Cat": [4, 4]}


def test_a_word_in_pieces_of_unicode_is_known_whole(tmp_path):
    assert found(write(tmp_path, "cafe\u0301 1 2\n"), codec("caf\xe9")) == {"caf\xe9": [1, 2]}


def test_bytes_that_are_no_text_are_no_word(tmp_path):
    file = write(tmp_path, b"caf\xe9 1 2\na\x00 1 2\nthe 3 4\n")
    assert found(file, codec("the")) == {"the": [3, 4]}
    fitted = codec("the", vocab_size=12).extend(file.words())
    assert set(fitted.vocabulary()) == set(codec("the").vocabulary())


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("the 1 2\ncat 1\n", Code.BAD_FORMAT, 2),
        ("the 1 2\ncat\n", Code.BAD_FORMAT, 2),
        ("the 1 2\ncat 1 2 3\n", Code.BAD_FORMAT, 2),
        ("the 1 2\ndog 1\n", Code.BAD_FORMAT, 2),
        ("2 2\nthe 1 2\ncat 1  2\n", Code.BAD_FORMAT, 3),
        ("the 1 2\ncat 1 x\n", Code.NOT_A_NUMBER, 2),
        ("the 1 2\ncat nan 2\n", Code.NAN_VALUE, 2),
        ("the 1 2\ncat inf 2\n", Code.INFINITE_VALUE, 2),
        ("the 1 2\ncat 1e60 2\n", Code.INFINITE_VALUE, 2),
        ("the 1 2\ncat 1 2\nthe 3 4\n", Code.BAD_FORMAT, 3),
        ("3 2\nthe 1 2\ncat 1 2\n", Code.BAD_FORMAT, None),
        ("1 2\nthe 1 2\ncat 1 2\n", Code.BAD_FORMAT, None),
        ("", Code.BAD_FORMAT, 1),
        ("the\n", Code.BAD_FORMAT, 1),
        ("9 0\n", Code.BAD_FORMAT, 1),
        (f"9 {MOST_DIMENSIONS + 1}\n", Code.BAD_FORMAT, 1),
        ("the" + " 1" * (MOST_DIMENSIONS + 1), Code.BAD_FORMAT, 1),
        (b"\x1f\x8b\x08", Code.BAD_GZIP, 1),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, content, code, line):
    assert refused(tmp_path, content)[:2] == (code, line)


def test_what_is_wrong_is_shown(tmp_path):
    assert refused(tmp_path, "the 1 2\ncat 1\n")[2] == "1 number"
    assert refused(tmp_path, "the 1 2\ncat 0,5 2\n")[2] == "'0,5'"
    assert refused(tmp_path, "the 1 2\nthe 3 4\n")[2] == "the word 'the' once more"
    assert refused(tmp_path, "3 2\nthe 1 2\n")[2] == "1 word in the file"


def test_numbers_of_unknown_words_are_not_looked_at(tmp_path):
    assert set(found(write(tmp_path, "dog x y\nthe 1 2\ndog 1 2\n"), codec("the"))) == {"the"}


def test_a_folder_a_pipe_and_nothing_are_refused(tmp_path):
    for path, code in ((tmp_path, Code.FILE_UNREADABLE), ("-", Code.FILE_UNREADABLE)):
        with pytest.raises(DataError) as caught:
            VectorFile(str(path))
        assert caught.value.code is code
    with pytest.raises(DataError) as caught:
        VectorFile(str(tmp_path / "none.vec"))
    assert caught.value.code is Code.FILE_MISSING


def test_the_hash_is_that_of_the_file(tmp_path):
    assert write(tmp_path, VEC).sha256() == hashlib.sha256(VEC.encode()).hexdigest()


def test_no_more_is_held_than_the_words_that_are_known(tmp_path):
    numbers = " ".join(["0.125"] * 250)
    with (tmp_path / "words.vec").open("w") as file:  # 30 MB
        file.writelines(f"w{chr(97 + n % 26)}{n} {numbers}\n" for n in range(20_000))
        file.write(f"the {numbers}\n")
    fitted = codec("the cat")

    tracemalloc.start()
    vectors = found(VectorFile(str(tmp_path / "words.vec")), fitted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(vectors) == {"the"}
    assert peak < 1e6


def test_the_vocabulary_takes_the_first_words_of_the_file_while_there_is_room(tmp_path):
    file = write(tmp_path, "Cat 1 2\nmouse's 1 2\nthe 1 2\nU.S. 1 2\nrat 1 2\nbat 1 2\n")
    fitted = codec("the dog", vocab_size=10).extend(file.words())
    words = fitted.vocabulary()
    seen = codec("the dog").vocabulary()
    assert {word: words[word] for word in seen} == seen
    added = sorted(words.keys() - seen.keys(), key=words.__getitem__)
    assert added == ["cat", "mouse's", "rat", "bat"]
    tight = codec("the dog a b c d", vocab_size=10).extend(file.words())
    assert tight.vocab_size == 10
    assert {"cat", "mouse's"} <= set(tight.vocabulary())
    assert fitted.encode(["cat rat"])[0].tolist() == [words["cat"], words["rat"]]
    again = TextCodec(fitted.config).restore(fitted.to_dict())
    assert again.encode(["cat rat"])[0].tolist() == [words["cat"], words["rat"]]
