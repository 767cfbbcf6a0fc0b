"""The memory that one network works in, and how its layers share it."""

import numpy as np

from effective_sparsity.training.packed.arrays import ConvolutionMemory, Scratch
from effective_sparsity.training.packed.ensemble import Ensemble
from effective_sparsity.training.packed.lanes import ONE_REGISTER, REGISTER, Row


class Memory:
    """Activations and gradients of one network of an ensemble, for one batch.

    Args:
        ensemble: The networks, which take turns.
        batch: Row of the batch size.

    Attributes:
        scratch: Of the linear layers.
        image_rows: Of each convolution a row of positions before and after pooling, one layer after another.
        convolutions: The convolutions themselves.
        inputs: The registers of the images, and their steps from block to block and from pixel to pixel; see
            `kernels.fill_inputs`.
    """

    def __init__(self, ensemble: Ensemble, batch: Row):
        structure, most = ensemble.structure, ensemble.most_units
        self.scratch = Scratch(
            rows=batch.rows(structure.inputs + most),
            normalised=batch.rows(most),
            gradient=batch.rows(most),
            feature_gradient=batch.rows(structure.features),
            softmax=batch.rows(2),
            scale=np.empty(most, np.float32),
        )
        self.convolutions, self.inputs = self._convolutions(ensemble, batch.width // REGISTER)
        sizes = [(layer.width, layer.width // layer.pool) for layer in self.convolutions]
        self.image_rows = tuple(Row(REGISTER * width) for of_layer in sizes for width in of_layer)

    def _convolutions(
        self, ensemble, blocks
    ) -> tuple[tuple[ConvolutionMemory, ...], tuple[np.ndarray, int, int]]:
        """The convolutions and the place of the images; from the last layer, which writes the features."""
        outputs = self.scratch.rows.reshape(-1, REGISTER), 1, blocks
        gradient = self.scratch.feature_gradient.reshape(-1, REGISTER)
        convolutions = []
        for i in reversed(range(len(ensemble.channels))):
            size = ensemble.shapes[i].size
            inputs = ONE_REGISTER.rows(blocks * size), size, 1
            input_gradient = ONE_REGISTER.rows(blocks * size if i > 0 else 0)
            convolutions.append(_convolution(ensemble, i, blocks, inputs, input_gradient, outputs, gradient))
            outputs, gradient = inputs, input_gradient
        return tuple(reversed(convolutions)), outputs


def _convolution(ensemble, i, blocks, inputs, input_gradient, outputs, output_gradient) -> ConvolutionMemory:
    pool, channels = ensemble.layers[i].pool, ensemble.channels[i]
    shape = ensemble.shapes[i + 1]
    height, width = pool * shape.height, pool * shape.width
    most_weights = int(np.diff(channels.incoming.start).max(initial=0))
    return ConvolutionMemory(
        blocks=blocks,
        height=height,
        width=width,
        pool=pool,
        input_block=inputs[1],
        input_width=ensemble.shapes[i].width,
        output_block=outputs[1],
        output_step=outputs[2],
        channels=channels,
        inputs=inputs[0],
        input_gradient=input_gradient,
        sums=ONE_REGISTER.rows(shape.channels * blocks * height * width),
        numbers=ONE_REGISTER.rows(blocks * shape.size),
        normalised=ONE_REGISTER.rows(blocks * shape.size),
        scale=np.empty(shape.channels, np.float32),
        shift=np.empty(shape.channels, np.float32),
        outputs=outputs[0],
        output_gradient=output_gradient,
        weight_gradient=ONE_REGISTER.rows(most_weights),
    )
