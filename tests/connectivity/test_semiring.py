import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from effective_sparsity.connectivity.semiring import max_min_product

SIZES = st.one_of(st.integers(1, 9), st.sampled_from([31, 130, 600]))


@settings(max_examples=30)
@given(st.integers(1, 3), SIZES, SIZES, SIZES, st.integers(0, 1000))
@example(2, 3, 4, 1, 0)
@example(2, 1, 4, 3, 0)
def test_product_is_the_maximum_of_minima(stack, m, k, n, seed):
    random = np.random.default_rng(seed)
    a = random.integers(-50, 50, (stack, m, k), np.int32)
    b = random.integers(-50, 50, (stack, k, n), np.int32)
    expected = np.full((stack, m, n), -100, np.int32)
    for i in range(k):
        expected = np.maximum(expected, np.minimum(a[:, :, i, None], b[:, i, None, :]))
    assert np.array_equal(max_min_product(a, b), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("sizes", [(2, 3, 40), (40, 3, 2), (2, 40, 3)])
def test_extreme_keys_survive_in_every_dtype_and_layout(dtype, sizes):
    m, k, n = sizes
    limits = np.iinfo(dtype)
    a = np.full((1, k, m), limits.max, dtype).mT
    b = np.full((1, n, k), limits.min, dtype).mT
    assert (max_min_product(a, b) == limits.min).all()
    assert (max_min_product(a, np.full_like(b, limits.max)) == limits.max).all()


def test_operands_that_may_not_be_written_are_multiplied_without_compiling_again():
    from effective_sparsity.connectivity import kernels

    a, b = (np.broadcast_to(np.arange(12, dtype=np.int32), (2, 12, 12)) for _ in range(2))
    assert np.array_equal(max_min_product(a, b), max_min_product(a.copy(), b.copy()))
    for kernel in (kernels.outer, kernels.inner):
        assert all(argument.mutable for signature in kernel.signatures for argument in signature)
