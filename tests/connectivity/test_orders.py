import itertools

import pytest
import torch

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.errors import UserError

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


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
    keys = Order.of(dtype).encode(scores)
    for a, b in itertools.combinations(range(len(special)), 2):
        assert (keys[a] < keys[b]) == (scores[a] < scores[b])
    assert torch.equal(Order.of(dtype).decode(keys), scores)


@pytest.mark.parametrize("dtype", FLOATS)
def test_both_zeros_have_one_key(dtype):
    positive, negative = Order.of(dtype).encode(torch.tensor([0.0, -0.0], dtype=dtype))
    assert positive == negative


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, *FLOATS])
def test_never_and_always_enclose_all_scores(dtype):
    order = Order.of(dtype)
    scores = torch.randn(1000).to(dtype)
    keys = order.encode(scores)
    assert (keys >= order.never).all()
    assert (keys <= order.always).all()
    assert torch.equal(order.decode(keys), scores)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.complex64])
def test_dtype_without_a_map_is_refused(dtype):
    with pytest.raises(UserError, match="use bool, a signed integer type or a floating point type"):
        Order.of(dtype)
