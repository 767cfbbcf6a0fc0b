"""One step of SGD, and evaluation, for many sparse networks: the compiled kernels.

The networks are trained one after another on the same batch, unit (neuron) by unit in topological order.
Every unit has a row: its activation for all samples of the batch. The first rows are the inputs, shared by
all networks; the units of the current network follow. Of a unit with incoming weights w_k from rows x_k:

    forward     z = sum_k w_k x_k,  z^ = (z - mean z) / sqrt(var z + eps),  h = relu(gamma z^ + beta)
    backward    g = dL/dh = sum_k w_k dL/dz_k  over its outgoing weights,   g = 0 where h = 0
                dgamma = sum g z^,  dbeta = sum g,
                dL/dz = gamma / sqrt(var z + eps) (g - dbeta / B - z^ dgamma / B)
    weights     dL/dw_k = sum x_k dL/dz

over the B samples of the batch (Ioffe & Szegedy 2015, section 3). The logits have batch norm, but no relu.
Everything about a unit happens while its row is in registers: see `lanes`. Where a network starts with
convolutions, its first rows are the features that these make of the images (`convolutions`), and their
gradient g is what the convolutions get back. The arguments' fields are explained in `arrays`.
"""

import numpy as np

from effective_sparsity.training.packed.convolutions import backward_all, evaluate_all, forward_all
from effective_sparsity.training.packed.lane_arithmetic import (
    exp,
    mask_padding,
    maximum,
    total,
    where_positive,
)
from effective_sparsity.training.packed.lanes import load, store, zeros
from effective_sparsity.training.packed.updates import ZERO, descend, follow, inline, kernel


@kernel
def train_step(batch, image_rows, convolutions, arrays, sgd, labels, alive, losses):
    """One step of SGD of each network that is alive, on the batch in the inputs of its first layer.

    Args:
        batch: `lanes.Row` of the batch size.
        image_rows, convolutions: The layers before the linear ones; see `memory.Memory`.
        labels: int64 of shape (batch size,).
        alive: bool by network: whether it is trained. One whose loss is not finite is not updated either.
        losses: float64 by network, to which the cross-entropy of this batch is added.
    """
    for network in range(alive.size):
        if not alive[network]:
            continue
        forward_all(image_rows, convolutions, batch, arrays.parameters, arrays.statistics, network)
        _forward(batch, arrays, network)
        loss = _cross_entropy(batch, arrays, network, labels)
        losses[network] += loss
        if np.isfinite(loss):
            _backward(batch, arrays, sgd, network)
            backward_all(image_rows, convolutions, batch, arrays.parameters, arrays.momenta, sgd, network)


@kernel
def evaluate_batch(batch, image_rows, convolutions, arrays, labels, count, loss_sums, correct):
    """Add each network's summed cross-entropy and its hits on the first `count` samples of the batch.

    Batch norm uses the running statistics. `loss_sums` is float64, `correct` int64, by network.
    """
    structure, parameters, statistics = arrays.structure, arrays.parameters, arrays.statistics
    rows = arrays.scratch.rows
    for network in range(loss_sums.size):
        evaluate_all(image_rows, convolutions, batch, arrays.parameters, arrays.statistics, network)
        first, units = structure.first_unit[network], _units(structure, network)
        for j in range(units):
            u = first + j
            z = _weighted_sum(batch, arrays, u)
            scale = np.float32(1) / np.sqrt(statistics.variance[u] + statistics.epsilon)
            y = parameters.gamma[u] * scale * (z - statistics.mean[u]) + parameters.beta[u]
            if j < units - structure.classes:
                y = where_positive(y, y)
            store(rows, structure.inputs + j, mask_padding(y))
        _softmax(batch, arrays, network)
        logits = rows[structure.inputs + units - structure.classes : structure.inputs + units]
        for n in range(count):
            loss_sums[network] += _sample_loss(arrays.scratch, logits, n, labels[n])
            correct[network] += np.argmax(logits[:, n]) == labels[n]


@inline
def _units(structure, network):
    return structure.first_unit[network + 1] - structure.first_unit[network]


@inline
def _weighted_sum(batch, arrays, u):
    incoming, weight, rows = arrays.structure.incoming, arrays.parameters.weight, arrays.scratch.rows
    z = zeros(batch)
    for k in range(incoming.start[u], incoming.start[u + 1]):
        z += weight[incoming.weight[k]] * load(batch, rows, incoming.unit[k])
    return z


@inline
def _forward(batch, arrays, network):
    structure, parameters, scratch = arrays.structure, arrays.parameters, arrays.scratch
    size = np.float32(batch.size)
    first, units = structure.first_unit[network], _units(structure, network)
    for j in range(units):
        u = first + j
        z = _weighted_sum(batch, arrays, u)
        mean = total(z) / size
        z = mask_padding(z - mean)
        variance = total(z * z) / size
        scale = np.float32(1) / np.sqrt(variance + arrays.statistics.epsilon)
        z *= scale
        y = parameters.gamma[u] * z + parameters.beta[u]
        if j < units - structure.classes:
            y = where_positive(y, y)
        store(scratch.rows, structure.inputs + j, mask_padding(y))
        store(scratch.normalised, j, z)
        scratch.scale[j] = scale
        follow(arrays.statistics, u, mean, variance, size)


@inline
def _softmax(batch, arrays, network):
    """Exponentials of the logits less the largest one, to their gradient rows; see `Scratch.softmax`."""
    structure, scratch = arrays.structure, arrays.scratch
    units = _units(structure, network)
    rows, first = scratch.rows, units - structure.classes
    largest = load(batch, rows, structure.inputs + first)
    for j in range(first + 1, units):
        largest = maximum(largest, load(batch, rows, structure.inputs + j))
    exponentials = zeros(batch)
    for j in range(first, units):
        exponential = exp(load(batch, rows, structure.inputs + j) - largest)
        exponentials += exponential
        store(scratch.gradient, j, exponential)
    store(scratch.softmax, 0, largest)
    store(scratch.softmax, 1, exponentials)


@inline
def _sample_loss(scratch, logits, n, label):
    return scratch.softmax[0, n] + np.log(scratch.softmax[1, n]) - logits[label, n]


@inline
def _cross_entropy(batch, arrays, network, labels):
    """Mean loss of the batch; its gradient by the logits goes to the gradient rows of the logits."""
    structure, scratch = arrays.structure, arrays.scratch
    units, inverse_size = _units(structure, network), np.float32(1 / batch.size)
    first = units - structure.classes
    logits, gradient = scratch.rows[structure.inputs + first : structure.inputs + units], scratch.gradient
    _softmax(batch, arrays, network)
    exponentials = load(batch, scratch.softmax, 1)
    for j in range(first, units):
        store(gradient, j, mask_padding(inverse_size * (load(batch, gradient, j) / exponentials)))
    loss = 0.0
    for n in range(batch.size):
        gradient[first + labels[n], n] -= inverse_size
        loss += _sample_loss(scratch, logits, n, labels[n])
    return loss / batch.size


@inline
def _backward(batch, arrays, sgd, network):
    structure, scratch = arrays.structure, arrays.scratch
    parameters, momenta = arrays.parameters, arrays.momenta
    inverse_size = np.float32(1 / batch.size)
    first, units = structure.first_unit[network], _units(structure, network)
    incoming, rows, gradient = structure.incoming, scratch.rows, scratch.gradient
    # Where the outgoing weights of this network's features and units start.
    of_features = first + network * structure.features
    of_units = of_features + structure.features
    for j in range(units - 1, -1, -1):
        u = first + j
        g = load(batch, gradient, j)
        if j < units - structure.classes:
            h = load(batch, rows, structure.inputs + j)
            g = where_positive(h, _through_weights(batch, arrays, sgd, of_units + j, h))
        z = load(batch, scratch.normalised, j)
        dgamma, dbeta = total(g * z), total(g)
        dz = (parameters.gamma[u] * scratch.scale[j]) * (
            g - dbeta * inverse_size - (dgamma * inverse_size) * z
        )
        dz = mask_padding(dz)
        store(gradient, j, dz)
        descend(parameters.gamma, momenta.gamma, u, dgamma, sgd, ZERO)
        descend(parameters.beta, momenta.beta, u, dbeta, sgd, ZERO)
        if j < structure.first_layer[network]:
            for k in range(incoming.start[u], incoming.start[u + 1]):
                dw = total(dz * load(batch, rows, incoming.unit[k]))
                descend(parameters.weight, momenta.weight, incoming.weight[k], dw, sgd, sgd.decay)
    for f in range(structure.features):
        g = _through_weights(batch, arrays, sgd, of_features + f, load(batch, rows, f))
        store(scratch.feature_gradient, f, g)


@inline
def _through_weights(batch, arrays, sgd, source, h):
    """dL/dh of a feature or unit from the dL/dz of those after it; updates the weights on the way."""
    outgoing, parameters, momenta = arrays.structure.outgoing, arrays.parameters, arrays.momenta
    g = zeros(batch)
    for k in range(outgoing.start[source], outgoing.start[source + 1]):
        place = outgoing.weight[k]
        dz = load(batch, arrays.scratch.gradient, outgoing.unit[k])
        g += parameters.weight[place] * dz
        descend(parameters.weight, momenta.weight, place, total(h * dz), sgd, sgd.decay)
    return g


@kernel
def fill_inputs(registers, block_step, pixel_step, images, scale, shift):
    """Write a batch of images to the inputs, normalised: pixel * scale - shift by channel.

    Args:
        registers: float32 of shape (registers, lanes). Of the block b of samples, pixel p (counted on
            through the channels) goes to register b * block_step + p * pixel_step.
        images: float32 of shape (batch size, C, H W).
        scale, shift: float32 of shape (C,).
    """
    size, channels, pixels = images.shape
    for n in range(size):
        block, lane = divmod(n, registers.shape[1])
        for c in range(channels):
            first = block * block_step + c * pixels * pixel_step
            for p in range(pixels):
                registers[first + p * pixel_step, lane] = images[n, c, p] * scale[c] - shift[c]
