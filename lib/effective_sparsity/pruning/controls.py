"""Controls: pruners that change SNIP's choice of pixels, or random pruning's, and nothing else (no torch).

The pixels that a subnetwork sees are decided in its first layer, whose columns they are. SNIP's pixels at a
target compression are those with an active weight in its effective subnetwork at that target. The controls
need a network whose first layer is fully connected.
"""

from typing import TYPE_CHECKING

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.pruning import allocations
from effective_sparsity.pruning.orders import Layers, at_random, by_score

if TYPE_CHECKING:
    from effective_sparsity.pruning.pruners import Inputs

# Names of the random streams of this module among all that start from a study's seed.
_RANDOM_PIXELS, _PERMUTATION, _OWN_PERMUTATION = 5, 6, 7


def random_igq_snip_pixels(inputs: "Inputs") -> Layers:
    """Random pruning with IGQ of the network that has SNIP's pixels alone; the borrowed ranking is SNIP's."""
    return _random_igq(inputs, _active_pixels(inputs))


def random_igq_random_pixels(inputs: "Inputs") -> Layers:
    """The same with as many pixels drawn at random; of one seed, fewer pixels are a subset of more."""
    n_pixels = _active_pixels(inputs).sum()
    return _random_igq(inputs, _permutation(inputs, _RANDOM_PIXELS) < n_pixels)


def random_igq_varying_pixels(inputs: "Inputs") -> Layers:
    """The same with the pixels whose deviation over the training images is above the median of all pixels."""
    first = _first_layer(inputs)
    deviation = inputs.dataset.train_images.std(axis=0, dtype=np.float64).reshape(-1)
    if deviation.size != inputs.weights[first].shape[1]:
        raise UserError(
            f"images of {deviation.size} pixels do not fit {first} of shape {inputs.weights[first].shape}; "
            f"use a data set of the network's image size"
        )
    return _random_igq(inputs, deviation > np.median(deviation))


def snip_permuted_pixels(inputs: "Inputs") -> Layers:
    """SNIP's order of the weights (borrowed) with all pixels permuted at random."""
    return _permuted(inputs, _permutation(inputs, _PERMUTATION))


def snip_permuted_own_pixels(inputs: "Inputs") -> Layers:
    """SNIP's order of the weights (borrowed) with its own pixels permuted at random, the others in place."""
    own = np.flatnonzero(_active_pixels(inputs))
    order = np.arange(inputs.weights[_first_layer(inputs)].shape[1])
    order[own] = np.random.default_rng([inputs.seed, _OWN_PERMUTATION]).permutation(own)
    return _permuted(inputs, order)


def _random_igq(inputs: "Inputs", pixels: np.ndarray) -> Layers:
    """IGQ scores of the network whose input is `pixels`, a mask (n_pixels,); -inf for all other pixels.

    Weights keep the random order that all pruners of a seed share.
    """
    first = _first_layer(inputs)
    ranks = at_random(inputs.weights, inputs.seed)
    ranks |= by_score({first: -ranks[first][:, pixels]})
    scores = allocations.igq(ranks)
    of_all_pixels = np.full(inputs.weights[first].shape, -np.inf)
    of_all_pixels[:, pixels] = scores[first]
    return scores | {first: of_all_pixels}


def _permuted(inputs: "Inputs", order: np.ndarray) -> Layers:
    """The borrowed priorities, the first layer's columns taken in `order` (n_pixels,)."""
    first, priorities = _first_layer(inputs), inputs.borrowed.layers
    return priorities | {first: priorities[first][:, order]}


def _permutation(inputs: "Inputs", stream: int) -> np.ndarray:
    n_pixels = inputs.weights[_first_layer(inputs)].shape[1]
    return np.random.default_rng([inputs.seed, stream]).permutation(n_pixels)


def _active_pixels(inputs: "Inputs") -> np.ndarray:
    """Mask (n_pixels,) of the pixels with an active weight in the borrowed ranking's effective subnetwork.

    Raises:
        UserError: that subnetwork has no active weight.
    """
    first = _first_layer(inputs)
    ranking = inputs.borrowed.ranking(inputs.connectivity)
    threshold = ranking.threshold("effective", inputs.compression)
    if threshold is None or not ranking.n_active(threshold):
        raise UserError(
            f"no weight is active at effective compression {inputs.compression:g}, so no pixel can be "
            f"chosen; ask for lower compressions"
        )
    return np.any(ranking.active(threshold)[first], axis=0)


def _first_layer(inputs: "Inputs") -> str:
    """The name of the first layer's weights.

    Raises:
        UserError: it is not fully connected, so its columns are not pixels.
    """
    first = inputs.prunable[0]
    if inputs.weights[first].ndim != 2:
        raise UserError(
            f"controls choose pixels by the columns of a fully connected first layer, and {first} of shape "
            f"{inputs.weights[first].shape} is a convolution; use them with lenet-300-100"
        )
    return first
