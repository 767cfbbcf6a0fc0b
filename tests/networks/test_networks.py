"""The networks of the study: their sizes, and initial weights that the seed decides."""

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.connectivity import effective_masks
from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.resnet_18 import ResidualBlock
from effective_sparsity.networks.state import initial_state, state_of, with_state

PRUNABLE = {
    "lenet-300-100": (3, 266_200),
    "lenet-5": (5, 61_770),
    "vgg-16": (14, 14_715_584),
    "vgg-19": (17, 20_070_080),
    "resnet-18": (21, 11_261_632),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_the_paper_s_layers_and_weights(name):
    weights = kernels(NETWORKS[name].build())
    assert (len(weights), sum(weight.numel() for weight in weights.values())) == PRUNABLE[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_turn_images_into_logits(name):
    network = NETWORKS[name]
    logits = network.build()(torch.zeros(2, *network.input_shape))
    assert logits.shape == (2, network.classes)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_may_have_other_numbers_of_classes(name):
    network = NETWORKS[name].with_classes(7)
    logits = network.build().eval()(torch.zeros(1, *network.input_shape))
    assert logits.shape == (1, 7)


def test_only_lenet_300_100_has_no_convolution():
    assert [name for name, network in NETWORKS.items() if not network.convolutional] == ["lenet-300-100"]


def test_every_layer_is_followed_by_a_batch_norm():
    for network in NETWORKS.values():
        modules = list(network.build().modules())
        n_batch_norms = sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)
        assert n_batch_norms == len(kernels(network.build()))


def test_a_residual_block_without_its_convolutions_is_its_shortcut():
    images = torch.rand(2, 4, 6, 6)
    same, halved = ResidualBlock(4, 4, stride=1).eval(), ResidualBlock(4, 8, stride=2).eval()
    for block in (same, halved):
        nn.init.zeros_(block.conv2.weight)
    assert torch.equal(same(images), images)
    projected = halved.shortcut.conv(images) / np.sqrt(1 + 1e-5)
    assert torch.allclose(halved(images), projected.relu(), atol=1e-6)


def test_kernels_are_the_weights_of_linear_layers_and_convolutions_in_order():
    nested = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nested)
    assert list(kernels(model)) == ["0.weight", "2.0.weight"]
    assert list(kernels(nn.Linear(2, 2))) == ["weight"]


def test_initial_kernels_have_the_stated_variance_and_cut():
    model = nn.Sequential(nn.Linear(400, 600), nn.Conv2d(32, 64, 3))
    initialise(model, seed=0)
    for weight, fan_average in [(model[0].weight, 500), (model[1].weight, (32 + 64) * 9 / 2)]:
        sigma = np.sqrt(2 / fan_average)
        assert weight.std().item() == pytest.approx(sigma, rel=0.02)
        # The normal distribution that is cut is wider, so that its cut version has the variance.
        assert weight.abs().max().item() == pytest.approx(2 * sigma / 0.8796, rel=0.01)
    assert not model[0].bias.any()


def test_initial_weights_depend_on_the_seed_alone():
    network = NETWORKS["lenet-300-100"]
    first, names = initial_state(network, seed=1)
    torch.rand(5)  # the global random state plays no part
    again, _ = initial_state(network, seed=1)
    other, _ = initial_state(network, seed=2)
    assert names == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in names)


def test_a_layer_does_not_change_with_the_layers_before_it():
    wide, narrow = (nn.Sequential(nn.Linear(7, width), nn.Linear(5, 3)) for width in (9, 4))
    for model in (wide, narrow):
        initialise(model, seed=0)
    assert torch.equal(wide[1].weight, narrow[1].weight)


def test_initialising_again_forgets_everything():
    model = NETWORKS["lenet-300-100"].build()
    initialise(model, seed=0)
    fresh = state_of(model)
    model.train()(torch.randn(8, 1, 28, 28))
    with torch.no_grad():
        model.bn1.weight.mul_(2)
        model.fc1.bias.add_(1)
    initialise(model, seed=0)
    assert all(np.array_equal(value, fresh[name]) for name, value in state_of(model).items())


def test_states_go_into_models_and_back():
    network = NETWORKS["lenet-300-100"]
    state, _ = initial_state(network, seed=3)
    back = state_of(with_state(network.build(), state))
    assert list(back) == list(state)
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_norms_have_the_reference_s_epsilon(name):
    norms = [m for m in NETWORKS[name].build().modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert {norm.eps for norm in norms} == {1e-3}


@pytest.mark.parametrize("name", NETWORKS)
def test_dense_networks_have_no_inactive_weight(name):
    network = NETWORKS[name]
    model = network.build()
    masks = {name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in kernels(model).items()}
    assert all(active.all() for active in effective_masks(model, masks, network.input_shape).values())
