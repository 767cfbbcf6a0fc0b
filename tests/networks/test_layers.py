"""Plain networks as data, and the PyTorch models that they describe."""

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.errors import UserError
from effective_sparsity.networks.layers import (
    Convolution,
    Linear,
    activation_shapes,
    check_state,
    fully_connected,
)
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.sequential import sequential
from effective_sparsity.networks.state import state_of

IMAGES, CLASSES = (1, 8, 8), 5
LAYERS = (
    Convolution("conv1", "bn1", 5, (3, 3), pool=2),
    Convolution("conv2", "bn2", 6, (1, 2)),
    Linear("fc1", "bn3", 9),
    Linear("fc2", "bn4"),
)


@pytest.fixture
def state():
    return state_of(sequential(LAYERS, IMAGES, CLASSES))


def test_linear_layers_are_named_in_order():
    assert fully_connected(4, 3) == (Linear("fc1", "bn1", 4), Linear("fc2", "bn2", 3), Linear("fc3", "bn3"))
    assert activation_shapes(fully_connected(4, 3), (1, 2, 3), 2) == [
        (1, 2, 3),
        (4, 1, 1),
        (3, 1, 1),
        (2, 1, 1),
    ]


def test_shapes_are_those_of_the_network():
    expected = [(1, 8, 8), (5, 3, 3), (6, 3, 2), (9, 1, 1), (5, 1, 1)]
    assert activation_shapes(LAYERS, IMAGES, CLASSES) == expected
    x, shapes = torch.zeros(2, *IMAGES), [torch.Size(IMAGES)]
    for name, module in sequential(LAYERS, IMAGES, CLASSES).named_children():
        x = module(x)
        if name in ("pool1", "relu2", "relu3", "bn4"):
            shapes.append(x.shape[1:])
    assert [shape.numel() for shape in shapes] == [
        shape.size for shape in activation_shapes(LAYERS, IMAGES, CLASSES)
    ]


def test_the_model_of_lenet_5_is_that_of_the_paper():
    model = NETWORKS["lenet-5"].build()
    kinds = [type(module) for module in model]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AvgPool2d]
    dense = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert kinds == [*block, *block, nn.Flatten, *dense, *dense, *dense[:2]]
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert {name: shape for name, shape in shapes.items() if name.endswith("weight") and len(shape) > 1} == {
        "conv1.weight": (6, 3, 5, 5),
        "conv2.weight": (16, 6, 5, 5),
        "fc1.weight": (120, 400),
        "fc2.weight": (84, 120),
        "fc3.weight": (10, 84),
    }


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.layers])
def test_states_of_plain_networks_have_their_layers(name):
    network = NETWORKS[name].with_classes(7)
    shapes = activation_shapes(network.layers, network.input_shape, network.classes)
    check_state(state_of(network.build()), network.layers, shapes)


def without(name):
    return lambda state: {key: array for key, array in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {}, "bn1.bias.*missing"),
        (without("bn2.weight"), "bn2.weight.*missing"),
        (lambda state: state | {"conv.weight": np.zeros((2, 2))}, "conv.weight.*unknown"),
        (
            lambda state: state | {"fc2.weight": np.zeros((3, 5), np.float32)},
            r"fc2.weight.*not float32 \(5, 9\)",
        ),
        (lambda state: state | {"conv2.weight": np.zeros((6, 5, 2, 1), np.float32)}, "conv2.weight"),
        (lambda state: state | {"bn1.bias": np.zeros(4, np.float32)}, "bn1.bias"),
        (lambda state: state | {"bn1.bias": np.zeros(5)}, "bn1.bias.*float64"),
    ],
)
def test_the_state_of_another_network_is_refused_by_name(state, change, message):
    with pytest.raises(UserError, match=message):
        check_state(change(state), LAYERS, activation_shapes(LAYERS, IMAGES, CLASSES))


@pytest.mark.parametrize(
    ("layers", "images", "message"),
    [
        (LAYERS, (1, 7, 8), "conv1.*5 x 6 positions"),
        (LAYERS, (1, 2, 8), "conv1.*0 x 6 positions"),
        ((Convolution("conv1", "bn1", 5, (3, 3), pool=4), *LAYERS[1:]), (1, 8, 8), "squares of 4 x 4"),
        (LAYERS[::-1], (1, 8, 8), "convolutions, if any, and then linear layers, not fc2"),
        (LAYERS[:2], (1, 8, 8), "not conv1, conv2"),
        ((), (1, 8, 8), "not none"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, images, message):
    with pytest.raises(UserError, match=message):
        activation_shapes(layers, images, CLASSES)
