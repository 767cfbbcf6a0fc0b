"""Matrix products in the (max, min) semiring: C[m, n] = max over k of min(A[m, k], B[k, n])."""

import torch
from torch import Tensor

_WORTH_COMPILED_LOOPS = 2**22  # elements of a vector product below which importing numba would cost more


def product(a: Tensor, b: Tensor) -> Tensor:
    """(max, min) product of stacks of integer matrices on the CPU.

    Args:
        a: shape (stack, M, K).
        b: shape (stack, K, N).

    Returns:
        Shape (stack, M, N), not necessarily contiguous. K must not be 0.
    """
    stack, m, k = a.shape
    n = b.shape[2]
    if k == 1:
        return torch.minimum(a, b)
    if min(m, n) == 1 and m * k * n < _WORTH_COMPILED_LOOPS:  # one position, as in fully-connected networks
        if n == 1:
            return torch.minimum(a, b.transpose(1, 2)).amax(2, keepdim=True)
        return torch.minimum(a.transpose(1, 2), b).amax(1, keepdim=True)

    from effective_sparsity.connectivity import kernels

    # The vector unit runs along the longest of the three dimensions, which must then be contiguous.
    if n >= max(m, k):
        return _run(kernels.outer, a, b, (stack, m, n))
    if m >= k:
        return _run(kernels.outer, b.transpose(1, 2), a.transpose(1, 2), (stack, n, m)).transpose(1, 2)
    return _run(kernels.inner, a, b.transpose(1, 2), (stack, m, n))


def _run(kernel, a: Tensor, b: Tensor, shape) -> Tensor:
    result = torch.empty(shape, dtype=a.dtype)
    kernel(a.contiguous().numpy(), b.contiguous().numpy(), result.numpy())
    return result
