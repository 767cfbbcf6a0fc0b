"""What packed training must know of a network: its layers in order (no torch: the workflow reads this).

Every layer has batch norm after it, and every layer but the last a relu after that.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from effective_sparsity.errors import UserError

State = dict[str, np.ndarray]

# What batch norm has by unit.
NORM_ENTRIES = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Linear:
    """A linear layer of all units before it. `name` and `norm` are its and its batch norm's in the state."""

    name: str
    norm: str


@dataclass(frozen=True)
class Convolution:
    """A convolution of stride 1 without padding, and average pooling after its relu.

    Without padding, a channel that is constant stays constant through the layer, and the next batch norm
    takes it away. So weights on no path have no effect, as in linear layers.

    Attributes:
        name, norm: Of the layer and of its batch norm in the state.
        pool: Side of the squares that are averaged, which tile the image; 1 for none.
    """

    name: str
    norm: str
    pool: int = 1


Layer = Linear | Convolution


class Shape(NamedTuple):
    """Activations of one sample: channels (or units) and their height and width (1 for units)."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Values in all."""
        return self.channels * self.height * self.width


def linear_layers(initial: State) -> tuple[Linear, ...]:
    """The layers "fc1", "fc2", ... that a state has, with batch norm "bn1", "bn2", ... after them."""
    depth = sum(name.startswith("fc") and name.endswith(".weight") for name in initial)
    return tuple(Linear(f"fc{number}", f"bn{number}") for number in range(1, depth + 1))


def activation_shapes(layers: tuple[Layer, ...], initial: State, images: tuple[int, ...]) -> list[Shape]:
    """The shape of the images and of the outputs of each layer, pooled.

    Args:
        layers: Convolutions, then linear layers, at least one of these.
        initial: State of the network, with the entries of PyTorch's modules and no others; float32.
        images: (channels, height, width).

    Raises:
        UserError: If the state is not of such a network, or not for such images.
    """
    is_linear = [isinstance(layer, Linear) for layer in layers]
    if not any(is_linear) or is_linear != sorted(is_linear):
        raise UserError(
            "layers: packed training is for convolutions, if any, and then linear layers (fc1, ...), not for "
            f"{', '.join(layer.name for layer in layers) or 'none'}"
        )
    shapes = [Shape(*images)]
    expected = {}
    for layer in layers:
        name = f"{layer.name}.weight"
        kernel = initial.get(name, np.empty(0))
        shapes.append(_outputs(layer, name, kernel.shape, shapes[-1]))
        units = kernel.shape[:1]
        expected |= {name: kernel.shape, f"{layer.name}.bias": units}
        expected |= {f"{layer.norm}.{entry}": units for entry in NORM_ENTRIES}
        expected[f"{layer.norm}.num_batches_tracked"] = ()
    for name in sorted(expected.keys() ^ initial.keys()):
        raise UserError(
            f"initial state: {name!r} is {'missing' if name in expected else 'unknown'}; the layers "
            f"{', '.join(layer.name for layer in layers)} have a bias each, and batch norm after them"
        )
    for name, shape in expected.items():
        dtype = np.int64 if name.endswith("num_batches_tracked") else np.float32
        if initial[name].shape != shape or initial[name].dtype != dtype:
            found = f"{initial[name].dtype} {initial[name].shape}"
            raise UserError(f"initial state: {name!r} is {found}, not {np.dtype(dtype)} {shape}")
    return shapes


def _outputs(layer: Layer, name: str, kernel: tuple[int, ...], inputs: Shape) -> Shape:
    if isinstance(layer, Linear):
        if len(kernel) != 2 or kernel[1] != inputs.size:
            raise UserError(f"{name}: {kernel} is not a linear layer of the {inputs.size} values before it")
        return Shape(kernel[0], 1, 1)
    if len(kernel) != 4 or kernel[1] != inputs.channels:
        raise UserError(f"{name}: {kernel} is not a convolution of the {inputs.channels} channels before it")
    height, width = inputs.height - kernel[2] + 1, inputs.width - kernel[3] + 1
    if min(height, width) < 1 or height % layer.pool or width % layer.pool:
        raise UserError(
            f"{name}: its outputs of {height} x {width} positions cannot be divided into squares of "
            f"{layer.pool} x {layer.pool}"
        )
    return Shape(kernel[0], height // layer.pool, width // layer.pool)
