"""Effective scores against a walk over every single connection, one threshold at a time.

The networks below know their own connections: each module lists, with plain loops, the edges between the
elements of its input and of its result. The walk marks what the input reaches and what reaches the output
over kept edges, and calls a weight active when a kept edge of it joins the two. It shares no code and no idea
with the library.
"""

import math
from functools import cache
from itertools import product

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional as F  # noqa: N812

import effective_sparsity as es

SETTINGS = settings(max_examples=30)


class Wiring:
    """Edges (source, target, weight); a weight is (parameter, flat index), or None for a fixed connection."""

    def __init__(self):
        self.n_nodes = 0
        self.edges = []

    def nodes(self, *shape):
        """New elements of an activation."""
        start = self.n_nodes
        self.n_nodes += int(np.prod(shape))
        return np.arange(start, self.n_nodes).reshape(shape)

    def join(self, sources, targets):
        """Connections without a weight, element by element."""
        self.edges += [(s, t, None) for s, t in zip(sources.flat, targets.flat, strict=True)]

    def active(self, sources, targets, kept):
        """Weights on a path of kept edges from sources to targets."""
        edges = [(s, t, w) for s, t, w in self.edges if w is None or kept[w[0]].flatten()[w[1]]]
        reached = _closure(sources.flat, [(s, t) for s, t, _ in edges])
        reaching = _closure(targets.flat, [(t, s) for s, t, _ in edges])
        masks = {name: np.zeros(mask.shape, dtype=bool) for name, mask in kept.items()}
        for source, target, weight in edges:
            if weight is not None and source in reached and target in reaching:
                masks[weight[0]].flat[weight[1]] = True
        return masks

    def n_paths(self, sources, targets, kept):
        """Paths of kept edges from sources to targets, each followed to its end."""
        following = {}
        for source, target, weight in self.edges:
            if weight is None or kept[weight[0]].flat[weight[1]]:
                following.setdefault(source, []).append(target)
        ends = set(map(int, targets.flat))

        @cache
        def onward(node):
            return (node in ends) + sum(map(onward, following.get(node, ())))

        return sum(onward(int(source)) for source in sources.flat)


def _closure(start, arrows):
    following = {}
    for a, b in arrows:
        following.setdefault(a, []).append(b)
    found = set(map(int, start))
    queue = list(found)
    while queue:
        for b in following.get(queue.pop(), ()):
            if b not in found:
                found.add(b)
                queue.append(b)
    return found


class Linear(nn.Linear):
    def wire(self, wiring, x, names):
        y = wiring.nodes(self.out_features)
        name = names[self.weight]
        for o, i in product(range(self.out_features), range(self.in_features)):
            wiring.edges.append((x[i], y[o], (name, o * self.in_features + i)))
        return y


class Conv(nn.Conv2d):
    def wire(self, wiring, x, names):
        height, width = x.shape[1:]
        (rows, columns), (sr, sc), (pr, pc), (dr, dc) = (
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
        )
        out_height = (height + 2 * pr - dr * (rows - 1) - 1) // sr + 1
        out_width = (width + 2 * pc - dc * (columns - 1) - 1) // sc + 1
        y = wiring.nodes(self.out_channels, out_height, out_width)
        taps = self.weight.numel()
        per_group = self.out_channels // self.groups
        for flat, (o, i, a, b) in zip(range(taps), np.ndindex(*self.weight.shape), strict=True):
            channel = o // per_group * self.weight.shape[1] + i
            for r, c in product(range(out_height), range(out_width)):
                row, column = r * sr - pr + a * dr, c * sc - pc + b * dc
                if self.padding_mode == "circular":
                    row, column = row % height, column % width
                if 0 <= row < height and 0 <= column < width:
                    wiring.edges.append((x[channel, row, column], y[o, r, c], (names[self.weight], flat)))
        return y


class TransposedConv(nn.ConvTranspose2d):
    def wire(self, wiring, x, names):
        height, width = x.shape[1:]
        (rows, columns), (sr, sc), (pr, pc), (dr, dc) = (
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
        )
        out_height = (height - 1) * sr - 2 * pr + dr * (rows - 1) + self.output_padding[0] + 1
        out_width = (width - 1) * sc - 2 * pc + dc * (columns - 1) + self.output_padding[1] + 1
        y = wiring.nodes(self.out_channels, out_height, out_width)
        per_group = self.in_channels // self.groups
        for flat, (i, o, a, b) in enumerate(np.ndindex(*self.weight.shape)):
            channel = i // per_group * self.weight.shape[1] + o
            for r, c in product(range(height), range(width)):
                row, column = r * sr - pr + a * dr, c * sc - pc + b * dc
                if 0 <= row < out_height and 0 <= column < out_width:
                    wiring.edges.append((x[i, r, c], y[channel, row, column], (names[self.weight], flat)))
        return y


class Pool(nn.Module):
    """Overlapping or disjoint windows; the last ones may be cut off (ceil_mode)."""

    def __init__(self, kind, kernel, stride, padding, ceil_mode):
        super().__init__()
        self.pool = kind(kernel, stride, padding, ceil_mode=ceil_mode)
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, x):
        return self.pool(x)

    def wire(self, wiring, x, names):
        channels, height, width = x.shape
        out_height, out_width = self.pool(torch.zeros(1, 1, height, width)).shape[2:]
        y = wiring.nodes(channels, out_height, out_width)
        for k, r, c, a, b in product(*map(range, (*y.shape, self.kernel, self.kernel))):
            row, column = r * self.stride - self.padding + a, c * self.stride - self.padding + b
            if 0 <= row < height and 0 <= column < width:
                wiring.edges.append((x[k, row, column], y[k, r, c], None))
        return y


class Pad(nn.Module):
    def __init__(self, left, right, top, bottom):
        super().__init__()
        self.sides = left, right, top, bottom

    def forward(self, x):
        return F.pad(x, self.sides, value=1.0)

    def wire(self, wiring, x, names):
        left, right, top, bottom = self.sides
        channels, height, width = x.shape
        y = wiring.nodes(channels, top + height + bottom, left + width + right)
        wiring.join(x, y[:, top : top + height, left : left + width])
        return y


class Unitwise(nn.Module):
    """Batch norm with a shift, and an activation in place: transparent."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        nn.init.constant_(self.norm.bias, 0.3)

    def forward(self, x):
        return F.relu(self.norm(x), inplace=True)

    def wire(self, wiring, x, names):
        return x


class Sequence(nn.Sequential):
    def wire(self, wiring, x, names):
        for module in self:
            x = module.wire(wiring, x, names)
        return x


class Residual(Sequence):
    def forward(self, x):
        return x + super().forward(x)

    def wire(self, wiring, x, names):
        inner = super().wire(wiring, x, names)
        y = wiring.nodes(*x.shape)
        wiring.join(x, y)
        wiring.join(inner, y)
        return y


class Dense(Sequence):
    def forward(self, x):
        return torch.cat([super().forward(x), x], 1)

    def wire(self, wiring, x, names):
        return np.concatenate([super().wire(wiring, x, names), x])


class Gate(nn.Module):
    """Squeeze and excitation: the result depends on the input through either factor."""

    def __init__(self, channels):
        super().__init__()
        self.excite = Linear(channels, channels)

    def forward(self, x):
        return x * torch.sigmoid(self.excite(x.mean((2, 3))))[:, :, None, None]

    def wire(self, wiring, x, names):
        squeezed = wiring.nodes(len(x))
        for channel, node in zip(x, squeezed, strict=True):
            wiring.join(channel, np.full(channel.shape, node))
        gates = self.excite.wire(wiring, squeezed, names)
        y = wiring.nodes(*x.shape)
        wiring.join(x, y)
        wiring.join(np.broadcast_to(gates[:, None, None], y.shape), y)
        return y


class Twice(Sequence):
    """One module used at two places."""

    def forward(self, x):
        return super().forward(F.relu(super().forward(x)))

    def wire(self, wiring, x, names):
        return super().wire(wiring, super().wire(wiring, x, names), names)


class Classifier(Linear):
    def forward(self, x):
        return super().forward(x.flatten(1))

    def wire(self, wiring, x, names):
        return super().wire(wiring, x.flatten(), names)


@st.composite
def networks(draw, linear_only=False):
    """A small convolutional network and the shape of its input."""
    channels = draw(st.integers(1, 3))
    size = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    shape = (channels, *size)
    modules = []
    for _ in range(draw(st.integers(1, 4))):
        module = draw(_blocks(channels, size, linear_only))
        try:
            result = module.eval()(torch.zeros(1, channels, *size))
        except RuntimeError:
            continue  # the map is too small for this block
        if result.numel() == 0:
            continue
        channels, *size = result.shape[1:]
        modules.append(module)
        if channels * np.prod(size) > 80:
            break
    modules.append(
        Classifier(channels * int(np.prod(size)), draw(st.integers(1, 3)), bias=draw(st.booleans()))
    )
    return Sequence(*modules), shape


def _same(channels):
    return [
        Conv(channels, channels, 3, padding=1, groups=channels),
        Unitwise(channels),
        Conv(channels, channels, 1),
    ]


@st.composite
def _blocks(draw, channels, size, linear_only):
    kinds = ["conv", "transposed", "average", "residual", "dense", "twice"]
    kinds += [] if linear_only else ["max", "pad", "gate"]
    kind = draw(st.sampled_from(kinds))
    if kind == "conv":
        groups = draw(st.sampled_from([1, channels]))
        kernel = tuple(draw(st.integers(1, min(3, n))) for n in size)
        reach = [draw(st.integers(1, 2)) if 2 * (k - 1) < n else 1 for k, n in zip(kernel, size, strict=True)]
        return Conv(
            channels,
            groups * draw(st.integers(1, 2)),
            kernel,
            stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            padding=tuple(draw(st.integers(0, 2)) if n > 2 else 1 for n in size),
            dilation=tuple(reach),
            groups=groups,
            padding_mode=draw(st.sampled_from(["zeros", "circular"])),
        )
    if kind == "transposed":
        groups = draw(st.sampled_from([1, channels]))
        stride = draw(st.integers(1, 2))
        padding = draw(st.integers(0, 1))
        extra = draw(st.integers(0, stride - 1))
        return TransposedConv(channels, groups, (3, 2), stride, padding, output_padding=extra, groups=groups)
    if kind in ("average", "max"):
        padding = draw(st.integers(0, 1))
        pool = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}[kind]
        return Pool(pool, 2, draw(st.integers(1, 2)), padding, draw(st.booleans()))
    if kind == "pad":
        return Pad(*(draw(st.integers(0, 2)) for _ in range(4)))
    if kind == "gate":
        return Gate(channels)
    return {"residual": Residual, "dense": Dense, "twice": Twice}[kind](*_same(channels))


def brute_force(model, input_shape, scores):
    """Effective scores by one walk per threshold."""
    wiring = Wiring()
    sources = wiring.nodes(*input_shape)
    targets = model.wire(wiring, sources, {parameter: name for name, parameter in model.named_parameters()})
    effective = {name: np.full(score.shape, np.iinfo(np.int32).min) for name, score in scores.items()}
    for threshold in np.unique(np.concatenate([score.flatten() for score in scores.values()])):
        kept = {name: score >= threshold for name, score in scores.items()}
        for name, active in wiring.active(sources, targets, kept).items():
            effective[name][active] = threshold
    return effective


@SETTINGS
@given(networks(), st.integers(0, 2**32 - 1), st.floats(0.1, 1))
def test_the_number_of_paths_is_that_of_a_walk_along_each(network, seed, density):
    model, shape = network
    kept = {name: score < 100 * density for name, score in random_scores(model, seed, 100).items()}
    wiring = Wiring()
    sources = wiring.nodes(*shape)
    targets = model.wire(wiring, sources, {parameter: name for name, parameter in model.named_parameters()})
    n_paths = wiring.n_paths(sources, targets, kept)
    connectivity = es.Connectivity(model, shape)
    expected = math.log10(n_paths) if n_paths else -math.inf
    assert connectivity.log10_paths(kept) == pytest.approx(expected, abs=1e-12)
    assert connectivity.log10_paths(connectivity.effective_masks(kept)) == pytest.approx(expected, abs=1e-12)


def random_scores(model, seed, levels):
    generator = np.random.default_rng(seed)
    return {
        name: generator.integers(0, levels, parameter.shape, dtype=np.int32)
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1
    }


@SETTINGS
@given(networks(), st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_equals_a_walk_at_every_threshold(network, seed, levels):
    model, shape = network
    scores = random_scores(model, seed, levels)
    effective = es.effective_scores(model, scores, shape)
    for name, expected in brute_force(model, shape, scores).items():
        np.testing.assert_array_equal(effective[name], expected, err_msg=name)


@SETTINGS
@given(networks(linear_only=True), st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_equals_float64_path_sums_with_positive_weights(network, seed, density):
    model, shape = network
    generator = torch.Generator().manual_seed(seed)
    masks = {
        name: torch.rand(parameter.shape, generator=generator) < density
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1
    }
    active = es.effective_masks(model, masks, shape)
    for name, expected in path_sums(model, masks, shape).items():
        assert torch.equal(active[name], expected), name


def path_sums(model, masks, input_shape):
    """A weight is active when the sum over its paths of the products of positive weights is not zero."""
    model = model.double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(
                masks[name] * torch.rand_like(parameter).add(0.5) if name in masks else parameter.abs()
            )
            if name.endswith("bias"):
                parameter.zero_()
    model(torch.ones(1, *input_shape, dtype=torch.float64)).sum().backward()
    sums = {name: model.get_parameter(name) * model.get_parameter(name).grad for name in masks}
    assert all(s.isfinite().all() for s in sums.values())
    return {name: s != 0 for name, s in sums.items()}


@SETTINGS
@given(networks(), st.integers(0, 2**32 - 1))
def test_effective_scores_are_below_scores_idempotent_and_monotone(network, seed):
    model, shape = network
    connectivity = es.connectivity.Connectivity(model, shape)
    scores = random_scores(model, seed, 1000)
    effective = connectivity.effective_scores(scores)
    again = connectivity.effective_scores(effective)
    raised = connectivity.effective_scores({name: score + score % 7 for name, score in scores.items()})
    for name, score in scores.items():
        assert (effective[name] <= score).all()
        assert (again[name] == effective[name]).all()
        assert (raised[name] >= effective[name]).all()


@SETTINGS
@given(networks(), st.integers(0, 2**32 - 1), st.sampled_from([torch.int32, torch.float32]), st.booleans())
def test_overwriting_the_scores_changes_no_result(network, seed, dtype, arrays):
    model, shape = network
    connectivity = es.connectivity.Connectivity(model, shape)
    scores = {
        name: torch.as_tensor(score - 500).to(dtype)
        for name, score in random_scores(model, seed, 1000).items()
    }
    expected = connectivity.effective_scores(scores)
    given_scores = {
        name: score.clone().numpy() if arrays else score.clone() for name, score in scores.items()
    }
    effective = connectivity.effective_scores(given_scores, overwrite=True)
    for name, score in expected.items():
        np.testing.assert_array_equal(effective[name], score)
        assert np.shares_memory(effective[name], given_scores[name]) or 0 in score.shape


@SETTINGS
@given(networks(), st.integers(0, 2**32 - 1))
def test_masks_are_the_scores_cut_at_a_threshold(network, seed):
    model, shape = network
    connectivity = es.connectivity.Connectivity(model, shape)
    scores = random_scores(model, seed, 5)
    effective = connectivity.effective_scores(scores)
    for threshold in range(5):
        active = connectivity.effective_masks({name: score >= threshold for name, score in scores.items()})
        for name, mask in active.items():
            np.testing.assert_array_equal(mask, effective[name] >= threshold)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    ],
)
def test_every_dtype_gives_the_same_order(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 3)
    )
    scores = {name: torch.randint(-9, 9, p.shape) for name, p in model.named_parameters() if p.ndim > 1}
    expected = es.effective_scores(model, scores, (2, 4, 4))
    effective = es.effective_scores(model, {name: s.to(dtype) for name, s in scores.items()}, (2, 4, 4))
    for name, score in effective.items():
        assert score.dtype == dtype
        assert torch.equal(score.double(), expected[name].double())


def test_neighbouring_large_integers_and_tiny_floats_are_told_apart():
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    large = 2**53
    scores = {"0.weight": torch.tensor([[large + 1, large + 3]]), "1.weight": torch.tensor([[large + 2]])}
    effective = es.effective_scores(model, scores, (2,))
    assert effective["0.weight"].tolist() == [[large + 1, large + 2]]
    assert effective["1.weight"].tolist() == [[large + 2]]
    tiny = 5e-324
    weights = {"0.weight": [[tiny, 3 * tiny]], "1.weight": [[2 * tiny]]}
    scores = {name: torch.tensor(weight, dtype=torch.float64) for name, weight in weights.items()}
    effective = es.effective_scores(model, scores, (2,))
    assert effective["0.weight"].tolist() == [[tiny, 2 * tiny]]
