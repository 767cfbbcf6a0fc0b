"""Effective sparsity of random pruning, predicted without drawing a mask (no torch).

Layer l of a fully-connected network joins n_{l-1} units to n_l units and keeps each of its weights with
probability d_l, independently. A unit is reached from the input if a kept weight leads to it from a unit that
is, so with f_l the probability for a unit behind layer l,

    f_0 = 1,    f_l = 1 - (1 - d_l f_{l-1})^n_{l-1}

and b_l, the probability that a path leads on to the output, follows in the same way from the other end. A
weight of layer l is active if it is kept, its source is reached and its target leads on. The three depend on
different layers (the source on those before l, the target on those behind l), so they are independent, and
whether the weight itself is kept needs no correction:

    expected active weights of layer l = n_{l-1} n_l d_l f_{l-1} b_l

This is exact up to two hidden layers. Deeper, units of a layer share what they hang on, and the recursion,
which takes them for independent, is a mean-field approximation; a fixed count of weights instead of
independent draws is another, and both matter only where a layer has few active units.
"""

from collections.abc import Sequence

import numpy as np


def reached(widths: Sequence[int], densities: Sequence[float]) -> np.ndarray:
    """f_0 to f_L: probabilities that a unit behind each layer is reached from the input.

    Args:
        widths: units n_0 to n_L.
        densities: d_1 to d_L, between 0 and 1.
    """
    probabilities = [1.0]
    for n_sources, density in zip(widths[:-1], densities, strict=True):
        probabilities.append(1 - (1 - density * probabilities[-1]) ** n_sources)
    return np.array(probabilities)


def expected_active(widths: Sequence[int], densities: Sequence[float]) -> np.ndarray:
    """Expected number of active weights in each layer; arguments as for `reached`."""
    forward = reached(widths, densities)
    backward = reached(widths[::-1], densities[::-1])[::-1]
    n_weights = np.multiply(widths[:-1], widths[1:])
    return n_weights * np.asarray(densities, float) * forward[:-1] * backward[1:]


def expected_effective_compression(widths: Sequence[int], densities: Sequence[float]) -> float:
    """All weights over the expected number of active ones; infinite if that is 0."""
    n_active = expected_active(widths, densities).sum()
    n_weights = np.multiply(widths[:-1], widths[1:]).sum()
    return float(n_weights / n_active) if n_active else float("inf")
