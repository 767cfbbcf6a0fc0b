"""Layerwise quotas as global scores.

A quota keeps, in each layer, the first weights of some order (random, or by magnitude) and says how many.
Here it is a score of the 1-based rank r of a weight within its layer of n weights: one threshold over all
layers then gives each layer its quota, full layers capped, with no search and no redistribution.

Each allocation takes the ranks of all layers, by parameter name, each shaped like its weight: (out, in) for a
linear layer, (out, in / groups, kernel...) for a convolution. It returns scores of which larger are kept
longer; +inf marks what is never pruned and -inf what always is.
"""

from collections.abc import Callable

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.pruning.orders import Layers

Allocation = Callable[[Layers], Layers]


def _within_layer(ranks: Layers, score: Callable[[np.ndarray], np.ndarray]) -> Layers:
    """`score` applied to each layer by itself."""
    return {name: score(rank) for name, rank in ranks.items()}


def uniform(ranks: Layers) -> Layers:
    """The same density d in every layer: r / n <= d."""
    return _within_layer(ranks, lambda rank: 1 - rank / rank.size)


def erk(ranks: Layers) -> Layers:
    """Erdos-Renyi-kernel: density eps * (sum of kernel dimensions) / n, at most 1 (Evci et al. 2020)."""
    return _within_layer(ranks, lambda rank: sum(rank.shape) / rank)


def igq(ranks: Layers) -> Layers:
    """Ideal gas quotas: density 1 / (F n + 1) under one force F (Vysogorets & Kempe, section 5)."""
    return _within_layer(ranks, lambda rank: 1 / rank - 1 / rank.size)


def uniform_plus(ranks: Layers) -> Layers:
    """Uniform, but the first convolution is dense and the last layer keeps at least 20 % (Gale et al. 2019).

    Raises:
        UserError: the first layer is not a convolution.
    """
    first, last = next(iter(ranks)), list(ranks)[-1]
    if ranks[first].ndim < 3:
        raise UserError(
            f"uniform+ is for convolutional networks only, and {first} of shape {ranks[first].shape} is no "
            f"convolution; use uniform"
        )
    scores = uniform(ranks)
    scores[first] = np.full(ranks[first].shape, np.inf)
    scores[last] = np.where(ranks[last] <= np.ceil(0.2 * ranks[last].size), np.inf, scores[last])
    return scores


def smart_ratio(ranks: Layers, power: int) -> Layers:
    """Density g * a, a = ((L - l + 1)^2 + (L - l + 1)) / l^power, in layer l of L; linear layers keep 30 %.

    Su et al. 2020, section 3.3, with power 2 for VGG and 0 otherwise. What a full layer cannot
    take, the others share in proportion to a.

    Raises:
        UserError: no layer is a convolution.
    """
    if all(rank.ndim < 3 for rank in ranks.values()):
        raise UserError(
            "smart-ratio is for convolutional networks only, and the network has none but linear layers"
        )
    scores = {}
    for number, (name, rank) in enumerate(ranks.items(), start=1):
        from_end = len(ranks) - number + 1
        if rank.ndim < 3:
            scores[name] = np.where(rank <= np.ceil(0.3 * rank.size), np.inf, -np.inf)
        else:
            scores[name] = (from_end**2 + from_end) / number**power * rank.size / rank
    return scores
