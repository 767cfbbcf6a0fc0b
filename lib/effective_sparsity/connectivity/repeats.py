"""Equal columns, found so that each is computed once.

Translation makes the columns of a convolution's windows equal wherever no border or dead pixel is near, and
attention makes the tokens of a transformer equal: a pass then costs a few columns instead of thousands.
"""

from functools import cache

import numpy as np


def distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct columns of a matrix.

    Args:
        x: numbers, shape (rows, columns); those with equal bits are equal.

    Returns:
        Indices of one column of each kind, and for each column the position of its kind among these, so that
        x[:, first][:, kinds] equals x.
    """
    rows, columns = x.shape
    if columns == 1:
        return np.zeros(1, int), np.zeros(1, int)

    from effective_sparsity.connectivity import kernels

    x = x.view(f"i{x.itemsize}")
    hashes = kernels.hashes(x, _factors(rows))
    _, first, kinds = np.unique(hashes, return_index=True, return_inverse=True)
    if kernels.repeats(x, first, kinds):
        return first, kinds
    every = np.arange(columns)  # two kinds have one hash
    return every, every


def pairs(kinds: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Indices of one column of each combination of two kinds."""
    _, first = np.unique(kinds * (others.max(initial=0) + 1) + others, return_index=True)
    return first


@cache
def _factors(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-(2**63), 2**63 - 1, n) | 1
