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
    # The last windows reach beyond the last position.
    Window(kernel=(3, 2), stride=(1, 1), padding=(2, 2), dilation=(2, 3), size=(6, 5), steps=(6, 6)),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_unfold_shows_what_torch_unfold_shows(window):
    x = np.arange(1, 61).reshape(1, 2, 6, 5)
    seen = np.maximum(window.unfold(x, ORDER.never), 0)  # torch pads with zeros
    images = torch.from_numpy(x).double()
    expected = F.unfold(images, window.kernel, window.dilation, window.padding, window.stride)
    assert np.array_equal(seen.reshape(1, 2 * window.taps, -1), expected.numpy())


@pytest.mark.parametrize("window", WINDOWS)
def test_each_position_knows_the_windows_that_see_it_through_each_tap(window):
    steps = np.arange(np.prod(window.steps)).reshape(1, *window.steps)
    seen = window.unfold(np.arange(30).reshape(1, 1, 6, 5), fill=-1).reshape(window.taps, -1)
    by = window.seen_by(steps, fill=-1).reshape(window.taps, -1)
    for tap in range(window.taps):
        for position in range(30):
            expected = np.flatnonzero(seen[tap] == position)
            assert by[tap, position] == (expected[0] if len(expected) else -1)


def test_pool_ignores_what_lies_beyond_the_border():
    window = Window(kernel=(2,), stride=(2,), padding=(1,), dilation=(1,), size=(4,), steps=(3,))
    assert window.pool(np.array([[[-5, -7, 1, -2]]]), ORDER).tolist() == [[[-5, 1, -2]]]
    assert window.unpool(np.array([[[3, 1, 2]]]), ORDER).tolist() == [[[3, 1, 1, 2]]]
