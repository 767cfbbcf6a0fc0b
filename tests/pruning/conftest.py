"""A small data set and the inputs that pruners get."""

import numpy as np
import pytest

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.pruners import Inputs


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    random = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        return random.integers(0, 256, (count, 1, 28, 28), np.uint8)

    return Dataset(
        name="noise",
        variant="",
        note="",
        classes=10,
        mean=(0.5,),
        std=(0.25,),
        train_images=images(300),
        train_labels=random.integers(0, 10, 300),
        test_images=images(10),
        test_labels=random.integers(0, 10, 10),
    )


@pytest.fixture(scope="session")
def inputs(dataset) -> Inputs:
    network = NETWORKS["lenet-300-100"]
    state, prunable = initial_state(network, seed=0)
    drift = np.random.default_rng(1)
    return Inputs(
        network,
        state,
        tuple(prunable),
        seed=0,
        dataset=dataset,
        trained={name: state[name] * drift.normal(size=state[name].shape) for name in prunable},
        compression=100.0,
    )
