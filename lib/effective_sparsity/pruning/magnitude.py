"""Scores from trained weights."""

import numpy as np

from effective_sparsity.connectivity.vectors import stable_argsort
from effective_sparsity.pruning.orders import Layers


def magnitude(trained: Layers) -> Layers:
    """|w|."""
    return {name: np.abs(weight) for name, weight in trained.items()}


def lamp(trained: Layers) -> Layers:
    """Layer-adaptive magnitude: w^2 over the sum of v^2 of all weights v of the layer no smaller than w.

    Lee et al. 2021, equation 5. Of equal weights the earlier scores higher. The largest of each layer scores
    exactly 1, so no layer is emptied before the others are down to one weight.
    """
    return {name: _lamp(weight) for name, weight in trained.items()}


def _lamp(weight: np.ndarray) -> np.ndarray:
    squares = np.square(weight.reshape(-1).astype(np.float64))
    largest_first = stable_argsort(-squares)
    # Sums run from the largest down: each weight is divided by itself and all before it in this order.
    scores = np.empty_like(squares)
    sums = np.cumsum(squares[largest_first])
    scores[largest_first] = np.divide(squares[largest_first], sums, out=np.zeros_like(sums), where=sums != 0)
    return scores.reshape(weight.shape)
