"""Pruning in many small steps, with and without weights that return."""

from collections.abc import Callable

import numpy as np

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.errors import UserError


def removal_order(
    n_weights: int,
    compression: float,
    n_steps: int,
    saliency: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Priorities 1..n_weights of weights that are removed step by step, on an exponential schedule.

    After step t of T, n_weights * compression^(-t / T) weights are left (Tanaka et al. 2020, algorithm 1). A
    weight that is removed later has a higher priority; within a step, and among those left at the end, the
    more salient has. Of equally salient weights the earlier is kept longer.

    Args:
        n_weights: number of weights.
        compression: n_weights over the number left at the end.
        n_steps: T.
        saliency: from the indices of the weights that the step before has removed (none at first) to the
            saliency of each weight, (n_weights,); larger is kept longer, entries of removed weights are not
            read.

    Raises:
        UserError: a saliency of a weight that is left is not finite.
    """
    priority = np.empty(n_weights, np.int32)
    left = np.arange(n_weights, dtype=np.int32)
    removed = left[:0]
    for step in range(1, n_steps + 1):
        scores = saliency(removed)[left]
        _check(scores, step, n_steps, compression)
        n_left = n_at_compression(n_weights, compression ** (step / n_steps))
        least = _least(scores, len(left) - n_left)
        removed = left[least]
        n_gone = n_weights - len(left)
        priority[removed] = np.arange(n_gone + 1, n_gone + 1 + len(removed))
        stays = np.ones(len(left), bool)
        stays[least] = False
        left = left[stays]
    priority[left[_least(scores[stays], len(left))]] = np.arange(n_weights - len(left) + 1, n_weights + 1)
    return priority


def order_with_return(
    n_weights: int,
    compression: float,
    n_steps: int,
    saliency: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Priorities 1..n_weights of the last of many steps, each of which chooses anew among all weights.

    After step t of T the n_weights * compression^(-t / T) most salient weights are left; one that a step
    removes may return in a later one (de Jorge et al. 2021, algorithm 1). Of equally salient weights, such as
    those without a path, the one that the step before kept longer is kept longer, at first the earlier.

    Args:
        n_weights, compression, n_steps: as for `removal_order`.
        saliency: from the indices of the weights that the step before has removed from the dense network
            (none at first) to the saliency of each weight, (n_weights,); larger is kept longer.

    Raises:
        UserError: a saliency is not finite.
    """
    priority = np.arange(n_weights, 0, -1, dtype=np.int32)
    removed = np.arange(0)
    for step in range(1, n_steps + 1):
        scores = saliency(removed)
        _check(scores, step, n_steps, compression)
        ascending = np.lexsort((priority, scores))
        priority[ascending] = np.arange(1, n_weights + 1)
        removed = ascending[: n_weights - n_at_compression(n_weights, compression ** (step / n_steps))]
    return priority


def _check(scores: np.ndarray, step: int, n_steps: int, compression: float) -> None:
    if not np.isfinite(scores).all():
        raise UserError(
            f"pruning step {step} of {n_steps} to compression {compression:g}: saliencies are not finite "
            f"numbers; the network over- or underflows even in float64"
        )


def _least(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` least scores, least first; of equal scores the later index comes first."""
    if count == 0:
        return np.empty(0, np.int64)
    largest_removed = np.partition(scores, count - 1)[count - 1]
    below = np.flatnonzero(scores < largest_removed)[::-1]
    tied = np.flatnonzero(scores == largest_removed)[::-1][: count - len(below)]
    return np.concatenate([below[np.argsort(scores[below], kind="stable")], tied])
