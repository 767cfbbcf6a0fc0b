"""The compacted network against the masked one, in float64, on random networks."""

import copy
from itertools import pairwise

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional as F  # noqa: N812

from effective_sparsity.compaction import compact, compacting, compaction
from effective_sparsity.compaction.narrowing import narrowed
from effective_sparsity.errors import UserError

# Densities of layers; low ones leave units without inputs, whose biases keep talking.
DENSITIES = st.sampled_from([0.0, 0.05, 0.15, 0.4, 0.9])
ACTIVATIONS = st.sampled_from([nn.ReLU, nn.GELU, nn.Sigmoid, nn.Hardswish, nn.Identity])


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Dense(nn.Sequential):
    def forward(self, x):
        return torch.cat([super().forward(x), x], 1)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels):
        super().__init__()
        self.down = nn.Conv2d(channels, 3, 1)
        self.up = nn.Conv2d(3, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Shuffle(nn.Module):
    def forward(self, x):
        batch, channels, height, width = x.shape
        return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(x.shape)


@st.composite
def convolutions(draw, channels, out=None, keep_size=False):
    groups = draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0]))
    out = out or groups * draw(st.integers(1, 3))
    if out % groups:
        groups = 1
    kernel = draw(st.sampled_from([1, 3]))
    dilation = 1 if keep_size else draw(st.integers(1, 2))
    stride = 1 if keep_size else draw(st.integers(1, 2))
    padding = kernel // 2 if keep_size else draw(st.integers(0, 2))
    mode = draw(st.sampled_from(["zeros", "zeros", "circular"])) if padding <= 1 else "zeros"
    bias = draw(st.booleans())
    return nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, bias, padding_mode=mode)


@st.composite
def layers(draw, channels, size):
    """A few layers after each other, and the number of channels at the end."""
    sequence = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "conv", "residual", "dense", "pool", "gate", "shuffle", "norm"]))
        if kind == "conv":
            layer = draw(convolutions(channels))
        elif kind == "residual":
            hidden = draw(st.integers(1, 4))
            first = draw(convolutions(channels, hidden, keep_size=True))
            last = draw(convolutions(hidden, channels, keep_size=True))
            layer = Residual(
                first, nn.BatchNorm2d(hidden), draw(ACTIVATIONS)(), last, nn.BatchNorm2d(channels)
            )
        elif kind == "dense":
            layer = Dense(draw(convolutions(channels, 3, keep_size=True)), draw(ACTIVATIONS)())
        elif kind == "pool":
            pools = [
                nn.MaxPool2d(2),
                nn.AvgPool2d(2, ceil_mode=True),
                nn.MaxPool2d(3, 1, 1),
                nn.AvgPool2d(3, 1, 1),
            ]
            layer = draw(st.sampled_from(pools))
        elif kind == "gate":
            layer = Gate(channels)
        elif kind == "shuffle":
            layer = Shuffle() if channels % 2 == 0 else nn.PReLU(channels)
        else:
            layer = nn.Sequential(nn.BatchNorm2d(channels), draw(ACTIVATIONS)())
        probe = torch.zeros(1, channels, size, size)
        with torch.no_grad():
            try:
                shape = copy.deepcopy(layer).eval()(probe).shape
            except RuntimeError:  # the map is too small for this layer
                continue
        if 0 in shape or shape[2] != shape[3]:
            continue
        channels, size = shape[1], shape[2]
        sequence += [layer, draw(ACTIVATIONS)()]
    return sequence, channels, size


@st.composite
def convolutional(draw):
    sequence, channels, size = draw(layers(2, 6))
    classes = draw(st.integers(1, 3))
    if draw(st.booleans()):
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    else:
        hidden = draw(st.integers(1, 5))
        flat = channels * size * size
        norm = nn.BatchNorm1d(hidden)
        head = [nn.Flatten(), nn.Linear(flat, hidden), norm, nn.ReLU(), nn.Linear(hidden, classes)]
    return pruned(draw, nn.Sequential(*sequence, *head)), (2, 6, 6)


@st.composite
def fully_connected(draw):
    widths = [3, *draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)), 2]
    sequence = []
    for inputs, outputs in pairwise(widths):
        sequence += [nn.Linear(inputs, outputs, bias=draw(st.booleans()))]
        if draw(st.booleans()):
            sequence += [nn.BatchNorm1d(outputs, affine=draw(st.booleans()))]
        sequence += [draw(ACTIVATIONS)()]
    shape = (3,)
    model = nn.Sequential(*sequence)
    if draw(st.booleans()):  # tokens, with a norm that mixes units
        model = nn.Sequential(
            nn.Linear(3, 4),
            nn.GELU(),
            nn.Linear(4, 5),
            nn.LayerNorm(5),
            nn.Linear(5, 4),
            nn.ReLU(),
            nn.Linear(4, 2),
        )
        shape = (7, 3)
    return pruned(draw, model), shape


def pruned(draw, model):
    """The model with random parameters and statistics, and random masks."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    masks = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
        for parameter in module.parameters(recurse=False):
            nn.init.normal_(parameter)
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            masks[f"{name}.weight"] = torch.rand_like(module.weight) < draw(DENSITIES)
    return model.double().eval(), masks


def masked(model, masks):
    model = copy.deepcopy(model).eval()
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask)
    return model


def assert_same(model, other, shape, batch=3):
    x = torch.randn(batch, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = model(x), other(x)
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.filterwarnings("ignore:no path is left")
@pytest.mark.parametrize("constants", ["fold", "keep", "train"])
@given(data=st.data())
@settings(max_examples=25)
def test_the_function_stays_the_same(constants, data):
    (model, masks), shape = data.draw(st.one_of(convolutional(), fully_connected()))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    small = compact(model, masks, shape, constants).eval()
    assert_same(masked(model, masks), small, shape)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.filterwarnings("ignore:no path is left")
@given(data=st.data())
@settings(max_examples=20)
def test_compacting_again_changes_nothing(data):
    (model, masks), shape = data.draw(st.one_of(convolutional(), fully_connected()))
    result = compaction(model, masks, shape)
    if not result.masks:
        return
    again = compact(result.model, result.masks, shape)
    shapes = {name: parameter.shape for name, parameter in result.model.named_parameters()}
    assert {name: parameter.shape for name, parameter in again.named_parameters()} == shapes
    assert_same(result.model.eval(), again.eval(), shape)


def test_a_constant_branch_that_is_compacted_again_stays():
    torch.manual_seed(0)
    layers = [Dense(nn.Conv2d(2, 3, 1), nn.ReLU()), Gate(5), Gate(5), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(5, 1)).double().eval()
    masks = {
        f"{name}.weight": torch.zeros_like(module.weight, dtype=torch.bool)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    small = compact(model, masks, (2, 6, 6))
    assert_same(masked(model, masks), small, (2, 6, 6))
    assert_same(small, compact(small, None, (2, 6, 6)), (2, 6, 6))


@st.composite
def chains(draw):
    widths = [3, *draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)), 2]
    sequence = []
    for inputs, outputs in pairwise(widths):
        sequence += [nn.Linear(inputs, outputs), nn.ReLU()]
    return pruned(draw, nn.Sequential(*sequence[:-1])), (3,)


@given(data=st.data())
@settings(max_examples=40)
def test_chains_keep_exactly_their_live_units(data):
    (model, masks), shape = data.draw(chains())
    weights = [mask.numpy().astype(int) for mask in masks.values()]
    # Paths from all inputs to each unit, and from each unit to all outputs.
    arriving, leaving = [weights[0].sum(1)], [weights[-1].sum(0)]
    for weight in weights[1:]:
        arriving.append(weight @ arriving[-1])
    for weight in reversed(weights[:-1]):
        leaving.insert(0, weight.T @ leaving[0])
    if not arriving[-1].any():
        with pytest.warns(UserWarning, match="no path is left"):
            assert not list(compact(model, masks, shape).parameters())
        return
    live = [int(((a > 0) & (b > 0)).sum()) for a, b in zip(arriving[:-1], leaving[1:], strict=True)]
    small = compact(model, masks, shape)
    assert [layer.out_features for layer in small if isinstance(layer, nn.Linear)] == [*live, 2]


@pytest.mark.parametrize(("layer", "place"), [("0", "0"), ("2", "2"), ("3", "its outputs")])
def test_a_network_that_was_narrowed_wrongly_is_refused(monkeypatch, layer, place):
    def narrowed_wrongly(model, plan):
        small = narrowed(model, plan)
        with torch.no_grad():
            small.get_parameter(f"{layer}.weight").mul_(1 + 1e-6)
        return small

    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2), nn.BatchNorm1d(2))
    mask = torch.tensor([[True] * 4, [True] * 4, [False] * 4])
    monkeypatch.setattr(compacting, "narrowed", narrowed_wrongly)
    with pytest.raises(UserError, match=f"^the compacted network differs from the masked one at {place}; "):
        compact(model, {"0.weight": mask}, (4,))
