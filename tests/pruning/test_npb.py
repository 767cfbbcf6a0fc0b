"""Layers that balance nodes and paths against an integer program and exhaustive search."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.pruning import allocations, npb
from effective_sparsity.pruning.models import without_batch_norm
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.ranking import Priorities

shapes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 2), st.integers(1, 2))


def objective(mask: np.ndarray, paths: np.ndarray) -> float:
    """As its definition says."""
    n = int(mask.sum())
    counts = mask.reshape(*mask.shape[:2], -1).sum(2)  # weights of each kernel (outputs, inputs)
    capacity = mask.size // mask.shape[1]
    most = np.sort(np.repeat(paths, capacity))[::-1][:n].sum()
    nodes = (counts.sum(0) > 0).sum() + (counts.sum(1) > 0).sum()
    balance = npb.ALPHA * nodes / sum(mask.shape[:2]) + npb.BETA * (counts > 0).sum() / n
    return balance + ((1 - npb.ALPHA) * (counts @ paths).sum() / most if most else 0)


def best(shape: tuple[int, ...], paths: np.ndarray, n: int) -> float:
    """The optimum of the integer program: counts by kernel, kernels in use, inputs and outputs in use."""
    outputs, inputs, size = shape[0], shape[1], int(np.prod(shape[2:]))
    n_kernels = outputs * inputs
    most = np.sort(np.repeat(paths, outputs * size))[::-1][:n].sum()
    node = npb.ALPHA / (outputs + inputs)
    value = np.concatenate(
        [
            (1 - npb.ALPHA) * np.tile(paths, outputs) / (most or 1),
            np.full(n_kernels, npb.BETA / n),
            np.full(outputs + inputs, node),
        ]
    )
    kernel = np.eye(n_kernels)
    row = np.repeat(np.eye(outputs), inputs, axis=1)  # (outputs, kernels)
    column = np.tile(np.eye(inputs), outputs)
    nothing = np.zeros((n_kernels, outputs + inputs))
    constraints = [
        LinearConstraint(np.concatenate([np.ones(n_kernels), np.zeros(len(value) - n_kernels)]), n, n),
        LinearConstraint(np.hstack([kernel, -kernel, nothing]), lb=0),
        LinearConstraint(
            np.hstack(
                [
                    np.vstack([row, column]),
                    np.zeros((outputs + inputs, n_kernels)),
                    -np.eye(outputs + inputs),
                ]
            ),
            lb=0,
        ),
    ]
    upper = np.concatenate([np.full(n_kernels, size), np.ones(len(value) - n_kernels)])
    found = milp(-value, constraints=constraints, integrality=np.ones_like(value), bounds=Bounds(0, upper))
    return -found.fun


@settings(max_examples=60, deadline=None)
@given(shapes, st.data())
def test_the_first_weights_are_the_best_of_the_integer_program(shape, data):
    paths = np.array(data.draw(st.lists(st.integers(0, 50), min_size=shape[1], max_size=shape[1])), float)
    n = data.draw(st.integers(1, int(np.prod(shape))))
    ranks = npb.balanced_order(shape, paths, n, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert sorted(ranks.ravel()) == list(range(1, ranks.size + 1))
    assert objective(ranks <= n, paths) == pytest.approx(best(shape, paths, n), rel=1e-6)


def test_no_choice_of_weights_is_better():
    shape, paths = (2, 3, 2), np.array([5.0, 1.0, 4.0])
    for n in range(1, 13):
        ranks = npb.balanced_order(shape, paths, n, np.random.default_rng(n))
        every = []
        for chosen in combinations(range(12), n):
            mask = np.zeros(12, bool)
            mask[list(chosen)] = True
            every.append(objective(mask.reshape(shape), paths))
        assert objective(ranks <= n, paths) == pytest.approx(max(every))


@pytest.mark.parametrize("compression", [10.0, 100.0])
def test_each_layer_is_the_best_for_the_paths_that_the_layers_before_leave(inputs, compression):
    inputs = replace(inputs, compression=compression)
    order = Priorities.of(npb.npb(inputs)).layers
    n_pruned = inputs.n_weights - n_at_compression(inputs.n_weights, compression)
    masks = {name: priority > n_pruned for name, priority in order.items()}
    erk = Priorities.of(allocations.erk(at_random(inputs.weights, 1))).layers
    paths = np.ones(784)
    for name, mask in masks.items():
        n = int(mask.sum())
        assert n == (erk[name] > n_pruned).sum()
        ranks = npb.balanced_order(mask.shape, paths, n, np.random.default_rng(0))
        assert objective(mask, paths) == pytest.approx(objective(ranks <= n, paths), rel=1e-9)
        paths = mask @ paths
    assert paths.sum() > 0


def test_kernels_of_inputs_that_bring_equally_many_paths_are_used_before_any_twice(convolutional_inputs):
    inputs = replace(convolutional_inputs, compression=2.0)
    scores = npb.npb(inputs)
    assert sorted(flatten(Priorities.of(scores).layers)) == list(range(1, inputs.n_weights + 1))
    # In the first layer all channels bring equally many paths: each kernel is used before any is used twice.
    first = Priorities.of(scores).layers["conv1.weight"].reshape(6, 3, -1)
    foremost = np.sort(first.max(2).ravel())
    others = np.sort(first, axis=2)[:, :, :-1]
    assert foremost.min() > others.max()


def test_paths_into_a_layer_are_counted_through_convolutions_and_pools(convolutional_inputs):
    """Against walking them: of masks, every path from a pixel to a feature of the first linear layer."""
    network = convolutional_inputs.architecture
    model = network.build().double()
    random = np.random.default_rng(0)
    masks = {name: random.random(w.shape) < 0.05 for name, w in convolutional_inputs.weights.items()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.zero_()
            if name in masks:
                parameter.copy_(torch.from_numpy(masks[name]))
    model = without_batch_norm(model)
    found = npb._paths_into(model, "fc1.weight", network.input_shape)
    # Without padding, every position of a channel has as many paths; averaging pools pass the number on.
    first = masks["conv1.weight"].sum((1, 2, 3))
    second = (masks["conv2.weight"] * first[None, :, None, None]).sum((1, 2, 3))
    assert np.allclose(found, np.repeat(second, 25))
    assert np.allclose(npb._paths_into(model, "conv2.weight", network.input_shape), first * 14 * 14)
