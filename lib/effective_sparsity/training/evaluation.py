"""Evaluation of stored networks on the test set, by none of the code that trained them."""

from collections.abc import Callable

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.layers import NORM_ENTRIES
from effective_sparsity.networks.registry import BATCH_NORM_EPSILON, Network
from effective_sparsity.networks.types import State


def evaluator(
    network: Network, dataset: Dataset, device: str, threads: int
) -> Callable[[State], tuple[float, float]]:
    """A function from a state of `network` to mean cross-entropy and accuracy (0 to 1) on the test set.

    Fully-connected networks are evaluated in NumPy, which spares the job the start of PyTorch.

    Args:
        device, threads: for PyTorch.
    """
    if not network.convolutional:
        return FullyConnected(network, dataset)

    import torch

    from effective_sparsity.networks.state import with_state
    from effective_sparsity.training.masked import evaluate

    torch.set_num_threads(threads)
    model = network.build()
    return lambda state: evaluate(with_state(model, state), dataset, device)


class FullyConnected:
    """Evaluates plain networks of linear layers."""

    def __init__(self, network: Network, dataset: Dataset):
        mean, std = (np.reshape(facts, (1, -1, 1, 1)) for facts in (dataset.mean, dataset.std))
        images = ((dataset.test_images / 255 - mean) / std).astype(np.float32)
        self._layers = network.layers
        self._inputs = np.ascontiguousarray(images.reshape(len(images), -1).T)  # (inputs, samples)
        self._labels = dataset.test_labels

    def __call__(self, state: State) -> tuple[float, float]:
        """Mean cross-entropy and accuracy of the network with this state."""
        x = self._inputs
        for layer in self._layers:
            if layer is not self._layers[0]:
                x = np.maximum(x, 0)
            kernel = state[f"{layer.name}.weight"]
            used = kernel.any(0)  # few of the inputs, in a sparse network
            x = kernel[:, used] @ x[used] + state[f"{layer.name}.bias"][:, None]
            gamma, beta, mean, variance = (state[f"{layer.norm}.{entry}"][:, None] for entry in NORM_ENTRIES)
            x = (x - mean) * (gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))) + beta
        logits = x.astype(np.float64) - x.max(0)
        of_label = logits[self._labels, np.arange(len(self._labels))]
        loss = (np.log(np.exp(logits).sum(0)) - of_label).mean()
        return float(loss), float((logits.argmax(0) == self._labels).mean())
