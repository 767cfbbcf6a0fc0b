"""What SGD and batch norm change at a step, in one place for all kinds of layers."""

import numba
import numpy as np

from effective_sparsity.networks.registry import BATCH_NORM_EPSILON

EPSILON = np.float32(BATCH_NORM_EPSILON)
# How much of the running statistics a batch replaces: the default of PyTorch.
STATISTICS_MOMENTUM = np.float32(0.1)

ZERO = np.float32(0)
inline = numba.njit(fastmath={"contract"}, forceinline=True)
kernel = numba.njit(fastmath={"contract"}, cache=True)


@inline
def descend(parameter, momentum, i, gradient, sgd, decay):
    """A step of SGD with momentum of parameter i."""
    momentum[i] = sgd.momentum * momentum[i] + (gradient + decay * parameter[i])
    parameter[i] -= sgd.rate * momentum[i]


@inline
def follow(statistics, u, mean, variance, size):
    """Update the running statistics of unit u from those of a batch of so many values."""
    unbiased = variance * (size / (size - np.float32(1)))
    statistics.mean[u] += STATISTICS_MOMENTUM * (mean - statistics.mean[u])
    statistics.variance[u] += STATISTICS_MOMENTUM * (unbiased - statistics.variance[u])
