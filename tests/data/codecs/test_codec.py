"""The laws of all codecs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from seqwise.data.codecs import CODECS, FIRST_ID, UNKNOWN_ID, build_codec
from seqwise.data.kinds import Kind
from tests.data.codecs import examples
from tests.data.codecs.examples import CASES, fit

ROOT = Path(__file__).parents[3]
every_codec = pytest.mark.parametrize("name", CASES)
every_kind = pytest.mark.parametrize("name", ["words", "dna-3", "protein-3", "series", "events"])

# Sequences that no codec of `examples` was fitted on.
OTHERS = {
    "text": ["completely different words 7", "x"],
    "dna": ["TTTTTTTT", "NNN"],
    "protein": ["CCCC", "W"],
    "series": [np.array([[9.0, -9.0]])],
    "events": [["never", "seen"], "4 never"],
}
NOT_STATES = [{}, {"other": []}, None]
DAMAGE = {
    "words": [{"tokenizer": broken} for broken in (None, 5, "", "{}", "[]", '{"model": 1}', {})]
    + [{"tokenizer": Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).to_str()}],
    "dna-3": [{"kmers": broken} for broken in (None, 5, ["AC"], ["AAAA"], ["XYZ"], [3], [None])]
    + [{"kmers": ["CCC", "AAA"]}, {"kmers": ["AAA", "AAA"]}],
    "protein-3": [{"kmers": broken} for broken in (None, ["MK"], ["mkt"], ["M T"])],
    "series": [
        {"mean": mean, "deviation": deviation}
        for mean, deviation in [
            ([], []),
            ([0.0], [1.0, 1.0]),
            ([[0.0]], [[1.0]]),
            (0.0, 1.0),
            ([0.0], [0.0]),
            ([0.0], [-1.0]),
            ([float("nan")], [1.0]),
            ([0.0], [float("inf")]),
            (["x"], [1.0]),
            ([None], [1.0]),
            ([{}], [1.0]),
        ]
    ]
    + [{"mean": [0.0]}, {"deviation": [1.0]}],
    "events": [{"events": broken} for broken in (None, 5, [1], ["a", "a"], [None], [["a"]])],
}


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for array, other in zip(arrays, others, strict=True):
        assert array.dtype == other.dtype
        assert np.array_equal(array, other)


def test_every_kind_has_a_codec():
    assert set(CODECS) == {str(kind) for kind in Kind}
    assert {config.kind for config, _ in CASES.values()} == set(CODECS)


@every_codec
def test_a_codec_survives_json(name):
    config, sequences = CASES[name]
    codec = fit(name)
    text = json.dumps(codec.to_dict(), allow_nan=False)
    restored = build_codec(config).restore(json.loads(text))
    assert json.dumps(restored.to_dict()) == text
    assert (restored.vocab_size, restored.num_channels) == (codec.vocab_size, codec.num_channels)
    assert restored.describe() == codec.describe()
    both = [*sequences, *OTHERS[config.kind]]
    assert_same(restored.encode(both), codec.encode(both))


@every_codec
def test_encoding_learns_nothing(name):
    codec = fit(name)
    before = codec.to_dict(), codec.vocab_size
    codec.encode(OTHERS[codec.config.kind])
    assert (codec.to_dict(), codec.vocab_size) == before


@every_codec
def test_sequences_are_encoded_one_by_one(name):
    _, sequences = CASES[name]
    codec = fit(name)
    assert_same(codec.encode(sequences), [codec.encode([each])[0] for each in sequences])
    assert codec.encode([]) == []


@every_codec
def test_ids_are_in_range_and_no_padding(name):
    config, sequences = CASES[name]
    codec = fit(name)
    for array in codec.encode([*sequences, *OTHERS[config.kind]]):
        assert len(array) >= 1
        if codec.vocab_size:
            assert array.dtype == np.int32
            assert array.ndim == 1
            assert array.min() >= UNKNOWN_ID
            assert array.max() < codec.vocab_size
        else:
            assert array.dtype == np.float32
            assert array.shape[1] == codec.num_channels


@every_codec
def test_either_tokens_or_channels(name):
    codec = fit(name)
    assert (codec.vocab_size > FIRST_ID) != (codec.num_channels > 0)


@pytest.mark.parametrize("name", [name for name in CASES if name not in {"series", "letters"}])
def test_what_was_seen_is_known_and_has_all_ids(name):
    _, sequences = CASES[name]
    codec = fit(name)
    used = np.unique(np.concatenate(codec.encode(sequences)))
    assert used[0] >= FIRST_ID
    if name not in ("bytes", "bpe", "pieces"):  # they have letters that do not come up
        assert used.tolist() == list(range(FIRST_ID, codec.vocab_size))


@every_codec
def test_fitting_again_learns_the_same(name):
    first = fit(name).to_dict()
    assert all(fit(name).to_dict() == first for _ in range(3))


def test_another_process_learns_the_same():
    code = "from tests.data.codecs.examples import states; print(states())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == examples.states()


@pytest.mark.parametrize(
    ("name", "state"), [(name, state) for name in DAMAGE for state in NOT_STATES + DAMAGE[name]]
)
def test_a_damaged_state_is_refused(name, state):
    with pytest.raises((ValueError, KeyError, TypeError)):
        build_codec(CASES[name][0]).restore(state)


@every_kind
def test_a_state_of_another_kind_is_refused(name):
    for other in CASES:
        if CASES[other][0].kind in (CASES[name][0].kind, "dna", "protein"):
            continue
        with pytest.raises((ValueError, KeyError, TypeError)):
            build_codec(CASES[name][0]).restore(fit(other).to_dict())


@every_kind
def test_the_description_is_in_words(name):
    description = fit(name).describe()
    assert description
    assert "\n" not in description


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("dna-1", {"kmers": "AC"}),
        ("dna-3", {"kmers": []}),
        ("events", {"events": "ab"}),
        ("series", {"mean": [10**400], "deviation": [1.0]}),
    ],
)
def test_a_state_of_the_wrong_type_is_refused(name, state):
    with pytest.raises((ValueError, KeyError, TypeError)):
        build_codec(CASES[name][0]).restore(state)
