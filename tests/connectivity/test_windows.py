import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.windows import Window

ORDER = Order.of(torch.int64)
WINDOWS = [
    Window(kernel=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), size=(6, 5), steps=(3, 3)),
    Window(kernel=(1, 1), stride=(1, 1), padding=(0, 0), dilation=(1, 1), size=(6, 5), steps=(6, 5)),
    Window(kernel=(2, 2), stride=(3, 3), padding=(0, 0), dilation=(1, 1), size=(6, 5), steps=(2, 2)),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_unfold_shows_what_torch_unfold_shows(window):
    x = torch.arange(1, 61).view(1, 2, 6, 5)
    seen = window.unfold(x, ORDER).clamp(min=0).double()  # torch pads with zeros
    expected = F.unfold(x.double(), window.kernel, window.dilation, window.padding, window.stride)
    assert torch.equal(seen.view(1, 2 * window.taps, -1), expected)


@pytest.mark.parametrize("window", WINDOWS)
def test_fold_gives_each_position_the_maximum_over_the_taps_that_see_it(window):
    columns = torch.randint(0, 1000, (1, 2, window.taps, *window.steps))
    position = window.unfold(torch.arange(60).view(1, 2, 6, 5), ORDER)
    folded = window.fold(columns, ORDER).flatten()
    for i, best in enumerate(folded):
        seeing = columns[position == i]
        assert best == (seeing.max() if len(seeing) else ORDER.never)


def test_pool_ignores_what_lies_beyond_the_border():
    window = Window(kernel=(2,), stride=(2,), padding=(1,), dilation=(1,), size=(4,), steps=(3,))
    assert window.pool(torch.tensor([[[-5, -7, 1, -2]]]), ORDER).tolist() == [[[-5, 1, -2]]]
    assert window.unpool(torch.tensor([[[3, 1, 2]]]), ORDER).tolist() == [[[3, 1, 1, 2]]]
