import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from effective_sparsity.connectivity.semiring import product

SIZES = st.one_of(st.integers(1, 9), st.sampled_from([31, 130, 600]))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), SIZES, SIZES, SIZES, st.integers(0, 1000))
def test_product_is_the_maximum_of_minima(stack, m, k, n, seed):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randint(-50, 50, (stack, m, k), generator=generator, dtype=torch.int32)
    b = torch.randint(-50, 50, (stack, k, n), generator=generator, dtype=torch.int32)
    expected = torch.full((stack, m, n), -100, dtype=torch.int32)
    for i in range(k):
        expected = torch.maximum(expected, torch.minimum(a[:, :, i, None], b[:, i, None, :]))
    assert torch.equal(product(a, b), expected)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("sizes", [(2, 3, 40), (40, 3, 2), (2, 40, 3)])
def test_extreme_keys_survive_in_every_dtype_and_layout(dtype, sizes):
    m, k, n = sizes
    limits = torch.iinfo(dtype)
    a = torch.full((1, k, m), limits.max, dtype=dtype).mT
    b = torch.full((1, n, k), limits.min, dtype=dtype).mT
    assert (product(a, b) == limits.min).all()
    assert (product(a, torch.full_like(b, limits.max)) == limits.max).all()
