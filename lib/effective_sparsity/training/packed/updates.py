"""What SGD and batch norm change at a step, in one place for all kinds of layers.

Kernels get all numbers that decide a result as arguments. Numba caches them on disk, and compiles them
anew when the types of their arguments or the files of this folder change (`lanes.RowType`), but not when a
constant of another module does.
"""

import numba
import numpy as np

from effective_sparsity.compiled import compiled

ZERO = np.float32(0)
inline = numba.njit(fastmath={"contract"}, forceinline=True)
kernel = compiled(fastmath={"contract"})


@inline
def descend(parameter, momentum, i, gradient, sgd, decay):
    """A step of SGD with momentum of parameter i."""
    momentum[i] = sgd.momentum * momentum[i] + (gradient + decay * parameter[i])
    parameter[i] -= sgd.rate * momentum[i]


@inline
def follow(statistics, u, mean, variance, size):
    """Update the running statistics of unit u from those of a batch of so many values."""
    unbiased = variance * (size / (size - np.float32(1)))
    statistics.mean[u] += statistics.momentum * (mean - statistics.mean[u])
    statistics.variance[u] += statistics.momentum * (unbiased - statistics.variance[u])
