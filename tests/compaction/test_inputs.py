"""Models as connectivity takes them: resized, looked up, wrapped; and those that compaction refuses."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import effective_sparsity as es
from effective_sparsity.compaction import compaction
from effective_sparsity.errors import UserError


def half(layer):
    """A mask that leaves every other output of a layer dead."""
    mask = torch.ones_like(layer.weight, dtype=torch.bool)
    mask[::2] = False
    return mask


class Body(nn.Module):
    """A convolution and another one, with an operation between them."""

    def __init__(self, between, channels=4):
        super().__init__()
        self.between = between
        self.first = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.last = nn.Conv2d(channels, 2, 3)

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def shift(x):
    return torch.zeros_like(x).index_add(3, torch.tensor([1, 2, 0, 1, 5, 4]), x)


def choose(x):
    best = x.amax((1, 2)).argmax(1)
    return x + torch.arange(6.0, dtype=x.dtype)[best][:, None, None, None]


BETWEEN = {
    "bilinear": (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), 2),
    "running sum": (lambda x: x.cumsum(2), 2),
    "running sum over units": (lambda x: x.cumsum(1), 4),
    "index_add": (shift, 4),
    "fold": (lambda x: functional.fold(functional.unfold(x, 3, padding=1), 6, 3, padding=1), 4),
    "sort": (lambda x: x.sort(3).values, 2),
    "look up": (choose, None),
    "weight norm": (lambda x: torch._weight_norm(x, torch.ones(1, 1, 1, 6, dtype=x.dtype), 3), 4),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_operations_between_layers(name):
    between, width = BETWEEN[name]
    torch.manual_seed(0)
    model = Body(between).double().eval()
    masked = copy.deepcopy(model)
    mask = half(model.first)
    with torch.no_grad():
        masked.first.weight.mul_(mask)
    small = es.compact(model, {"first.weight": mask}, (1, 6, 6))
    x = torch.randn(3, 1, 6, 6, dtype=torch.float64)
    expected, found = (torch.cat([network(sample) for sample in x.split(1)]) for network in (masked, small))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert width is None or small.first.out_channels == width


def test_wrapped_models_are_unwrapped():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    small = es.compact(nn.DataParallel(model), {"module.0.weight": half(model[0])}, torch.zeros(5, 3))
    assert isinstance(small, nn.Sequential)
    with torch.no_grad():
        masked = copy.deepcopy(model)
        masked[0].weight.mul_(half(model[0]))
        x = torch.randn(7, 3)
        torch.testing.assert_close(small(x), masked(x))
    assert small[0].out_features == 2


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x, y=0):
        return self.fc(x + y)


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (Sum(), (torch.zeros(1, 3), torch.zeros(1, 3)), "models of one input"),
        (Sum(), {"x": torch.zeros(1, 3)}, "models of one input"),
        (nn.Embedding(5, 3), torch.zeros(1, 2, dtype=torch.long), "floating point"),
        (Sum(), "3", "is not a shape"),
    ],
)
def test_other_inputs_are_refused_in_one_line(model, inputs, message):
    with pytest.raises(UserError, match=message) as caught:
        compaction(model, None, inputs)
    assert "\n" not in str(caught.value)


def test_the_report_leaves_out_what_it_cannot_compact(recwarn):
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    table = es.sparsity_report(model, torch.zeros(1, 2, dtype=torch.long), {"1.weight": half(model[1])})
    row = table.set_index("layer").loc["total"]
    assert row[["compact_parameters", "compact_flops", "compact_bytes"]].isna().all()
    assert (row["parameters"], row["live_outputs"]) == (15 + 8, 3 + 1)
    assert not recwarn.list
