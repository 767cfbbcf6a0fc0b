"""Random images: what they show does not change the time."""

import numpy as np

from effective_sparsity.datasets import Dataset
from effective_sparsity.networks.registry import Network


def noise(network: Network, n_train: int, n_test: int) -> Dataset:
    """Images of the network's shape, with labels of its classes."""
    random = np.random.default_rng(0)
    channels = network.input_shape[0]

    def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = random.integers(0, 256, (count, *network.input_shape), np.uint8)
        return images, random.integers(0, network.classes, count)

    splits = (*sample(n_train), *sample(n_test))
    return Dataset("noise", "", "", network.classes, (0.5,) * channels, (0.25,) * channels, *splits)
