import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.config import DataConfig
from seqwise.data.codecs import FIRST_ID, UNKNOWN_ID, build_codec
from seqwise.data.codecs.biological import AMINO_ACIDS, NUCLEOTIDES
from seqwise.data.kinds import Kind, check_sequence

every_k = pytest.mark.parametrize("k", range(1, 7))
dna = st.text("ACGTN", min_size=1, max_size=30)


def codec(training, k=3, kind="dna"):
    return build_codec(DataConfig(kind=kind, kmer=k)).fit(training)


def ids(fitted, sequence):
    return fitted.encode([sequence])[0].tolist()


def windows(sequence, k):
    """The plain twin: the k letters around each letter, _ outside."""
    before = (k - 1) // 2
    padded = "_" * before + sequence + "_" * (k - 1 - before)
    return [padded[start : start + k] for start in range(len(sequence))]


@every_k
@settings(max_examples=40)
@given(training=dna, sequence=dna)
def test_a_token_is_the_window_around_its_letter(k, training, sequence):
    fitted = codec([training], k)
    alphabet = "_" + NUCLEOTIDES
    known = sorted(
        set(windows(training, k)), key=lambda window: [alphabet.index(each) for each in window]
    )
    assert fitted.to_dict()["kmers"] == known
    numbers = {window: FIRST_ID + index for index, window in enumerate(known)}
    expected = [numbers.get(window, UNKNOWN_ID) for window in windows(sequence, k)]
    assert ids(fitted, sequence) == expected


@every_k
@settings(max_examples=40)
@given(sequence=st.text("ACGTUacgtunryswkmbdhv-.", min_size=1, max_size=30))
def test_as_many_tokens_as_letters(k, sequence):
    assert len(ids(codec(["ACGT"], k), sequence)) == len(sequence)


@every_k
def test_u_is_t_and_case_and_the_sign_of_a_gap_do_not_matter(k):
    fitted = codec(["ACGTTGC-A"], k)
    expected = ids(fitted, "ACGTTGC-A")
    assert UNKNOWN_ID not in expected
    assert ids(fitted, "ACGUUGC-A") == ids(fitted, "acguugc.a") == expected


def test_windows_not_seen_are_unknown():
    fitted = codec(["AAAAA"])
    assert set(ids(fitted, "CCC")) == {UNKNOWN_ID}
    assert ids(fitted, "AAACAAA")[2:5] == [UNKNOWN_ID] * 3
    assert UNKNOWN_ID not in ids(fitted, "AA")  # both its windows are those of an end


def test_beyond_the_last_known_window():
    fitted = codec(["AAA"])
    assert set(ids(fitted, "-" * 5)) == {UNKNOWN_ID}


def test_amino_acids_keep_their_u():
    fitted = codec(["UT"], k=1, kind="protein")
    assert ids(fitted, "U") != ids(fitted, "T")
    assert ids(fitted, "ut") == ids(fitted, "UT")
    assert ids(fitted, "M") == [UNKNOWN_ID]


@pytest.mark.parametrize(("kind", "alphabet"), [("dna", NUCLEOTIDES), ("protein", AMINO_ACIDS)])
def test_each_letter_has_a_token_of_its_own(kind, alphabet):
    fitted = codec([alphabet], k=1, kind=kind)
    assert len(set(ids(fitted, alphabet))) == len(alphabet) == fitted.vocab_size - FIRST_ID


@pytest.mark.parametrize(("kind", "alphabet"), [("dna", NUCLEOTIDES), ("protein", AMINO_ACIDS)])
def test_each_letter_of_the_codec_is_accepted_as_input(kind, alphabet):
    assert check_sequence(alphabet, Kind(kind)) == alphabet


def test_the_order_of_the_records_does_not_matter():
    sequences = ["ACGT", "TTTT", "GAC"]
    assert codec(sequences).to_dict() == codec(sequences[::-1]).to_dict()


def test_long_windows_of_amino_acids_do_not_run_together():
    random = np.random.default_rng(0)
    sequence = "".join(random.choice(list(AMINO_ACIDS), 500))
    fitted = codec([sequence], k=6, kind="protein")
    assert fitted.to_dict()["kmers"] == sorted(
        set(windows(sequence, 6)),
        key=lambda window: [("_" + AMINO_ACIDS).index(letter) for letter in window],
    )


def test_a_dot_is_a_gap_in_proteins():
    assert check_sequence("MK.A", Kind.PROTEIN) == "MK.A"


def turned(sequence):
    pairs = str.maketrans("ACGTRYSWKMBDHVN-", "TGCAYRSWMKVHDBN-")
    return sequence.translate(pairs)[::-1]


@pytest.mark.parametrize("k", [1, 3, 5])
@settings(max_examples=40)
@given(sequence=st.text(NUCLEOTIDES, min_size=1, max_size=30))
def test_the_other_strand_in_ids_is_that_in_letters(k, sequence):
    fitted = codec([sequence, turned(sequence)], k)
    others = fitted.complements()
    assert len(others) == fitted.vocab_size
    expected = ids(fitted, turned(sequence))
    assert others[ids(fitted, sequence)][::-1].tolist() == expected
    assert UNKNOWN_ID not in expected


def test_the_other_strand_of_what_is_unknown_is_unknown():
    others = codec(["AACC"], 1).complements()
    assert others.tolist() == [0, UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID]
    # U is T: the strand that faces A.
    fitted = codec(["ACGU"], 1)
    assert ids(fitted, "U") == fitted.complements()[ids(fitted, "A")].tolist()


@pytest.mark.parametrize(("k", "kind"), [(2, "dna"), (6, "dna"), (1, "protein"), (3, "protein")])
def test_some_tokens_have_no_other_strand(k, kind):
    assert codec(["ACGT"], k, kind).complements() is None
