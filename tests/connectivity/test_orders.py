import itertools

import numpy as np
import pytest
import torch

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.tensors import keys_of, scores_of
from effective_sparsity.errors import UserError

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INTEGERS = [torch.int8, torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_keys_of_floats_have_the_order_of_the_scores(dtype):
    info = torch.finfo(dtype)
    special = [
        -torch.inf,
        info.min,
        -1.0,
        -info.tiny,
        -info.smallest_normal / 4,
        0.0,
        info.tiny / 8,
        1.0,
        info.max,
        torch.inf,
    ]
    scores = torch.tensor(special, dtype=dtype)
    order = Order.of(dtype)
    keys = keys_of(scores, order)
    for a, b in itertools.combinations(range(len(special)), 2):
        assert (keys[a] < keys[b]) == (scores[a] < scores[b])
    assert (keys[0], keys[-1]) == (order.never, order.always)
    assert torch.equal(scores_of(keys, order, like=scores), scores)


@pytest.mark.parametrize("dtype", FLOATS)
def test_both_zeros_have_one_key(dtype):
    positive, negative = keys_of(torch.tensor([0.0, -0.0], dtype=dtype), Order.of(dtype))
    assert positive == negative


@pytest.mark.parametrize("dtype", [torch.bool, *INTEGERS, *FLOATS])
def test_never_and_always_enclose_all_scores(dtype):
    order = Order.of(dtype)
    scores = torch.randn(1000).to(dtype)
    keys = keys_of(scores, order)
    assert (keys >= order.never).all()
    assert (keys <= order.always).all()
    assert torch.equal(scores_of(keys, order, like=scores), scores)


@pytest.mark.parametrize("dtype", [torch.bool, *INTEGERS, torch.float16, torch.float32, torch.float64])
def test_arrays_have_the_keys_of_tensors(dtype):
    scores = torch.randn(30, 20).to(dtype)
    order = Order.of(dtype)
    array = scores.numpy().T
    assert Order.of(array.dtype) == order
    keys = keys_of(array, order)
    assert np.array_equal(keys, keys_of(scores, order).T)
    back = scores_of(keys, order, like=array)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.complex64, np.dtype(np.uint16), np.dtype(">f4")])
def test_dtype_without_a_map_is_refused(dtype):
    with pytest.raises(UserError, match="use bool, a signed integer type or a floating point type"):
        Order.of(dtype)
