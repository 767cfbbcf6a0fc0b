"""Evaluation of stored networks, in NumPy and in PyTorch, against the model in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state, with_state
from effective_sparsity.training import masked
from effective_sparsity.training.evaluation import evaluator

NETWORK = NETWORKS["lenet-300-100"]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(
        name="noise",
        variant="",
        note="",
        classes=10,
        mean=(0.3,),
        std=(0.2,),
        train_images=random.integers(0, 256, (10, 1, 28, 28), np.uint8),
        train_labels=random.integers(0, 10, 10),
        test_images=random.integers(0, 256, (50, 1, 28, 28), np.uint8),
        test_labels=random.integers(0, 10, 50),
    )


def trained_state(density: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    state, prunable = initial_state(NETWORK, seed=0)
    for name, value in state.items():
        if name in prunable:
            value *= random.random(value.shape) < density
        elif value.dtype == np.float32:
            value += random.uniform(0.1, 1, value.shape).astype(np.float32)
    return state


@pytest.mark.parametrize("density", [1.0, 0.05, 0.001, 0.0])
def test_loss_and_accuracy_are_those_of_the_model_in_float64(density, dataset):
    state = trained_state(density)
    evaluate = evaluator(NETWORK, dataset, "cpu", 1)
    evaluate(trained_state(0.5))  # leaves nothing behind
    loss, accuracy = evaluate(state)

    model = with_state(NETWORK.build(), state).double().eval()
    images = (torch.from_numpy(dataset.test_images).double() / 255 - 0.3) / 0.2
    labels = torch.from_numpy(dataset.test_labels)
    with torch.no_grad():
        logits = model(images)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())


def test_networks_with_convolutions_are_evaluated_in_pytorch(colour_data):
    network = NETWORKS["lenet-5"]
    state, _ = initial_state(network, seed=0)
    model = with_state(network.build(), state)
    assert evaluator(network, colour_data, "cpu", 1)(state) == masked.evaluate(model, colour_data, "cpu")
