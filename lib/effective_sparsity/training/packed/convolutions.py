"""Convolutions without padding of many sparse networks: the compiled kernels.

A channel is to a convolution what a unit is to a linear layer (see `kernels`): its values for all
samples of the batch, at all positions, are computed one after another, normalised with common statistics and
updated together. With incoming weights w_k from input channels x_k, each read at its own offset o_k,

    forward     z[p] = sum_k w_k x_k[p + o_k],  z^ = (z - mean z) / sqrt(var z + eps),
                y = gamma z^ + beta,  h[q] = mean of relu(y[p]) over the A positions p pooled into q
    backward    g[p] = dL/dy[p] = dL/dh[q] / A,  0 where y <= 0
                dgamma = sum g z^,  dbeta = sum g,
                dL/dz = gamma / sqrt(var z + eps) (g - dbeta / N - z^ dgamma / N)
    weights     dL/dw_k = sum_p x_k[p + o_k] dL/dz[p]
    inputs      dL/dx_k[p + o_k] += w_k dL/dz[p]

with means and sums over the N values of the channel: all positions of all samples. With n[q] the number and
s[q] the sum of z^ of those of the positions pooled into q where y > 0,

    h[q] = (gamma s[q] + beta n[q]) / A,  dgamma = sum_q s[q] dL/dh[q] / A,  dbeta = sum_q n[q] dL/dh[q] / A.

The kernels go through the batch in blocks of `REGISTER` samples and through the image row by row, so that a
row of positions is in registers while it meets the weights. z, n and s are kept; z^ and y are cheap to
compute again.
"""

import numpy as np
from numba.extending import overload

from effective_sparsity.training.packed.lane_arithmetic import (
    add_products,
    fold,
    mask_padding_of_block,
    pool,
    spread,
    total,
    where_positive,
)
from effective_sparsity.training.packed.lanes import (
    ONE_REGISTER,
    load,
    load_apart,
    ones,
    store,
    store_apart,
    zeros,
)
from effective_sparsity.training.packed.updates import ZERO, descend, follow, inline


@inline
def _forward(row, pooled, layer, batch, parameters, statistics, network):
    """Outputs of one network's layer, by the statistics of the batch, which its running ones follow."""
    channels, size = layer.channels, np.float32(batch.size * layer.height * layer.width)
    for c in range(channels.first[network], channels.first[network + 1]):
        u, channel = channels.unit[c], channels.channel[c]
        mean = total(_sums(row, layer, parameters.weight, c)) / size
        squares = zeros(ONE_REGISTER)
        for block in range(layer.blocks):
            for y in range(layer.height):
                z = load(row, layer.sums, _place(layer, channel, block, y))
                z = mask_padding_of_block(batch, block, z - mean)
                squares = add_products(squares, z, z)
        variance = total(squares) / size
        follow(statistics, u, mean, variance, size)
        scale = np.float32(1) / np.sqrt(variance + statistics.epsilon)
        _outputs(row, pooled, layer, batch, channel, mean, scale, parameters.gamma[u], parameters.beta[u])


@inline
def _evaluate(row, pooled, layer, batch, parameters, statistics, network):
    """Outputs of one network's layer, by the running statistics."""
    channels = layer.channels
    for c in range(channels.first[network], channels.first[network + 1]):
        u, channel = channels.unit[c], channels.channel[c]
        _sums(row, layer, parameters.weight, c)
        mean, variance = statistics.mean[u], statistics.variance[u]
        scale = np.float32(1) / np.sqrt(variance + statistics.epsilon)
        _outputs(row, pooled, layer, batch, channel, mean, scale, parameters.gamma[u], parameters.beta[u])


@inline
def _backward(row, pooled, layer, batch, parameters, momenta, sgd, network):
    """Gradients of one network's layer from those of its outputs, and the update of its parameters."""
    layer.input_gradient[:] = ZERO
    channels, start = layer.channels, layer.channels.incoming.start
    for c in range(channels.first[network], channels.first[network + 1]):
        u, channel = channels.unit[c], channels.channel[c]
        dgamma, dbeta = _norm_gradient(pooled, layer, channel)
        for k in range(start[c], start[c + 1]):
            store(layer.weight_gradient, k - start[c], zeros(ONE_REGISTER))
        _through_sums(row, pooled, layer, batch, c, parameters, dgamma, dbeta)
        for k in range(start[c], start[c + 1]):
            dw = total(load(ONE_REGISTER, layer.weight_gradient, k - start[c]))
            descend(parameters.weight, momenta.weight, channels.incoming.weight[k], dw, sgd, sgd.decay)
        descend(parameters.gamma, momenta.gamma, u, dgamma, sgd, ZERO)
        descend(parameters.beta, momenta.beta, u, dbeta, sgd, ZERO)


def _in_each(kernel, backwards=False):
    """Compiled function of the rows and layers of all convolutions that calls the kernel for each of them.

    Args:
        kernel: Function of a layer's two rows, the layer and further arguments. It is compiled for each layer
            anew, because the sizes of rows are constants.
        backwards: Whether to start with the last layer.
    """

    def in_each(rows, layers, *arguments):
        """For `overload`, which gives it a meaning in compiled functions."""

    @overload(in_each, jit_options={"forceinline": True})
    def _of_types(rows, layers, *arguments):
        def none(rows, layers, *arguments):
            pass

        def first_and_others(rows, layers, *arguments):
            kernel(rows[0], rows[1], layers[0], *arguments)
            in_each(rows[2:], layers[1:], *arguments)

        def others_and_first(rows, layers, *arguments):
            in_each(rows[2:], layers[1:], *arguments)
            kernel(rows[0], rows[1], layers[0], *arguments)

        if len(layers) == 0:
            return none
        return others_and_first if backwards else first_and_others

    return in_each


forward_all = _in_each(_forward)
evaluate_all = _in_each(_evaluate)
backward_all = _in_each(_backward, backwards=True)


@inline
def _place(layer, channel, block, y):
    """Row y of a channel's sums, for the samples of a block."""
    return ((channel * layer.blocks + block) * layer.height + y) * layer.width


@inline
def _pooled_place(layer, channel, block, q):
    """Row q of a channel's n and s, for the samples of a block."""
    return _place(layer, channel, block, q * layer.pool) // (layer.pool * layer.pool)


@inline
def _input_place(layer, block, y):
    """Row y of the first input channel, for the samples of a block; weights read at offsets from there."""
    return block * layer.input_block + y * layer.input_width


@inline
def _output_place(layer, channel, block, q):
    """The first position of row q of a channel's outputs; the next ones are `output_step` apart."""
    height, width = layer.height // layer.pool, layer.width // layer.pool
    return block * layer.output_block + (channel * height + q) * width * layer.output_step


@inline
def _sums(row, layer, weight, c):
    """Compute z of a channel; the total of it, not yet added up over the samples."""
    incoming, channel = layer.channels.incoming, layer.channels.channel[c]
    sums = zeros(ONE_REGISTER)
    for block in range(layer.blocks):
        for y in range(layer.height):
            here = _input_place(layer, block, y)
            z = zeros(row)
            for k in range(incoming.start[c], incoming.start[c + 1]):
                z += weight[incoming.weight[k]] * load(row, layer.inputs, incoming.unit[k] + here)
            store(layer.sums, _place(layer, channel, block, y), z)
            sums += fold(z)
    return sums


@inline
def _outputs(row, pooled, layer, batch, channel, mean, scale, gamma, beta):
    """Normalise, relu and pool a channel."""
    layer.scale[channel], layer.shift[channel] = scale, scale * mean
    share = np.float32(1 / (layer.pool * layer.pool))
    for block in range(layer.blocks):
        for q in range(layer.height // layer.pool):
            n, s = zeros(pooled), zeros(pooled)
            for y in range(q * layer.pool, (q + 1) * layer.pool):
                z = _normalised(row, layer, channel, block, y)
                activation = gamma * z + beta
                n += pool(pooled, where_positive(activation, ones(row)))
                s += pool(pooled, where_positive(activation, z))
            store(layer.numbers, _pooled_place(layer, channel, block, q), n)
            store(layer.normalised, _pooled_place(layer, channel, block, q), s)
            h = mask_padding_of_block(batch, block, (share * gamma) * s + (share * beta) * n)
            store_apart(layer.outputs, _output_place(layer, channel, block, q), layer.output_step, h)


@inline
def _normalised(row, layer, channel, block, y):
    """z^ of a row."""
    z = load(row, layer.sums, _place(layer, channel, block, y))
    return layer.scale[channel] * z - layer.shift[channel]


@inline
def _output_gradient(pooled, layer, channel, block, q):
    """dL/dh of a row."""
    place = _output_place(layer, channel, block, q)
    return load_apart(pooled, layer.output_gradient, place, layer.output_step)


@inline
def _norm_gradient(pooled, layer, channel):
    """dgamma and dbeta."""
    share = np.float32(1 / (layer.pool * layer.pool))
    dgamma, dbeta = zeros(ONE_REGISTER), zeros(ONE_REGISTER)
    for block in range(layer.blocks):
        for q in range(layer.height // layer.pool):
            g, place = (
                _output_gradient(pooled, layer, channel, block, q),
                _pooled_place(layer, channel, block, q),
            )
            dgamma = add_products(dgamma, g, load(pooled, layer.normalised, place))
            dbeta = add_products(dbeta, g, load(pooled, layer.numbers, place))
    return share * total(dgamma), share * total(dbeta)


@inline
def _through_sums(row, pooled, layer, batch, c, parameters, dgamma, dbeta):
    """Add what dL/dz of a channel gives to the gradients of its weights and of the inputs."""
    u, channel, incoming = layer.channels.unit[c], layer.channels.channel[c], layer.channels.incoming
    gamma, beta = parameters.gamma[u], parameters.beta[u]
    factor = gamma * layer.scale[channel]
    share = factor * np.float32(1 / (layer.pool * layer.pool))
    mean_factor = factor * np.float32(1 / (batch.size * layer.height * layer.width))
    first = incoming.start[c]
    for block in range(layer.blocks):
        for y in range(layer.height):
            z = _normalised(row, layer, channel, block, y)
            g = spread(row, share * _output_gradient(pooled, layer, channel, block, y // layer.pool))
            g = where_positive(gamma * z + beta, g)
            dz = g - ((mean_factor * dgamma) * z + mean_factor * dbeta)
            dz = mask_padding_of_block(batch, block, dz)
            for k in range(first, incoming.start[c + 1]):
                place = incoming.unit[k] + _input_place(layer, block, y)
                dw = load(ONE_REGISTER, layer.weight_gradient, k - first)
                dw = add_products(dw, load(row, layer.inputs, place), dz)
                store(layer.weight_gradient, k - first, dw)
                if layer.input_gradient.size > 0:
                    dx = load(row, layer.input_gradient, place)
                    dx += parameters.weight[incoming.weight[k]] * dz
                    store(layer.input_gradient, place, dx)
