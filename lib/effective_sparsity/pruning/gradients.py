"""What pruners see of the training data, and the gradients of the loss on it."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.pruners import MINIBATCH, Inputs

Batch = tuple[torch.Tensor, torch.Tensor]

# Names the random stream of the samples that saliencies see, among all that start from a study's seed.
_SAMPLES = 2


def gradients(
    inputs: Inputs, model: nn.Module, n_samples: int, loss: str = "cross-entropy"
) -> Iterator[torch.Tensor]:
    """Gradients of the loss with respect to the prunable weights of `model`, (N,), without end.

    Each is taken on so many fresh training samples (all, if there are fewer), in minibatches of 128 whose
    gradients are added up; fewer samples are one minibatch, and an incomplete minibatch is left out. It is
    that of the model at the time when it is asked for.

    Args:
        loss: "cross-entropy", or "linear": 1 - p_y, the reference implementation's loss but for a constant
            factor.
    """
    n_samples = min(n_samples, len(inputs.dataset.train_labels))
    minibatch = min(MINIBATCH, n_samples)
    stream = batches(inputs.dataset, minibatch, inputs.seed, inputs.device)
    weights = list(kernels(model).values())
    while True:
        total = torch.zeros(inputs.n_weights, device=inputs.device)
        for _ in range(n_samples // minibatch):
            slopes = torch.autograd.grad(_loss(model, next(stream), loss), weights)
            total += torch.cat([slope.flatten() for slope in slopes])
        yield total


def _loss(model: nn.Module, batch: Batch, kind: str) -> torch.Tensor:
    images, labels = batch
    logits = model(images)
    if kind == "linear":
        return 1 - logits.softmax(1).gather(1, labels[:, None]).mean()
    return nn.functional.cross_entropy(logits, labels)


def batches(dataset: Dataset, size: int, seed: int, device: str) -> Iterator[Batch]:
    """Minibatches without end: one random order of the training set after another, no augmentation."""
    stream = np.random.default_rng([seed, _SAMPLES])
    while True:
        order = stream.permutation(len(dataset.train_labels))
        for start in range(0, len(order) - size + 1, size):
            yield samples(dataset, order[start : start + size], device)


def some_of_each_class(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of `count` random samples of each class (all, if there are fewer), in random order."""
    order = np.random.default_rng([seed, _SAMPLES]).permutation(len(labels))
    chosen = [order[labels[order] == label][:count] for label in np.unique(labels)]
    return order[np.isin(order, np.concatenate(chosen))]


def samples(dataset: Dataset, indices: np.ndarray, device: str) -> Batch:
    """Normalised training images (batch, channels, height, width) and their labels."""
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (dataset.mean, dataset.std))
    images = (dataset.train_images[indices].astype(np.float32) / 255 - mean) / std
    labels = dataset.train_labels[indices]
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
