"""Small data sets and the inputs that pruners get."""

from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import gradients
from effective_sparsity.pruning.pruners import Inputs


def noise(shape: tuple[int, int, int]) -> Dataset:
    """300 random images of a shape in 10 classes."""
    random = np.random.default_rng(0)
    return Dataset(
        name="noise",
        variant="",
        note="",
        classes=10,
        mean=(0.5,) * shape[0],
        std=(0.25,) * shape[0],
        train_images=random.integers(0, 256, (300, *shape), np.uint8),
        train_labels=random.integers(0, 10, 300),
        test_images=random.integers(0, 256, (10, *shape), np.uint8),
        test_labels=random.integers(0, 10, 10),
    )


def inputs_of(network: Network) -> Inputs:
    state, prunable = initial_state(network, seed=0)
    drift = np.random.default_rng(1)
    return Inputs(
        network,
        state,
        tuple(prunable),
        seed=0,
        dataset=noise(network.input_shape),
        trained={name: state[name] * drift.normal(size=state[name].shape) for name in prunable},
        compression=100.0,
        train=lambda masks: {name: state[name] * mask for name, mask in masks.items()},
    )


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """Of LeNet-300-100."""
    return inputs_of(NETWORKS["lenet-300-100"])


@pytest.fixture(scope="session")
def convolutional_inputs() -> Inputs:
    """Of LeNet-5."""
    return inputs_of(NETWORKS["lenet-5"])


@pytest.fixture(scope="session")
def small_inputs() -> Inputs:
    """Of a network 9-5-4-10, 105 weights."""
    layers = fully_connected(5, 4)
    network = Network(input_shape=(1, 3, 3), classes=10, recipe=None, snip_batch=20, layers=layers)
    return replace(inputs_of(network), compression=3.0)


@pytest.fixture(scope="session")
def dataset(inputs) -> Dataset:
    """That of `inputs`."""
    return inputs.dataset


@pytest.fixture
def seen(monkeypatch) -> list:
    """The minibatches that a pruner draws, recorded."""
    drawn, real = [], gradients.batches

    def recorded(*arguments):
        for batch in real(*arguments):
            drawn.append(batch)
            yield batch

    monkeypatch.setattr(gradients, "batches", recorded)
    return drawn
