"""Plain networks as data: convolutions, then linear layers (no torch: the workflow reads this).

Every layer has a bias and batch norm after it; every layer but the last has a relu after that. `sequential`
makes a PyTorch model of such a description, and packed training makes its kernels' arrays of it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.networks.types import State

# What batch norm has for each unit.
NORM_ENTRIES = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Linear:
    """A linear layer of everything before it.

    Attributes:
        name, norm: of the layer and of its batch norm in the state.
        units: its outputs; None for one per class, in the last layer.
    """

    name: str
    norm: str
    units: int | None = None


@dataclass(frozen=True)
class Convolution:
    """A convolution of stride 1 without padding, and average pooling after its relu.

    Without padding, a channel that is constant stays constant through the layer, and the next batch norm
    subtracts it. So weights on no path have no effect, as in linear layers.

    Attributes:
        name, norm: of the layer and of its batch norm in the state.
        channels: its outputs.
        size: height and width of its kernel.
        pool: side of the squares that are averaged, which tile the image; 1 for none.
    """

    name: str
    norm: str
    channels: int
    size: tuple[int, int]
    pool: int = 1


Layer = Linear | Convolution


class Shape(NamedTuple):
    """Activations of one sample: channels (or units) and their height and width (1 for units)."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of values."""
        return self.channels * self.height * self.width


def fully_connected(*hidden: int) -> tuple[Linear, ...]:
    """Linear layers "fc1", "fc2", ... of so many hidden units, with batch norm "bn1", "bn2", ..."""
    return tuple(Linear(f"fc{i}", f"bn{i}", units) for i, units in enumerate((*hidden, None), start=1))


def activation_shapes(layers: tuple[Layer, ...], images: tuple[int, int, int], classes: int) -> list[Shape]:
    """The shape of the images and of the outputs of each layer, pooled.

    Args:
        layers: convolutions, if any, and then at least one linear layer.
        images: (channels, height, width).
        classes: number of logits.

    Raises:
        UserError: the layers are in another order, or do not fit such images.
    """
    is_linear = [isinstance(layer, Linear) for layer in layers]
    if not any(is_linear) or is_linear != sorted(is_linear):
        raise UserError(
            "layers: a plain network has convolutions, if any, and then linear layers, not "
            f"{', '.join(layer.name for layer in layers) or 'none'}"
        )
    shapes = [Shape(*images)]
    for layer in layers:
        if isinstance(layer, Linear):
            shapes.append(Shape(layer.units or classes, 1, 1))
        else:
            shapes.append(_pooled(layer, shapes[-1]))
    return shapes


def _pooled(layer: Convolution, inputs: Shape) -> Shape:
    height, width = inputs.height - layer.size[0] + 1, inputs.width - layer.size[1] + 1
    if min(height, width) < 1 or height % layer.pool or width % layer.pool:
        raise UserError(
            f"{layer.name}: its outputs of {height} x {width} positions cannot be divided into squares of "
            f"{layer.pool} x {layer.pool}"
        )
    return Shape(layer.channels, height // layer.pool, width // layer.pool)


def check_state(state: State, layers: tuple[Layer, ...], shapes: list[Shape]) -> None:
    """Raise UserError unless `state` has the entries of these layers, and no others, float32.

    Args:
        shapes: `activation_shapes` of the layers.
    """
    expected: dict[str, tuple[int, ...]] = {}
    for layer, inputs, outputs in zip(layers, shapes, shapes[1:], strict=False):
        units = outputs.channels
        kernel = (inputs.size,) if isinstance(layer, Linear) else (inputs.channels, *layer.size)
        expected |= {f"{layer.name}.weight": (units, *kernel), f"{layer.name}.bias": (units,)}
        expected |= {f"{layer.norm}.{entry}": (units,) for entry in NORM_ENTRIES}
        expected[f"{layer.norm}.num_batches_tracked"] = ()
    for name in sorted(expected.keys() ^ state.keys()):
        raise UserError(
            f"initial state: {name!r} is {'missing' if name in expected else 'unknown'}; the layers "
            f"{', '.join(layer.name for layer in layers)} have a bias each, and batch norm after them"
        )
    for name, shape in expected.items():
        dtype = np.int64 if name.endswith("num_batches_tracked") else np.float32
        if state[name].shape != shape or state[name].dtype != dtype:
            found = f"{state[name].dtype} {state[name].shape}"
            raise UserError(f"initial state: {name!r} is {found}, not {np.dtype(dtype)} {shape}")
