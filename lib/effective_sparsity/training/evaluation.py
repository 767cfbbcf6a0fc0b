"""Evaluation of stored networks on the test set, by none of the code that trained them."""

from collections.abc import Callable

import numpy as np

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import BATCH_NORM_EPSILON, Network

State = dict[str, np.ndarray]


def evaluator(
    engine: str, network: Network, dataset: Dataset, device: str, threads: int
) -> Callable[[State], tuple[float, float]]:
    """A function from a state of `network` to mean cross-entropy and accuracy (0 to 1) on the test set.

    Fully-connected networks of the engine "packed" are evaluated in NumPy, others in PyTorch, those of this
    engine on the CPU.

    Args:
        device, threads: for PyTorch.
    """
    if engine == "packed":
        if not network.convolutional:
            return FullyConnected(dataset)
        device = "cpu"  # its jobs ask for no GPU

    import torch

    from effective_sparsity.networks.state import with_state
    from effective_sparsity.training.masked import evaluate

    torch.set_num_threads(threads)
    model = network.build()
    return lambda state: evaluate(with_state(model, state), dataset, device)


class FullyConnected:
    """Evaluates networks of linear layers fc1, fc2, ... with batch norm bn1, bn2, ... and relu after them."""

    def __init__(self, dataset: Dataset):
        mean, std = (np.reshape(facts, (1, -1, 1, 1)) for facts in (dataset.mean, dataset.std))
        images = ((dataset.test_images / 255 - mean) / std).astype(np.float32)
        self._inputs = np.ascontiguousarray(images.reshape(len(images), -1).T)  # (inputs, samples)
        self._labels = dataset.test_labels

    def __call__(self, state: State) -> tuple[float, float]:
        """Mean cross-entropy and accuracy of the network with this state."""
        x = self._inputs
        depth = sum(name.startswith("fc") and name.endswith(".weight") for name in state)
        for layer in range(1, depth + 1):
            if layer > 1:
                x = np.maximum(x, 0)
            kernel = state[f"fc{layer}.weight"]
            used = kernel.any(0)  # few of the inputs, in a sparse network
            x = kernel[:, used] @ x[used] + state[f"fc{layer}.bias"][:, None]
            norm = {
                entry: state[f"bn{layer}.{entry}"][:, None]
                for entry in ("weight", "bias", "running_mean", "running_var")
            }
            scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(BATCH_NORM_EPSILON))
            x = (x - norm["running_mean"]) * scale + norm["bias"]
        logits = x.astype(np.float64) - x.max(0)
        of_label = logits[self._labels, np.arange(len(self._labels))]
        loss = (np.log(np.exp(logits).sum(0)) - of_label).mean()
        return float(loss), float((logits.argmax(0) == self._labels).mean())
