"""What the kernels of packed training work on."""

from typing import NamedTuple

import numpy as np


class Edges(NamedTuple):
    """Weights by unit: those of unit u are the entries start[u] to start[u + 1] of the other arrays.

    start: uint64 of shape (units + 1,). unit: the row (of incoming weights) or the unit counted within its
    network (of outgoing ones) at the other end, uint32. weight: place in `Parameters.weight`, uint32.
    Unsigned, because numba looks at every other index whether it counts from the end.
    """

    start: np.ndarray
    unit: np.ndarray
    weight: np.ndarray


class Structure(NamedTuple):
    """Which units and weights the networks have.

    first_unit: int64 of shape (networks + 1,), the units of network m are first_unit[m] to first_unit[m + 1],
    layer by layer; the last `classes` of them are its logits. first_layer: int64 of shape (networks,), how
    many of them, the first ones, are fed by the inputs.
    """

    inputs: int
    classes: int
    first_unit: np.ndarray
    first_layer: np.ndarray
    incoming: Edges
    outgoing: Edges


class Parameters(NamedTuple):
    """What SGD learns, or its momenta: float32 by weight (weight) and by unit (batch norm's gamma, beta)."""

    weight: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


class Statistics(NamedTuple):
    """Running statistics of batch norm, float32 by unit. The mean is that of z, without a layer's bias."""

    mean: np.ndarray
    variance: np.ndarray


class Scratch(NamedTuple):
    """Memory for one network at work, which fits the second-level cache.

    rows: inputs, then the activations h of the units, float32 of shape (inputs + most units, batch width).
    normalised: z^; gradient: dL/dz; both of shape (most units, batch width).
    softmax: by sample the largest logit and the sum of the exponentials, of shape (2, batch width).
    scale: 1 / sqrt(var z + eps), of shape (most units,).
    """

    rows: np.ndarray
    normalised: np.ndarray
    gradient: np.ndarray
    softmax: np.ndarray
    scale: np.ndarray


class Sgd(NamedTuple):
    """Settings of one step, float32; the decay is that of weights."""

    rate: np.float32
    momentum: np.float32
    decay: np.float32
