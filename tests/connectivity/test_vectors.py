import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.connectivity.vectors import flatten, stable_argsort, unflatten


def test_flat_vectors_regain_their_shapes():
    layers = {"a": np.arange(6).reshape(2, 3), "b": np.arange(4).reshape(4, 1)}
    back = unflatten(flatten(layers), layers)
    assert all(np.array_equal(back[name], layers[name]) for name in layers)


FLOATS = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 1e-45, 2.0, np.inf])
INTEGERS = st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@given(data=st.data())
def test_equal_values_stay_in_order(dtype, data):
    elements = FLOATS if dtype.startswith("float") else INTEGERS
    values = data.draw(st.lists(elements, max_size=60).map(lambda drawn: np.array(drawn, dtype)))
    assert np.array_equal(stable_argsort(values), np.argsort(values, kind="stable"))


def test_long_vectors_are_sorted_stably():
    """Vectorised sorts treat short vectors apart."""
    random = np.random.default_rng(0)
    for values in (random.integers(0, 50, 100_000), random.normal(size=100_000), np.zeros(5_000)):
        backwards = values[::-1]
        assert np.array_equal(stable_argsort(backwards), np.argsort(backwards, kind="stable"))
