"""`seqwise train --both-strands`: a file and its reverse complement get one answer."""

from __future__ import annotations

import numpy as np
import pytest

from seqwise import SequenceClassifier
from seqwise.artifact import load_artifact
from seqwise.nn import BothStrands, Ensemble
from tests.cli.conftest import refused, run, train, write_csv

MOTIF = "GATTACCA"


def turn(sequence):
    return sequence.translate(str.maketrans("ACGTN", "TGCAN"))[::-1]


def promoters(num_records, seed=0):
    """Sequences of many lengths, half of them with a motif on either strand."""
    random = np.random.default_rng(seed)
    rows = []
    for index in range(num_records):
        sequence = "".join(random.choice(list("ACGT"), random.integers(12, 45)))
        if index % 2:
            sequence = sequence[:5] + (MOTIF, turn(MOTIF))[index // 2 % 2] + sequence[5:]
        rows.append((sequence, ("other", "promoter")[index % 2]))
    return rows


@pytest.mark.parametrize("kmer", ["1", "3"])
def test_a_file_and_its_reverse_complement(kmer):
    file = write_csv("train.csv", promoters(60), ("dna", "label"))
    options = ("--both-strands", "--linear", "--refit", "--epochs", "3", "--kmer", kmer)
    outcome = train(file, *options)
    assert outcome.code == 0
    assert "both strands" in outcome.told
    model = load_artifact("model").model
    assert isinstance(model, Ensemble)
    assert all(isinstance(member, BothStrands) for member in model.members)
    rows = [*promoters(70, seed=1), ("N", "other"), ("AANNC", "other")]
    write_csv("there.csv", [row[:1] for row in rows], ("dna",))
    write_csv("back.csv", [(turn(sequence),) for sequence, _ in rows], ("dna",))
    how = ("--probabilities", "--deterministic")
    there, back = (run("predict", "model", f, *how).out for f in ("there.csv", "back.csv"))
    assert there == back
    assert len(set(there.splitlines())) > 20
    usual, back = (run("predict", "model", f, how[0]).rows for f in ("there.csv", "back.csv"))
    name = "probability:promoter"
    apart = [abs(float(a[name]) - float(b[name])) for a, b in zip(usual, back, strict=True)]
    assert max(apart) <= 1e-6


def test_what_has_no_other_strand_is_refused(table):
    line = refused(train(table, "--both-strands"), "bad-setting")
    assert "both_strands is True - false: only DNA has another strand" in line
    file = write_csv("train.csv", promoters(40), ("dna", "label"))
    assert "only DNA" in refused(train(file, "--both-strands", "--kmer", "4"), "bad-setting")
    assert train(file, "--one-strand").code == 0


def test_in_python():
    sequences, labels = zip(*promoters(60), strict=True)
    settings = {"embedding_dim": 4, "hidden_size": 4, "epochs": 1, "deterministic": True}
    classifier = SequenceClassifier(both_strands=True, **settings).fit(sequences, labels)
    found = classifier.predict_proba(sequences)
    assert np.array_equal(found, classifier.predict_proba(list(map(turn, sequences))))
    classifier.save("model")
    loaded = SequenceClassifier.load("model").set_params(deterministic=True)
    assert loaded.both_strands
    assert np.array_equal(loaded.predict_proba(sequences), found)
