"""PHEW: paths with higher edge weights, drawn as random walks from inputs and from outputs."""

import numpy as np

from effective_sparsity.compiled import compiled
from effective_sparsity.connectivity.vectors import unflatten
from effective_sparsity.errors import UserError
from effective_sparsity.pruning.orders import Layers
from effective_sparsity.pruning.pruners import Inputs

# Walks end once they have passed this share of the weights.
SHARE = 0.5

# Names the random stream of the walks among all that start from a study's seed.
_WALKS = 8


def phew(inputs: Inputs) -> Layers:
    """The order in which random walks first pass the weights (Patil & Dovrolis 2021).

    Walks start at the inputs and at the outputs in turn, each time at the next unit, and lead to the other
    end.
    From a unit of layer l a walk follows a connection of kernel w with probability |w|_1 over the sum of all
    kernels at this unit, and in the kernel one of its weights with probability |w| over |w|_1. From a channel
    to a linear layer it takes any of the channel's features.

    Walks go on until they have passed half of the weights; the others come last and are never kept. The later
    weights would take too long: the time until a weight is passed grows as it shrinks.

    Raises:
        UserError: the layers do not form a chain, each reading the one before.
    """
    weights = [np.abs(weight.astype(np.float64)) for weight in inputs.weights.values()]
    kernels = [weight.reshape(*weight.shape[:2], -1) for weight in weights]
    features = _features_per_channel(inputs.weights)
    steps = [kernel.sum(2) for kernel in kernels]  # (out, in)
    passed = first_passages(
        np.array([kernel.shape for kernel in kernels]),
        np.array(features),
        np.concatenate([_cumulative(step.T).ravel() for step in steps]),
        np.concatenate([_cumulative(step).ravel() for step in steps]),
        np.concatenate([_cumulative(kernel).ravel() for kernel in kernels]),
        np.random.default_rng([inputs.seed, _WALKS]),
        int(SHARE * inputs.n_weights),
    )
    return unflatten(np.where(passed > 0, -passed, -np.inf), inputs.weights)


def _features_per_channel(weights: Layers) -> list[int]:
    """Inputs of each layer to each output of the layer before; 1 for the first layer."""
    features, before = [1], None
    for name, weight in weights.items():
        if before is not None:
            if weight.shape[1] % before or (weight.ndim > 2 and weight.shape[1] != before):
                raise UserError(
                    f"phew: {name} of shape {weight.shape} does not read the {before} outputs of the layer "
                    f"before; use it with a network without branches"
                )
            features.append(weight.shape[1] // before)
        before = weight.shape[0]
    return features


def _cumulative(sizes: np.ndarray) -> np.ndarray:
    """Cumulative probabilities in proportion to `sizes` along the last axis; equal ones if all are 0."""
    totals = sizes.sum(axis=-1, keepdims=True)
    sums = np.cumsum(np.where(totals > 0, sizes, 1), axis=-1)
    return sums / sums[..., -1:]


@compiled()
def first_passages(shapes, features, forwards, backwards, within, random, wanted):
    """The place of each weight in the order in which walks first pass them: 1, 2, ..., 0 for never; int64.

    Args:
        shapes: (layers, 3): outputs, inputs and weights of a kernel.
        features: inputs of each layer for each output of the layer before.
        forwards, backwards: cumulative probabilities of kernels, layer by layer (in, out) and (out, in).
        within: cumulative probabilities of the weights of each kernel, layer by layer (out, in, kernel).
        random: a NumPy generator.
        wanted: walks end with the one that passes this number of weights.
    """
    n_layers = len(shapes)
    first = np.zeros(n_layers + 1, np.int64)  # the first kernel of each layer
    first_weight = np.zeros(n_layers + 1, np.int64)
    for layer in range(n_layers):
        n_kernels = shapes[layer, 0] * shapes[layer, 1]
        first[layer + 1] = first[layer] + n_kernels
        first_weight[layer + 1] = first_weight[layer] + n_kernels * shapes[layer, 2]
    passed = np.zeros(first_weight[-1], np.int64)
    count = walk = 0
    while count < wanted:
        forward = walk % 2 == 0
        ends = shapes[0, 1] if forward else shapes[-1, 0]
        unit = (walk // 2) % ends
        for number in range(n_layers):
            layer = number if forward else n_layers - 1 - number
            n_outputs, n_inputs, size = shapes[layer]
            if forward:
                if features[layer] > 1:
                    unit = unit * features[layer] + int(random.random() * features[layer])
                row = first[layer] + unit * n_outputs
                other = np.searchsorted(forwards[row : row + n_outputs], random.random(), side="right")
                kernel = other * n_inputs + unit
                unit = other
            else:
                row = first[layer] + unit * n_inputs
                other = np.searchsorted(backwards[row : row + n_inputs], random.random(), side="right")
                kernel = unit * n_inputs + other
                unit = other // features[layer]
            weight = first_weight[layer] + kernel * size
            if size > 1:
                weight += np.searchsorted(within[weight : weight + size], random.random(), side="right")
            if passed[weight] == 0:
                count += 1
                passed[weight] = count
        walk += 1
    return passed
