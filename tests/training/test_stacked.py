"""Networks that are trained as a stack follow the trajectories that they have alone."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.networks.initialisation import initialise
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import with_state
from effective_sparsity.training import checkpoint
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.masked import evaluate, train_masked, train_stacked

WIDTHS = (64, 24, 16, 5)


@pytest.fixture
def subnetworks(random_masks):
    """Dense, sparse, with a kernel that has no mask, and disconnected."""
    networks = [
        random_masks(WIDTHS, (density, density, 0.6), seed) for seed, density in enumerate([1, 0.4, 0.3])
    ]
    del networks[2]["fc3.weight"]
    return [*networks, random_masks(WIDTHS, (0, 0, 0))]


def convolutional():
    """LeNet-5's kinds of layers, small, for 8x8 images."""
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 4, 3),
            bn1=nn.BatchNorm2d(4),
            relu1=nn.ReLU(),
            pool1=nn.AvgPool2d(2),
            conv2=nn.Conv2d(4, 6, 2),
            bn2=nn.BatchNorm2d(6),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            fc=nn.Linear(24, 5),
            bn3=nn.BatchNorm1d(5),
        )
    )


def convolutional_masks(density, seed):
    random = np.random.default_rng(seed)
    shapes = {"conv1.weight": (4, 1, 3, 3), "conv2.weight": (6, 4, 2, 2), "fc.weight": (5, 24)}
    return {name: random.random(shape) < density for name, shape in shapes.items()}


def assert_follows(stacked, alone, tolerance):
    for name, array in alone.state.items():
        assert stacked.state[name].shape == array.shape and stacked.state[name].dtype == array.dtype
        np.testing.assert_allclose(stacked.state[name], array, rtol=tolerance, atol=tolerance, err_msg=name)
    np.testing.assert_allclose(stacked.history, alone.history, rtol=tolerance, atol=tolerance)
    assert (stacked.status, stacked.steps) == (alone.status, alone.steps)


def test_perceptrons_follow_masked_training_over_hundreds_of_steps(
    perceptron, subnetworks, small_data, recipe
):
    settings = recipe(steps=300, milestones=(200,), evaluate_every=100)
    results = train_stacked(perceptron(WIDTHS), subnetworks, small_data, settings, 1, "cpu")
    assert len(results) == 4
    for masks, trained in zip(subnetworks, results, strict=True):
        alone = train_masked(perceptron(WIDTHS), masks, small_data, settings, 1, "cpu")
        assert_follows(trained, alone, tolerance=1e-3)
        for name, mask in masks.items():
            assert not trained.state[name][~mask].any()


def test_convolutions_and_their_batch_norm_follow_masked_training(small_data, recipe):
    settings = recipe(steps=100, milestones=(70,), augmentation="flip_shift")
    subnetworks = [convolutional_masks(density, seed) for seed, density in enumerate([1, 0.6, 0.4])]
    results = train_stacked(convolutional(), subnetworks, small_data, settings, 1, "cpu")
    for masks, trained in zip(subnetworks, results, strict=True):
        alone = train_masked(convolutional(), masks, small_data, settings, 1, "cpu")
        assert_follows(trained, alone, tolerance=1e-3)
        assert trained.state["bn2.num_batches_tracked"] == 100


def test_lenet_5_follows_masked_training(small_data, recipe):
    random = np.random.default_rng(0)
    colour = replace(
        small_data,
        classes=10,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        train_images=random.integers(0, 256, (420, 3, 32, 32), np.uint8),
        test_images=random.integers(0, 256, (90, 3, 32, 32), np.uint8),
    )
    network = NETWORKS["lenet-5"]
    state = initialise_state(network)
    names = ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "fc3.weight"]
    subnetworks = [
        {name: random.random(state[name].shape) < density for name in names} for density in (0.5, 0.1)
    ]
    settings = recipe(steps=12, milestones=(), evaluate_every=6, augmentation="flip_shift")
    results = train_stacked(with_state(network.build(), state), subnetworks, colour, settings, 0, "cpu")
    for masks, trained in zip(subnetworks, results, strict=True):
        alone = train_masked(with_state(network.build(), state), masks, colour, settings, 0, "cpu")
        assert_follows(trained, alone, tolerance=2e-3)


def initialise_state(network):
    model = network.build()
    initialise(model, 0)
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def test_every_network_is_evaluated_as_it_is(perceptron, subnetworks, small_data, recipe):
    for trained in train_stacked(perceptron(WIDTHS), subnetworks, small_data, recipe(), 0, "cpu"):
        loss, accuracy = evaluate(with_state(perceptron(WIDTHS), trained.state), small_data, "cpu")
        assert trained.test_accuracy == accuracy
        assert trained.test_loss == pytest.approx(loss, rel=1e-5)


@pytest.fixture
def one_diverges(perceptron, subnetworks):
    """A function that makes the model, and masks: those in the middle keep a weight that overflows."""

    def build():
        model = perceptron(WIDTHS)
        model.fc1.weight.data[3, 5] = 3e38
        return model

    networks = [{name: mask.copy() for name, mask in subnetworks[1].items()} for _ in range(3)]
    networks[2]["fc2.weight"][:] = subnetworks[0]["fc2.weight"]
    for network, kept in zip(networks, (False, True, False), strict=True):
        network["fc1.weight"][3, 5] = kept
    return build, networks


def test_one_network_diverges_and_the_others_go_on(one_diverges, perceptron, small_data, recipe):
    build, networks = one_diverges
    first, broken, last = train_stacked(build(), networks, small_data, recipe(), 0, "cpu")
    assert (broken.status, broken.steps, len(broken.history)) == ("diverged", 0, 0)
    assert not broken.state["fc1.weight"][~networks[1]["fc1.weight"]].any()
    for masks, trained in zip([networks[0], networks[2]], [first, last], strict=True):
        assert_follows(trained, train_masked(build(), masks, small_data, recipe(), 0, "cpu"), 1e-3)


def test_divergence_of_all_ends_training(perceptron, subnetworks, small_data, recipe):
    settings = recipe(learning_rate=1e30)
    results = train_stacked(perceptron(WIDTHS), subnetworks[:2], small_data, settings, 0, "cpu")
    assert [trained.status for trained in results] == ["diverged"] * 2
    assert all(trained.steps < 60 for trained in results)


def test_an_interrupted_run_goes_on_to_the_identical_result(
    one_diverges, small_data, recipe, tmp_path, monkeypatch
):
    build, networks = one_diverges
    work = tmp_path / "state"

    def train(work=None):
        return train_stacked(build(), networks, small_data, recipe(), 0, "cpu", work)

    expected = train()
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    save = checkpoint.Checkpoint.save
    for last in (7, 41):

        def interrupted(self, arrays, last=last):
            save(self, arrays)
            if arrays["steps"][0] == last:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoint.Checkpoint, "save", interrupted)
            train(work)
    assert_same(train(work), expected)
    monkeypatch.setattr(Batches, "indices", None)  # no more batches are needed
    assert_same(train(work), expected)


def assert_same(results, expected):
    for one, other in zip(results, expected, strict=True):
        for name, array in other.state.items():
            np.testing.assert_array_equal(one.state[name], array, err_msg=name, strict=True)
        assert one.history.equals(other.history)
        assert (one.status, one.steps) == (other.status, other.steps)


def test_bfloat16_stacks_keep_masked_weights_at_zero_and_learn(perceptron, subnetworks, small_data, recipe):
    execution = Execution(precision="bfloat16")
    results = train_stacked(
        perceptron(WIDTHS), subnetworks[:3], small_data, recipe(), 0, "cpu", execution=execution
    )
    for masks, trained in zip(subnetworks, results, strict=False):
        assert trained.test_accuracy > 0.7
        for name, mask in masks.items():
            assert not trained.state[name][~mask].any()
