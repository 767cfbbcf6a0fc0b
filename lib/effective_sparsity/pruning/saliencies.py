"""Scores at initialisation, from gradients."""

import math
from functools import reduce

import numpy as np
import torch
from torch import nn

from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning.gradients import gradients, samples, some_of_each_class
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.models import as_one_vector, path_flows, without_batch_norm
from effective_sparsity.pruning.pruners import (
    MINIBATCH,
    SNIP_BATCHES,
    SNIP_STEPS,
    SYNFLOW_STEPS,
    Inputs,
)

GRASP_SAMPLES_PER_CLASS = 10
GRASP_TEMPERATURE = 200


def snip(inputs: Inputs) -> dict[str, np.ndarray]:
    """|w dL/dw| at initialisation (Lee et al. 2019), one gradient averaged over up to 300 b training samples.

    b is the network's SNIP batch. The samples come in minibatches of 128, batch norm on batch statistics; the
    absolute value is taken of the average.
    """
    model = inputs.model().to(inputs.device).train()
    vector = as_one_vector(model)
    n_samples = SNIP_BATCHES * inputs.architecture.snip_batch
    gradient = next(gradients(inputs, model, n_samples, inputs.snip_loss))
    return unflatten((vector * gradient).abs().cpu().numpy(), inputs.weights)


def snip_iterative(inputs: Inputs) -> dict[str, np.ndarray]:
    """SNIP in 300 steps to the target compression, each on b fresh samples.

    De Jorge et al. 2021 (without revival) and Verdenius et al. 2020; pruned weights stay pruned. As in `snip`
    the samples of a step come in minibatches of at most 128, whose gradients are averaged and whose own
    statistics batch norm sees.
    """
    model = inputs.model().to(inputs.device).train()
    vector = as_one_vector(model)
    fresh = gradients(inputs, model, inputs.architecture.snip_batch, inputs.snip_loss)

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector[torch.from_numpy(removed).long()] = 0
        return (vector * next(fresh)).abs().cpu().numpy()

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
    model = without_batch_norm(inputs.model()).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    vector = as_one_vector(model)
    flows = path_flows(model, torch.ones(1, *inputs.architecture.input_shape, dtype=torch.float64))

    def saliency(removed: np.ndarray) -> np.ndarray:
        vector[torch.from_numpy(removed).long()] = 0
        return flows(1.0)

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
    chosen = some_of_each_class(dataset.train_labels, GRASP_SAMPLES_PER_CLASS, inputs.seed)
    minibatches = np.array_split(chosen, math.ceil(len(chosen) / MINIBATCH))

    def slopes_on(indices: np.ndarray, **options) -> tuple[torch.Tensor, ...]:
        images, labels = samples(dataset, indices, inputs.device)
        loss = nn.functional.cross_entropy(model(images) / GRASP_TEMPERATURE, labels, reduction="sum")
        return torch.autograd.grad(loss / len(chosen), weights, **options)

    mean = [torch.zeros_like(weight) for weight in weights]
    for indices in minibatches:
        for total, gradient in zip(mean, slopes_on(indices), strict=True):
            total += gradient
    product = [torch.zeros_like(weight) for weight in weights]
    for indices in minibatches:
        slopes = slopes_on(indices, create_graph=True)
        along_mean = reduce(torch.add, [(slope * g).sum() for slope, g in zip(slopes, mean, strict=True)])
        for total, column in zip(product, torch.autograd.grad(along_mean, weights), strict=True):
            total += column
    with torch.no_grad():
        scores = [weight * column for weight, column in zip(weights, product, strict=True)]
    return {name: score.cpu().numpy() for name, score in zip(inputs.weights, scores, strict=True)}
