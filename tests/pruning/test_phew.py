"""Walks against a walker that looks up one choice after another."""

import numpy as np
import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.vectors import flatten, unflatten
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import phew
from effective_sparsity.pruning.pruners import Inputs

# Of two convolutions whose channels have four features each, and two linear layers.
CONVOLUTIONAL = {"a": (3, 2, 2, 2), "b": (5, 3, 3, 1), "c": (6, 20), "d": (4, 6)}
FULLY_CONNECTED = {"a": (7, 9), "b": (4, 7), "c": (3, 4)}


def small_inputs(shapes, seed) -> Inputs:
    random = np.random.default_rng(seed)
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Inputs(None, weights, tuple(weights), seed=seed)


def walked(inputs: Inputs, n_walks: int) -> list[list[tuple[str, tuple[int, ...]]]]:
    """The weights that each walk passes, in its order, by layer and index."""
    random = np.random.default_rng([inputs.seed, phew._WALKS])
    layers = [(name, np.abs(weight.astype(float))) for name, weight in inputs.weights.items()]

    def weight_of(name, magnitudes, output, source):
        kernel = magnitudes[output, source]
        where = random.choice(kernel.size, p=(kernel / kernel.sum()).ravel()) if kernel.size > 1 else 0
        return name, (output, source, *map(int, np.unravel_index(where, kernel.shape)))

    def forward(unit):
        width = layers[0][1].shape[1]
        for name, magnitudes in layers:
            n_inputs = magnitudes.shape[1]
            if n_inputs != width:
                features = n_inputs // width
                unit = unit * features + random.choice(features, p=np.full(features, 1 / features))
            sizes = magnitudes[:, unit].reshape(len(magnitudes), -1).sum(1)
            output = random.choice(len(sizes), p=sizes / sizes.sum())
            yield weight_of(name, magnitudes, output, unit)
            unit, width = output, len(magnitudes)

    def backward(unit):
        for number, (name, magnitudes) in reversed(list(enumerate(layers))):
            sizes = magnitudes[unit].reshape(magnitudes.shape[1], -1).sum(1)
            source = random.choice(len(sizes), p=sizes / sizes.sum())
            yield weight_of(name, magnitudes, unit, source)
            if number:
                unit = source // (magnitudes.shape[1] // len(layers[number - 1][1]))

    n_inputs, n_outputs = layers[0][1].shape[1], len(layers[-1][1])
    return [
        list(backward(walk // 2 % n_outputs) if walk % 2 else forward(walk // 2 % n_inputs))
        for walk in range(n_walks)
    ]


@pytest.mark.parametrize("shapes", [FULLY_CONNECTED, CONVOLUTIONAL], ids=["linear", "convolutional"])
@pytest.mark.parametrize("seed", range(5))
def test_weights_are_kept_in_the_order_in_which_walks_first_pass_them(shapes, seed):
    inputs = small_inputs(shapes, seed)
    scores = phew.phew(inputs)
    expected = {name: np.full(shape, -np.inf) for name, shape in shapes.items()}
    count = 0
    for walk in walked(inputs, 200):
        if count >= inputs.n_weights // 2:
            break
        for name, index in walk:
            if np.isneginf(expected[name][index]):
                count += 1
                expected[name][index] = -count
    assert count >= inputs.n_weights // 2
    assert all(np.array_equal(scores[name], expected[name]) for name in shapes)


def test_what_whole_walks_have_passed_is_active(convolutional_inputs):
    inputs = convolutional_inputs
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)
    order = flatten(phew.phew(inputs))
    for n_kept in (62, 618, 6177):
        kept = unflatten(order >= -n_kept, inputs.weights)
        active = flatten(connectivity.effective_masks(kept)).sum()
        assert n_kept - len(inputs.weights) < active <= n_kept  # but for those of the last walk


def test_larger_weights_are_passed_sooner(inputs):
    scores = phew.phew(inputs)
    for name, weight in inputs.weights.items():
        magnitude, passed = np.abs(weight), np.isfinite(scores[name])
        if not passed.all():
            assert magnitude[passed].mean() > 1.5 * magnitude[~passed].mean()


def test_layers_with_zeros_alone_are_walked_as_if_their_weights_were_equal():
    inputs = small_inputs(FULLY_CONNECTED, 0)
    weights = inputs.weights | {"b": np.zeros((4, 7), np.float32)}
    scores = phew.phew(Inputs(None, weights, tuple(weights), seed=0))
    assert np.isfinite(scores["b"]).sum() > 5


def test_networks_with_branches_are_refused():
    network = NETWORKS["resnet-18"]
    state, prunable = initial_state(network, 0)
    with pytest.raises(UserError, match=r"does not read the 128 outputs .* without branches"):
        phew.phew(Inputs(network, state, tuple(prunable), seed=0))
