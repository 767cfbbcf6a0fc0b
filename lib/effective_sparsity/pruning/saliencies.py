"""Scores at initialisation, from gradients."""

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.ranking import flatten, unflatten

if TYPE_CHECKING:
    from effective_sparsity.datasets.store import Dataset
    from effective_sparsity.pruning.pruners import Inputs

# Names the random stream of the samples that saliencies see, among all that start from a study's seed.
_SAMPLES = 2

SNIP_MINIBATCH = 128
SNIP_MINIBATCHES = 300
SNIP_STEPS = 300
SYNFLOW_STEPS = 100


def snip(inputs: "Inputs") -> dict[str, np.ndarray]:
    """|w dL/dw| at initialisation (Lee et al. 2019), one gradient averaged over up to 300 b training samples.

    b is the network's SNIP batch. The samples come in minibatches of 128, batch norm on batch statistics; the
    absolute value is taken of the average.
    """
    model = inputs.model().train()
    n_samples = min(SNIP_MINIBATCHES * inputs.network.snip_batch, len(inputs.dataset.train_labels))
    minibatch = min(SNIP_MINIBATCH, n_samples)
    batches = _batches(inputs.dataset, minibatch, inputs.seed)
    for _ in range(n_samples // minibatch):
        _loss(model, next(batches), inputs.snip_loss).backward()
    return _connection_sensitivity(model)


def snip_iterative(inputs: "Inputs") -> dict[str, np.ndarray]:
    """SNIP in 300 steps to the target compression, each on a fresh minibatch of b samples.

    De Jorge et al. 2021 (without revival) and Verdenius et al. 2020; pruned weights stay pruned.
    """
    model = inputs.model().train()
    weights = kernels(model)
    initial = {name: weight.detach().clone() for name, weight in weights.items()}
    batches = _batches(
        inputs.dataset, min(inputs.network.snip_batch, len(inputs.dataset.train_labels)), inputs.seed
    )

    def saliency(mask: np.ndarray) -> np.ndarray:
        _apply(weights, initial, mask)
        model.zero_grad()
        _loss(model, next(batches), inputs.snip_loss).backward()
        return flatten(_connection_sensitivity(model))

    order = removal_order(inputs.n_weights, inputs.compression, SNIP_STEPS, saliency)
    return unflatten(order, inputs.weights)


def synflow(inputs: "Inputs") -> dict[str, np.ndarray]:
    """Synaptic flow in 100 steps to the target compression (Tanaka et al. 2020).

    All parameters are replaced by their absolute values and batch norm is left out; the input is all ones,
    and the score of a weight is w dR/dw with R the sum of the logits. In float64, since R is a sum over all
    paths of products as long as the network is deep.
    """
    model = _without_batch_norm(inputs.model()).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    weights = kernels(model)
    initial = {name: weight.detach().clone() for name, weight in weights.items()}
    ones = torch.ones(1, *inputs.network.input_shape, dtype=torch.float64)

    def saliency(mask: np.ndarray) -> np.ndarray:
        _apply(weights, initial, mask)
        gradients = torch.autograd.grad(model(ones).sum(), list(weights.values()))
        flows = [
            weight.detach() * gradient for weight, gradient in zip(weights.values(), gradients, strict=True)
        ]
        return torch.cat([flow.flatten() for flow in flows]).numpy()

    order = removal_order(inputs.n_weights, inputs.compression, SYNFLOW_STEPS, saliency)
    return unflatten(order, inputs.weights)


def _connection_sensitivity(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: (weight * weight.grad).detach().abs().numpy() for name, weight in kernels(model).items()}


def _apply(weights: dict[str, nn.Parameter], initial: dict[str, torch.Tensor], mask: np.ndarray) -> None:
    masks = unflatten(mask, initial)
    with torch.no_grad():
        for name, weight in weights.items():
            torch.mul(initial[name], torch.from_numpy(masks[name]), out=weight)


def _loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor], kind: str) -> torch.Tensor:
    """Cross-entropy, or "linear": 1 - p_y, the reference implementation's loss but for a constant factor."""
    images, labels = batch
    logits = model(images)
    if kind == "linear":
        return 1 - logits.softmax(1).gather(1, labels[:, None]).mean()
    return nn.functional.cross_entropy(logits, labels)


def _batches(dataset: "Dataset", size: int, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Minibatches without end: one random order of the training set after another, no augmentation."""
    stream = np.random.default_rng([seed, _SAMPLES])
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (dataset.mean, dataset.std))
    while True:
        order = stream.permutation(len(dataset.train_labels))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            images = (dataset.train_images[chosen].astype(np.float32) / 255 - mean) / std
            yield torch.from_numpy(images), torch.from_numpy(dataset.train_labels[chosen])


def _without_batch_norm(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.Identity())
    return model
