"""Scores at initialisation, from gradients."""

import copy
import math
from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np
import torch
from torch import nn

from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.pruners import (
    MINIBATCH,
    SNIP_BATCHES,
    SNIP_STEPS,
    SYNFLOW_STEPS,
    Inputs,
)

Batch = tuple[torch.Tensor, torch.Tensor]

# Names the random stream of the samples that saliencies see, among all that start from a study's seed.
_SAMPLES = 2

GRASP_SAMPLES_PER_CLASS = 10
GRASP_TEMPERATURE = 200


def snip(inputs: Inputs) -> dict[str, np.ndarray]:
    """|w dL/dw| at initialisation (Lee et al. 2019), one gradient averaged over up to 300 b training samples.

    b is the network's SNIP batch. The samples come in minibatches of 128, batch norm on batch statistics; the
    absolute value is taken of the average.
    """
    model = inputs.model().to(inputs.device).train()
    n_samples = min(SNIP_BATCHES * inputs.architecture.snip_batch, len(inputs.dataset.train_labels))
    minibatch = min(MINIBATCH, n_samples)
    batches = _batches(inputs.dataset, minibatch, inputs.seed, inputs.device)
    _accumulate(model, batches, n_samples // minibatch, inputs.snip_loss)
    return _connection_sensitivity(model)


def snip_iterative(inputs: Inputs) -> dict[str, np.ndarray]:
    """SNIP in 300 steps to the target compression, each on b fresh samples.

    De Jorge et al. 2021 (without revival) and Verdenius et al. 2020; pruned weights stay pruned. As in `snip`
    the samples of a step come in minibatches of at most 128, whose gradients are averaged and whose own
    statistics batch norm sees.
    """
    model = inputs.model().to(inputs.device).train()
    vector = _as_one_vector(model)
    weights = kernels(model)
    scores = torch.empty_like(vector)
    score_of = _parts(scores, weights)
    n_samples = min(inputs.architecture.snip_batch, len(inputs.dataset.train_labels))
    minibatch = min(MINIBATCH, n_samples)
    batches = _batches(inputs.dataset, minibatch, inputs.seed, inputs.device)

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector[torch.from_numpy(removed).long()] = 0
        model.zero_grad()
        _accumulate(model, batches, n_samples // minibatch, inputs.snip_loss)
        for name, weight in weights.items():
            assert weight.grad is not None, "every weight is on the way from the input to the loss"
            torch.mul(weight.detach(), weight.grad, out=score_of[name])
        return scores.abs_().cpu().numpy()

    order = removal_order(inputs.n_weights, inputs.compression, SNIP_STEPS, saliency)
    return unflatten(order, inputs.weights)


def synflow(inputs: Inputs) -> dict[str, np.ndarray]:
    """Synaptic flow in 100 steps to the target compression (Tanaka et al. 2020).

    All parameters are replaced by their absolute values and batch norm is left out; the input is all ones,
    and the score of a weight is w dR/dw with R the sum of the logits.

    R sums the products of weights along all paths, and a flow that is rounded to zero takes a weight for
    inactive. From the dense VGG-19 to one of 20 weights, flows fall from 1e25 to 1e-19, and deeper networks
    leave the range of float32; in float64 the score of a weight is 0 exactly when it is on no path that the
    pooling lets through.
    """
    model = _without_batch_norm(inputs.model()).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    vector = _as_one_vector(model)
    weights = kernels(model)
    ones = torch.ones(1, *inputs.architecture.input_shape, dtype=torch.float64)
    # One vector for all steps: the flows of a large network take 160 MB.
    flows = torch.empty_like(vector)
    flow_of = _parts(flows, weights)

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector[torch.from_numpy(removed).long()] = 0
        gradients = torch.autograd.grad(model(ones).sum(), list(weights.values()))
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            torch.mul(weight.detach(), gradient, out=flow_of[name])
        return flows.numpy()

    order = removal_order(inputs.n_weights, inputs.compression, SYNFLOW_STEPS, saliency)
    return unflatten(order, inputs.weights)


def grasp(inputs: Inputs) -> dict[str, np.ndarray]:
    """w (H g): what removing a weight takes from the gradient's norm, to first order (Wang et al. 2020).

    The method removes the largest -w (H g), so the largest w (H g) is kept longest. g and H are gradient and
    Hessian with respect to the prunable weights, of the mean cross-entropy of logits / 200 over 10 training
    samples of each class. Both are taken on the same minibatches of at most 128 samples, batch norm on the
    statistics of a minibatch.
    """
    model = inputs.model().to(inputs.device).train()
    weights = list(kernels(model).values())
    dataset = inputs.dataset
    chosen = _some_of_each_class(dataset.train_labels, GRASP_SAMPLES_PER_CLASS, inputs.seed)
    minibatches = np.array_split(chosen, math.ceil(len(chosen) / MINIBATCH))

    def gradients(indices: np.ndarray, **options) -> tuple[torch.Tensor, ...]:
        images, labels = _samples(dataset, indices, inputs.device)
        loss = nn.functional.cross_entropy(model(images) / GRASP_TEMPERATURE, labels, reduction="sum")
        return torch.autograd.grad(loss / len(chosen), weights, **options)

    mean = [torch.zeros_like(weight) for weight in weights]
    for indices in minibatches:
        for total, gradient in zip(mean, gradients(indices), strict=True):
            total += gradient
    product = [torch.zeros_like(weight) for weight in weights]
    for indices in minibatches:
        slopes = gradients(indices, create_graph=True)
        along_mean = reduce(torch.add, [(slope * g).sum() for slope, g in zip(slopes, mean, strict=True)])
        for total, column in zip(product, torch.autograd.grad(along_mean, weights), strict=True):
            total += column
    with torch.no_grad():
        scores = [weight * column for weight, column in zip(weights, product, strict=True)]
    return {name: score.cpu().numpy() for name, score in zip(inputs.weights, scores, strict=True)}


def _accumulate(model: nn.Module, batches: Iterator[Batch], count: int, loss: str) -> None:
    """Add the gradients of `count` minibatches to the model's, one after another."""
    for _ in range(count):
        _loss(model, next(batches), loss).backward()


def _connection_sensitivity(model: nn.Module) -> dict[str, np.ndarray]:
    return {
        name: (weight * gradient).detach().abs().cpu().numpy()
        for name, weight in kernels(model).items()
        if (gradient := weight.grad) is not None
    }


def _as_one_vector(model: nn.Module) -> torch.Tensor:
    """All prunable weights of `model` in one vector (N,): writing to it changes the model."""
    weights = kernels(model)
    vector = torch.cat([weight.detach().flatten() for weight in weights.values()])
    for name, part in _parts(vector, weights).items():
        weights[name].data = part
    return vector


def _parts(vector: torch.Tensor, like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Views of a vector (N,) with the names and shapes of `like`."""
    parts = vector.split([weight.numel() for weight in like.values()])
    return {name: part.view_as(like[name]) for name, part in zip(like, parts, strict=True)}


def _loss(model: nn.Module, batch: Batch, kind: str) -> torch.Tensor:
    """Cross-entropy, or "linear": 1 - p_y, the reference implementation's loss but for a constant factor."""
    images, labels = batch
    logits = model(images)
    if kind == "linear":
        return 1 - logits.softmax(1).gather(1, labels[:, None]).mean()
    return nn.functional.cross_entropy(logits, labels)


def _batches(dataset: Dataset, size: int, seed: int, device: str) -> Iterator[Batch]:
    """Minibatches without end: one random order of the training set after another, no augmentation."""
    stream = np.random.default_rng([seed, _SAMPLES])
    while True:
        order = stream.permutation(len(dataset.train_labels))
        for start in range(0, len(order) - size + 1, size):
            yield _samples(dataset, order[start : start + size], device)


def _some_of_each_class(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of `count` random samples of each class (all, if there are fewer), in random order."""
    order = np.random.default_rng([seed, _SAMPLES]).permutation(len(labels))
    chosen = [order[labels[order] == label][:count] for label in np.unique(labels)]
    return order[np.isin(order, np.concatenate(chosen))]


def _samples(dataset: Dataset, indices: np.ndarray, device: str) -> Batch:
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (dataset.mean, dataset.std))
    images = (dataset.train_images[indices].astype(np.float32) / 255 - mean) / std
    labels = dataset.train_labels[indices]
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)


def _without_batch_norm(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.Identity())
    return model
