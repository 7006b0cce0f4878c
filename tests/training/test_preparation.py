import json

import numpy as np
import pytest

from seqwise.data.kinds import Kind
from seqwise.errors import Code, ConfigError, DataError
from seqwise.training.plan import Plan, settle
from seqwise.training.preparation import load_prepared, prepare
from seqwise.training.settings import Wishes
from tests.training.examples import labelled

PAIRS = [(f"{word} {number}", label) for number in range(9) for word, label in ["xa", "yb"]]
SERIES = [(np.full((number % 3 + 1, 2), number), "ab"[number % 2]) for number in range(12)]


def prepare_text(train, valid, **wishes):
    wishes = Wishes.sorted({"tokens": "words", **wishes})
    return prepare(labelled(train), Kind.TEXT, wishes, valid=labelled(valid, path="valid.csv"))


def refuse(code, call, *arguments, **options):
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert caught.value.code is code
    return caught.value


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
    valid = [("x", "a"), ("x", "new"), ("y", "other")]
    error = refuse(Code.UNKNOWN_LABEL, prepare_text, [("x", "a"), ("y", "b")], valid)
    assert "records with such labels: 2" in error.problem.found
    assert "'new'" in error.problem.found
    assert "--valid" in error.problem.remedy
    assert error.problem.path == "valid.csv"


def test_channels_of_the_validation_part_must_be_those_of_training():
    valid = labelled([(np.zeros((3, 1)), "a")], Kind.SERIES, "valid.ts")
    train = labelled(SERIES, Kind.SERIES)
    error = refuse(Code.CHANNEL_COUNT, prepare, train, Kind.SERIES, Wishes(), valid=valid)
    assert error.problem.path == "valid.ts"


def test_ids_are_as_narrow_as_the_vocabulary_allows():
    assert prepare_text([("x", "a"), ("y", "b")], [("x", "b")]).train.sequences[0].dtype == "u2"


# In memory and in a store


def as_lists(part):
    return [each.tolist() for each in part.sequences], part.targets.tolist()


@pytest.mark.parametrize(("pairs", "kind"), [(PAIRS, Kind.TEXT), (SERIES, Kind.SERIES)])
@pytest.mark.parametrize("refit", [True, False])
def test_a_store_holds_what_memory_holds(pairs, kind, refit, tmp_path):
    wishes = Wishes.sorted({"refit": refit, "max_length": 2})
    data = labelled(pairs, kind)
    here = prepare(data, kind, wishes)
    stored = prepare(data, kind, wishes, store=tmp_path / "store")
    for there in (stored, load_prepared(tmp_path / "store")):
        for part in ("train", "valid"):
            assert as_lists(getattr(there, part)) == as_lists(getattr(here, part))
        assert (there.whole is None) == (here.whole is None) == (not refit)
        if there.whole is not None and here.whole is not None:
            assert as_lists(there.whole[1]) == as_lists(here.whole[1])
            assert there.whole[0].to_dict() == here.whole[0].to_dict()
        assert there.codec.to_dict() == here.codec.to_dict()
        assert there.plan == here.plan
        counts = [(each.num_cut, each.num_unknown, each.num_valid_steps) for each in (there, here)]
        assert counts[0] == counts[1]


def test_a_plan_comes_back_from_json():
    plan = prepare(labelled(PAIRS), Kind.TEXT, Wishes()).plan
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_wishes_that_contradict_a_store():
    plan = prepare(labelled(PAIRS), Kind.TEXT, Wishes.sorted({"vocab_size": 50, "seed": 3})).plan
    settled = settle(Wishes.sorted({"vocab_size": 50, "epochs": 2}), plan)
    assert settled.train == {"seed": 3, "valid_fraction": 0.25, "epochs": 2}
    assert settle(Wishes.sorted({"seed": 4}), plan).train["seed"] == 4
    for name, value in [("vocab_size", 51), ("tokens", "bytes"), ("valid_fraction", 0.1)]:
        with pytest.raises(ConfigError, match="as the store was encoded"):
            settle(Wishes.sorted({name: value}), plan)
