"""What the kernels of packed training work on."""

from typing import NamedTuple

import numpy as np


class Edges(NamedTuple):
    """Weights by unit: those of unit u are the entries start[u] to start[u + 1] of the other arrays.

    start: uint64 of shape (units + 1,). unit: what is at the other end, uint32: of incoming weights the row
    (for a convolution: where, in the inputs of a block, it reads for the output at the image's origin), of
    outgoing ones the unit counted within its network. weight: place in `Parameters.weight`, uint32.
    Unsigned, because numba looks at every other index whether it counts from the end.
    """

    start: np.ndarray
    unit: np.ndarray
    weight: np.ndarray


class Structure(NamedTuple):
    """Which units and weights the linear layers of the networks have.

    inputs: rows before those of the units: the pixels of the images, shared by all networks, or the features
    that convolutions made of them. features: how many of these have a gradient: all or 0.
    first_unit: int64 of shape (networks + 1,), the units of network m are first_unit[m] to first_unit[m + 1],
    layer by layer; the last `classes` of them are its logits. first_layer: int64 of shape (networks,), how
    many of them, the first ones, are fed by pixels. incoming: by unit. outgoing: of each network first by
    feature, then by unit.
    """

    inputs: int
    features: int
    classes: int
    first_unit: np.ndarray
    first_layer: np.ndarray
    incoming: Edges
    outgoing: Edges


class Parameters(NamedTuple):
    """What SGD learns, or its momenta: float32 by weight (weight) and by unit (batch norm's gamma, beta).

    The channels of convolutions follow all the units of linear layers.
    """

    weight: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


class Statistics(NamedTuple):
    """Batch norm's running statistics, float32 by unit, and settings, float32.

    The mean is that of z, without a layer's bias. epsilon: added to variances. momentum: how much of the
    running statistics a batch replaces.
    """

    mean: np.ndarray
    variance: np.ndarray
    epsilon: np.float32
    momentum: np.float32


class Scratch(NamedTuple):
    """Memory for the linear layers of one network at work, which fits the second-level cache.

    rows: inputs, then the activations h of the units, float32 of shape (inputs + most units, batch width).
    normalised: z^; gradient: dL/dz; both of shape (most units, batch width).
    feature_gradient: dL/dh of the features, of shape (features, batch width).
    softmax: by sample the largest logit and the sum of the exponentials, of shape (2, batch width).
    scale: 1 / sqrt(var z + eps), of shape (most units,).
    """

    rows: np.ndarray
    normalised: np.ndarray
    gradient: np.ndarray
    feature_gradient: np.ndarray
    softmax: np.ndarray
    scale: np.ndarray


class Channels(NamedTuple):
    """Which channels and weights of a convolution the networks have.

    first: int64 of shape (networks + 1,), the channels of network m are first[m] to first[m + 1].
    channel, unit: int64 by channel, its place in the dense layer and in `Parameters`.
    """

    first: np.ndarray
    channel: np.ndarray
    unit: np.ndarray
    incoming: Edges


class ConvolutionMemory(NamedTuple):
    """A convolution of all networks, and its memory for one of them at work.

    The memory is of registers: float32 arrays of shape (registers, REGISTER), each with the values at one
    position of the samples of one block. Sizes: blocks of the batch; height and width of the sums z; pool,
    the side of the squares that are pooled.

    inputs, input_gradient: x and dL/dx; a block has input_block registers, channel by channel and row by row
    of input_width positions. input_gradient is empty if nothing needs it.
    sums: z by dense channel, block and position. numbers, normalised: n and s, in the same order, pooled.
    scale, shift: z^ = scale z - shift by dense channel.
    outputs, output_gradient: h and dL/dh; of block b, position p (counted on through the dense channels) is
    register b * output_block + p * output_step.
    weight_gradient: by weight of a channel, not yet added up over the samples.
    """

    blocks: int
    height: int
    width: int
    pool: int
    input_block: int
    input_width: int
    output_block: int
    output_step: int
    channels: Channels
    inputs: np.ndarray
    input_gradient: np.ndarray
    sums: np.ndarray
    numbers: np.ndarray
    normalised: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    outputs: np.ndarray
    output_gradient: np.ndarray
    weight_gradient: np.ndarray


class Arrays(NamedTuple):
    """The linear layers of all networks, and the memory that they work in one after another.

    parameters, momenta, statistics: of convolutions too.
    """

    structure: Structure
    parameters: Parameters
    momenta: Parameters
    statistics: Statistics
    scratch: Scratch


class Sgd(NamedTuple):
    """Settings of one step, float32; the decay is that of weights."""

    rate: np.float32
    momentum: np.float32
    decay: np.float32
