"""The layers that compaction narrows, and those that it puts in."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
UNITWISE = (nn.BatchNorm2d, nn.PReLU)  # batch norms of all dimensions share one forward()


class WithBiasMap(nn.Module):
    """Base of convolutions with a bias for each position, so for one input size."""

    bias_map: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias_map


class BiasMapConv1d(WithBiasMap, nn.Conv1d):
    """A convolution whose bias map has shape (outputs, length)."""


class BiasMapConv2d(WithBiasMap, nn.Conv2d):
    """A convolution whose bias map has shape (outputs, height, width)."""


class BiasMapConv3d(WithBiasMap, nn.Conv3d):
    """A convolution whose bias map has shape (outputs, depth, height, width)."""


BIAS_MAPS: dict[type, type[WithBiasMap]] = {
    nn.Conv1d: BiasMapConv1d,
    nn.Conv2d: BiasMapConv2d,
    nn.Conv3d: BiasMapConv3d,
}


class Constant(nn.Module):
    """A result that does not depend on the input, in place of the layers that computed it.

    Args:
        value: the result for one sample, without the batch.
    """

    value: Tensor

    def __init__(self, value: Tensor):
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, x: Tensor) -> Tensor:
        """The value for each sample of a batch, in memory of its own, so that it may be overwritten."""
        return self.value.expand(x.shape[0], *self.value.shape) + x.new_zeros(())


def computes_as(layer: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether a layer is of one of these classes, or of a subclass with the same forward()."""
    return any(type(layer).forward is kind.forward for kind in kinds)


KernelLayer = nn.Linear | nn.modules.conv._ConvNd


def is_kernel_layer(layer: nn.Module) -> TypeGuard[KernelLayer]:
    """Whether a layer is a linear layer or convolution that can be narrowed."""
    return computes_as(layer, nn.Linear, *CONVOLUTIONS, *TRANSPOSED, *BIAS_MAPS.values())


def widths(layer: KernelLayer) -> tuple[int, int, int]:
    """Numbers of inputs, outputs and groups of a linear layer or convolution."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features, 1
    return layer.in_channels, layer.out_channels, layer.groups


class ConstantOutputs(nn.Module):
    """A network whose outputs do not depend on its input.

    Args:
        model: such a network.
        like: a network whose dtype and device to use.
        input_shape: shape of one sample.
    """

    def __init__(self, model: nn.Module, like: nn.Module, input_shape: Sequence[int]):
        super().__init__()
        reference = next(p for p in like.parameters() if p.is_floating_point())
        with torch.no_grad():
            outputs = model(torch.zeros(1, *input_shape, dtype=torch.float64))
        leaves, self._structure = tree_flatten(outputs)
        for index, leaf in enumerate(leaves):
            self.register_buffer(f"value{index}", leaf[0].to(reference).clone())

    def forward(self, x: Tensor) -> Any:
        """The outputs for each sample of a batch, in the structure in which the network returned them."""
        values = [value.expand(x.shape[0], *value.shape).clone() for value in self.buffers()]
        return tree_unflatten(values, self._structure)
