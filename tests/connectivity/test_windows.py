import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.windows import Window

ORDER = Order.of(np.dtype(np.int64))
WINDOWS = [
    Window(kernel=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), size=(6, 5), steps=(3, 3)),
    Window(kernel=(1, 1), stride=(1, 1), padding=(0, 0), dilation=(1, 1), size=(6, 5), steps=(6, 5)),
    Window(kernel=(2, 2), stride=(3, 3), padding=(0, 0), dilation=(1, 1), size=(6, 5), steps=(2, 2)),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_unfold_shows_what_torch_unfold_shows(window):
    x = np.arange(1, 61).reshape(1, 2, 6, 5)
    seen = np.maximum(window.unfold(x, ORDER), 0)  # torch pads with zeros
    images = torch.from_numpy(x).double()
    expected = F.unfold(images, window.kernel, window.dilation, window.padding, window.stride)
    assert np.array_equal(seen.reshape(1, 2 * window.taps, -1), expected.numpy())


@pytest.mark.parametrize("window", WINDOWS)
def test_fold_gives_each_position_the_maximum_over_the_taps_that_see_it(window):
    columns = np.random.default_rng(0).integers(0, 1000, (1, 2, window.taps, *window.steps))
    position = window.unfold(np.arange(60).reshape(1, 2, 6, 5), ORDER)
    folded = window.fold(columns, ORDER).flatten()
    for i, best in enumerate(folded):
        seeing = columns[position == i]
        assert best == (seeing.max() if len(seeing) else ORDER.never)


def test_pool_ignores_what_lies_beyond_the_border():
    window = Window(kernel=(2,), stride=(2,), padding=(1,), dilation=(1,), size=(4,), steps=(3,))
    assert window.pool(np.array([[[-5, -7, 1, -2]]]), ORDER).tolist() == [[[-5, 1, -2]]]
    assert window.unpool(np.array([[[3, 1, 2]]]), ORDER).tolist() == [[[3, 1, 1, 2]]]
