import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.config import DataConfig
from seqwise.data.codecs import build_codec
from seqwise.errors import Code


def codec(*training):
    return build_codec(DataConfig(kind="series")).fit(training)


def draw(mean, deviation, length=2_000, seed=0):
    return mean + deviation * np.random.default_rng(seed).normal(size=(length, 1))


def test_channels_are_standardised_each_by_itself():
    random = np.random.default_rng(0)
    parts = [random.normal(size=(length, 2)) * [3.0, 0.01] + [5.0, -2.0] for length in (400, 1, 99)]
    fitted = codec(*parts)
    encoded = np.concatenate(fitted.encode(parts))
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(encoded.std(axis=0), 1, atol=1e-5)
    assert fitted.num_channels == 2


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=6))
def test_moments_are_those_of_all_values_together(parts):
    state = codec(*[np.array(part)[:, np.newaxis] for part in parts]).to_dict()
    values = np.concatenate(parts)
    np.testing.assert_allclose(state["mean"], [values.mean()], rtol=1e-9, atol=1e-6)
    if values.std() > 1e-3:
        np.testing.assert_allclose(state["deviation"], [values.std()], rtol=1e-6)


@pytest.mark.parametrize(("mean", "deviation"), [(1e9, 1e-2), (-1e6, 1e-3), (1e12, 10), (0, 1e-30)])
def test_a_large_offset_loses_no_digits(mean, deviation):
    values = draw(mean, deviation)
    encoded = codec(values[:700], values[700:]).encode([values])[0]
    assert abs(encoded.mean()) < 1e-3
    assert abs(encoded.std() - 1) < 1e-3


@pytest.mark.parametrize("seed", [0, 2])
def test_the_offset_of_a_clock_loses_no_digits(seed):
    values = draw(1e9, 0.9e-3, seed=seed)
    assert abs(codec(values).encode([values])[0].std() - 1) < 1e-3


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.3, 1e9 + 0.1, 1e-300])
def test_a_channel_that_never_changes_becomes_zero(constant):
    values = np.full((1_001, 1), constant)
    fitted = codec(values[:333], values[333:])
    np.testing.assert_allclose(fitted.encode([values])[0], 0, atol=1e-6)


def test_a_constant_channel_leaves_the_others_alone():
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert codec(values).encode([values])[0].tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize("value", [1e30, -1e30, 1e300])
def test_extreme_values_stay_finite(value):
    encoded = codec(np.array([[0.0], [2.0]])).encode([np.array([[value], [1.0]])])[0]
    assert np.isfinite(encoded).all()
    assert abs(encoded[0, 0]) > 1e3
    assert np.sign(encoded[0, 0]) == np.sign(value)
    assert encoded[1, 0] == 0


def test_values_of_any_type_are_taken():
    fitted = codec(np.array([[0.0], [2.0]]))
    for dtype in (np.float64, np.float32, np.int16):
        assert fitted.encode([np.array([[2]], dtype=dtype)])[0].tolist() == [[1.0]]


def test_another_number_of_channels_is_a_problem():
    fitted = codec(np.zeros((3, 2)))
    assert fitted.check(np.zeros((5, 2))) is None
    problem = fitted.check(np.zeros((5, 1)))
    assert problem.code is Code.CHANNEL_COUNT
    assert problem.found == "1 channel"
    assert "2" in problem.expected


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [1e200, 1.7e308])
def test_extreme_values_in_training_give_finite_numbers(value):
    values = np.array([[value], [-value], [value]])
    fitted = codec(values)
    assert np.isfinite(fitted.to_dict()["mean"]).all()
    assert np.isfinite(fitted.to_dict()["deviation"]).all()
    assert np.sign(fitted.encode([values])[0]).ravel().tolist() == [1, -1, 1]


def test_the_most_extreme_values_are_met_without_a_warning():
    fitted = codec(np.array([[1.0], [1.1]]))
    assert np.isfinite(fitted.encode([np.array([[1.7e308]])])[0]).all()
