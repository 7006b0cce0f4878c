import json

import numpy as np
import pytest

from seqwise import predictor as predictor_module
from seqwise.assessment import assess
from seqwise.data.fingerprint import fingerprint
from seqwise.data.records import Record
from seqwise.errors import Code, DataError, Problem
from seqwise.evaluation.metrics import score
from seqwise.predictor import Predictor
from tests.training.examples import SEQUENCES, make_artifact

LABELS = ["a", "ä", "3"]
TEXTS = ["good day", "bad night", "so so", "one 1 bad", "zebra"]
PROBLEM = Problem(Code.EMPTY_SEQUENCE, "nothing", "something", "mend it", record=9)


@pytest.fixture(scope="module")
def predictor():
    return Predictor(make_artifact(max_length=2), device="cpu")


def records(texts=TEXTS, labels=("a", "ä", "3", "3", "a")):
    pairs = zip(texts, labels, strict=False)
    return [Record(text, label, n, line=n + 1) for n, (text, label) in enumerate(pairs, start=1)]


def marks(*texts, kind="text"):
    return {fingerprint(text, kind) for text in texts}


def expected_scores(predictor, chosen):
    (block,) = predictor.predict(chosen)
    targets = [LABELS.index(record.label) for record in chosen]
    return score(block.probabilities, np.array(targets), LABELS).to_dict()


def test_scores_are_those_of_the_predictions(predictor):
    result = assess(predictor, records())
    assert result.scores.to_dict() == expected_scores(predictor, records())
    assert (result.num_known, result.unseen, result.problems) == (None, None, [])


def test_what_was_lost_is_counted(predictor):
    result = assess(predictor, records())
    assert (result.num_steps, result.num_cut, result.num_unknown) == (9, 1, 1)


def test_blocks_make_no_difference(predictor, monkeypatch):
    whole = assess(predictor, records(), known=marks("so so"))
    monkeypatch.setattr(predictor_module, "BLOCK_RECORDS", 2)
    parts = assess(predictor, records(), known=marks("so so"))
    assert parts.to_dict()["num_steps"] == whole.to_dict()["num_steps"]
    assert parts.num_known == whole.num_known == 1
    assert parts.scores.log_loss == pytest.approx(whole.scores.log_loss, abs=1e-6)
    assert np.array_equal(parts.scores.confusion, whole.scores.confusion)
    assert np.array_equal(parts.unseen.confusion, whole.unseen.confusion)


def test_records_of_the_training_file_are_set_aside(predictor):
    result = assess(predictor, records(), known=marks("good day", "so so", "elsewhere"))
    assert result.num_known == 2
    rest = [record for record in records() if record.sequence not in ("good day", "so so")]
    assert result.unseen.num_records == 3
    assert result.unseen.to_dict() == assess(predictor, rest).scores.to_dict()
    assert result.scores.num_records == 5


@pytest.mark.parametrize(("known", "num_known"), [([], 0), (["x"], 0), (TEXTS, 5)])
def test_no_second_score_where_all_or_none_are_known(predictor, known, num_known):
    result = assess(predictor, records(), known=marks(*known))
    assert (result.num_known, result.unseen) == (num_known, None)


def test_known_sequences_are_compared_by_their_kind():
    result = assess(
        Predictor(make_artifact("dna"), device="cpu"),
        records(["ACGU", "GGGG"], ["a", "3"]),
        known=marks("acgt", kind="dna"),
    )
    assert result.num_known == 1


def test_an_unknown_label_is_a_problem_in_its_place(predictor):
    result = assess(
        predictor, records(labels=["a", "new", "3", "3", None]), known=marks("bad night")
    )
    assert result.problems[0].code is Code.UNKNOWN_LABEL
    assert "'new'" in result.problems[0].found
    assert (result.problems[0].line, result.problems[0].record) == (3, 2)
    assert len(result.problems) == 2
    assert result.scores.num_records == 3
    assert result.num_known == 0


def test_bad_records_are_listed_and_not_scored(predictor):
    mixed = records()
    mixed.insert(1, Record(None, "new", 9, problem=PROBLEM))
    result = assess(predictor, mixed, known=marks("bad night"))
    assert result.problems == [PROBLEM]
    assert result.scores.to_dict() == assess(predictor, records()).scores.to_dict()
    assert result.num_known == 1


def test_nothing_to_score(predictor):
    with pytest.raises(DataError) as caught:
        assess(predictor, [])
    assert caught.value.code is Code.NO_RECORDS


def test_nothing_that_can_be_scored(predictor):
    with pytest.raises(DataError) as caught:
        assess(predictor, [Record(None, "a", 9, problem=PROBLEM), *records(labels=["new"] * 5)])
    assert caught.value.problem == PROBLEM
    assert caught.value.count == 6
    assert "and 1 more" in str(caught.value)


@pytest.mark.parametrize("known", [None, [], ["so so"], TEXTS])
def test_the_account_is_json(predictor, known):
    chosen = [*records(), Record(None, "a", 9, problem=PROBLEM)]
    found = assess(predictor, chosen, known=None if known is None else marks(*known))
    account = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert account["num_records"] == 5
    assert account["num_problems"] == 1
    assert account["problems"] == [str(PROBLEM)]
    assert account["num_unknown_tokens"] == found.num_unknown
    assert ("num_in_training_file" in account) == (known is not None)
    assert bool(account.get("without_training_records")) == (known == ["so so"])
    assert {"accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece"} <= account.keys()
    assert [each["label"] for each in account["per_class"]] == LABELS


@pytest.mark.parametrize("kind", SEQUENCES)
def test_every_kind_can_be_assessed(kind):
    chosen = records(SEQUENCES[kind], LABELS)
    known = {fingerprint(SEQUENCES[kind][0], kind)}
    result = assess(Predictor(make_artifact(kind), device="cpu"), chosen, known=known)
    assert (result.scores.num_records, result.num_known) == (3, 1)


def test_a_label_that_is_missing_is_told_so(predictor):
    result = assess(predictor, records(labels=["a", None, "3", "3", "a"]))
    assert result.problems[0].code is Code.MISSING_LABEL
