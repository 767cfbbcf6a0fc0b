"""What is taken along a path, and across paths: least and widest scores (`orders`), or numbers of paths."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

_WORTH_COMPILED_LOOPS = 2**22  # elements of a vector product below which importing numba would cost more

_FEW = 16  # rows of a matrix product
_LONG = 512  # columns beyond which more of them do not fill the vector unit better


@dataclass(frozen=True)
class Semiring(ABC):
    """What the passes through a graph compute with.

    Attributes:
        keys: dtype of the numbers.
        never: that of a path that does not exist, neutral across paths.
        always: that of an edge that is always there, neutral along a path.
        join: across paths.
        along: along a path.
    """

    keys: np.dtype
    never: int
    always: int
    join: ClassVar[np.ufunc]
    along: ClassVar[np.ufunc]

    def full(self, shape: tuple[int, ...], key: int) -> np.ndarray:
        """An array of one key."""
        return np.full(shape, key, self.keys)

    def joined(self, x: np.ndarray, dims: int | tuple[int, ...], keepdims: bool = False) -> np.ndarray:
        """What there is across all paths of some dimensions."""
        return np.asarray(self.join.reduce(x, axis=dims, keepdims=keepdims))  # of all it is a number

    @abstractmethod
    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Products of stacks of matrices, (stack, M, K) and (stack, K, N): (stack, M, N)."""


class Counts(Semiring):
    """Numbers of paths.

    In float64 they have sixteen digits, since nothing is ever subtracted, and reach to 1e308.
    """

    join = np.add
    along = np.multiply

    def product(self, a, b):
        return a @ b


COUNTS = Counts(np.dtype(float), never=0, always=1)


def max_min_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(max, min) product of stacks of integer matrices: C[m, n] = max over k of min(A[m, k], B[k, n]).

    Args:
        a: shape (stack, M, K).
        b: shape (stack, K, N).

    Returns:
        Shape (stack, M, N), not necessarily contiguous. K must not be 0.
    """
    stack, m, k = a.shape
    n = b.shape[2]
    if k == 1:
        return np.minimum(a, b)
    if min(m, n) == 1 and m * k * n < _WORTH_COMPILED_LOOPS:  # one position, as in fully-connected networks
        if n == 1:
            return np.minimum(a, b.mT).max(2, keepdims=True)
        return np.minimum(a.mT, b).max(1, keepdims=True)

    from effective_sparsity.connectivity import kernels

    # The vector unit runs along the longest of the three dimensions, which must then be contiguous. Few rows
    # are multiplied faster than a large matrix is copied.
    if m <= _FEW and b.mT.flags.c_contiguous and not b.flags.c_contiguous:
        return _run(kernels.inner, a, b.mT, (stack, m, n))
    if n >= max(min(m, _LONG), k) or (m <= _FEW and b.flags.c_contiguous):
        return _run(kernels.outer, a, b, (stack, m, n))
    if m >= k:
        return _run(kernels.outer, b.mT, a.mT, (stack, n, m)).mT
    return _run(kernels.inner, a, b.mT, (stack, m, n))


def _run(kernel, a: np.ndarray, b: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    result = np.empty(shape, a.dtype)
    # Numba would compile the kernel once more for arrays that may not be written.
    kernel(np.require(a, requirements=["C", "W"]), np.require(b, requirements=["C", "W"]), result)
    return result
