import numpy as np
import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.training.layers import Convolution, Linear, activation_shapes, linear_layers

WIDTHS = (6, 4, 3, 2)


@pytest.fixture
def initial(perceptron, state_of):
    return state_of(perceptron(WIDTHS))


def test_linear_layers_are_read_off_the_state(initial):
    layers = linear_layers(initial)
    assert layers == (Linear("fc1", "bn1"), Linear("fc2", "bn2"), Linear("fc3", "bn3"))
    assert activation_shapes(layers, initial, (1, 2, 3)) == [(1, 2, 3), (4, 1, 1), (3, 1, 1), (2, 1, 1)]


def test_shapes_are_those_of_the_network(convolutional, convolutional_layers, state_of):
    shapes = activation_shapes(convolutional_layers, state_of(convolutional()), (1, 8, 8))
    assert shapes == [(1, 8, 8), (5, 3, 3), (6, 3, 2), (9, 1, 1), (5, 1, 1)]


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.layers])
def test_registered_layers_are_those_of_the_network(name):
    network = NETWORKS[name]
    initial, kernels = initial_state(network, seed=0)
    assert [f"{layer.name}.weight" for layer in network.layers] == kernels
    assert activation_shapes(network.layers, initial, network.input_shape)[-1] == (network.classes, 1, 1)


def without(name):
    return lambda state: {key: array for key, array in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {}, "linear layers .fc1, ....*not for none"),
        (without("bn2.weight"), "bn2.weight.*missing"),
        (without("fc2.weight"), "fc3.weight|fc2.weight"),
        (lambda state: state | {"conv.weight": np.zeros((2, 2))}, "conv.weight.*unknown"),
        (lambda state: state | {"fc2.weight": np.zeros((3, 5), np.float32)}, "fc2.weight"),
        (lambda state: state | {"fc2.weight": np.zeros((3, 4, 1, 1), np.float32)}, "fc2.weight"),
        (lambda state: state | {"bn1.bias": np.zeros(5, np.float32)}, "bn1.bias"),
        (lambda state: state | {"bn1.bias": np.zeros(4)}, "bn1.bias.*float64"),
    ],
)
def test_another_kind_of_network_is_refused_by_name(initial, change, message):
    with pytest.raises(UserError, match=message):
        state = change(initial)
        activation_shapes(linear_layers(state), state, (1, 2, 3))


@pytest.mark.parametrize(
    ("change", "images", "message"),
    [
        (lambda layers: layers, (2, 8, 8), "conv1.weight.*2 channels"),
        (lambda layers: layers, (1, 7, 8), "conv1.weight.*5 x 6 positions"),
        (lambda layers: layers, (1, 2, 8), "conv1.weight.*0 x 6 positions"),
        (lambda layers: layers, (1, 8, 10), "fc1.weight.*54 values"),
        (lambda layers: (Convolution("conv1", "bn1", pool=4), *layers[1:]), (1, 8, 8), "squares of 4 x 4"),
        (lambda layers: layers[1:], (5, 3, 3), "bn1.bias.*unknown"),
        (lambda layers: layers[::-1], (1, 8, 8), "convolutions, if any, and then linear layers.*not for fc2"),
        (lambda layers: layers[:2], (1, 8, 8), "not for conv1, conv2"),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    convolutional, convolutional_layers, state_of, change, images, message
):
    with pytest.raises(UserError, match=message):
        activation_shapes(change(convolutional_layers), state_of(convolutional()), images)
