"""Operators with weights: matrix products and convolutions.

The widest path through weight w from an input of width a to a result of outgoing width g is min(a, w, g). A
weight that is used at many positions takes the maximum over them.
"""

from math import prod

import torch
from torch import Tensor

from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.semiring import product
from effective_sparsity.connectivity.windows import Window


class Weighted(Operator):
    """An operation on one activation and one weight."""

    def forward(self, order: Order, x: Tensor, weight: Tensor) -> Tensor:
        """Width of the result."""
        raise NotImplementedError

    def backward(self, order: Order, outgoing: Tensor, weight: Tensor) -> Tensor:
        """Width from the activation to the network's output."""
        raise NotImplementedError

    def through(self, order: Order, x: Tensor, outgoing: Tensor) -> Tensor:
        """Widest path that each weight would carry if it were never pruned; the shape of the weight."""
        raise NotImplementedError

    def uses(self, shape: torch.Size) -> int:
        """How often each weight is used on an activation of this shape."""
        raise NotImplementedError


class ActivationTimesWeight(Weighted):
    """X W, with X (M, K) or a stack (stack, M, K)."""

    def forward(self, order, x, weight):
        return _matmul(x, weight)

    def backward(self, order, outgoing, weight):
        return _matmul(outgoing, weight.mT)

    def through(self, order, x, outgoing):
        return _matmul(x.mT, outgoing)

    def uses(self, shape):
        return shape[-2]


class WeightTimesActivation(Weighted):
    """W X, with X (K, N) or a stack (stack, K, N)."""

    def forward(self, order, x, weight):
        return _matmul(weight, x)

    def backward(self, order, outgoing, weight):
        return _matmul(weight.mT, outgoing)

    def through(self, order, x, outgoing):
        return _matmul(outgoing, x.mT)

    def uses(self, shape):
        return shape[-1]


class Convolution(Weighted):
    """Convolution in any number of dimensions, as a matrix product with what each tap sees.

    Args:
        groups: the number of groups.
        window: from the convolution's input positions to its output positions.
    """

    def __init__(self, groups: int, window: Window):
        self.groups = groups
        self.window = window

    def forward(self, order, x, weight):
        seen = self._columns(self.window.unfold(x, order))
        result = product(self._matrices(weight), seen)
        return _to_channels(result, x.shape[0], self.window.steps)

    def backward(self, order, outgoing, weight):
        positions = _to_positions(outgoing, self.groups)
        seen = product(self._matrices(weight).transpose(1, 2), positions)
        return self.window.fold(self._taps(seen, outgoing.shape[0]), order)

    def through(self, order, x, outgoing):
        seen = self._columns(self.window.unfold(x, order))
        matrices = product(_to_positions(outgoing, self.groups), seen.transpose(1, 2))
        return matrices.reshape(outgoing.shape[1], -1, *self.window.kernel)

    def uses(self, shape):
        return shape[0] * prod(self.window.steps)

    def _matrices(self, weight: Tensor) -> Tensor:
        """(outputs, inputs / groups, *kernel) -> (groups, outputs / groups, inputs / groups * taps)."""
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def _columns(self, columns: Tensor) -> Tensor:
        """(items, inputs, taps, *steps) -> (groups, inputs / groups * taps, items * positions)."""
        items, inputs, taps = columns.shape[:3]
        columns = columns.reshape(items, self.groups, inputs // self.groups * taps, -1)
        return columns.permute(1, 2, 0, 3).flatten(2)

    def _taps(self, columns: Tensor, items: int) -> Tensor:
        """The inverse of :meth:`_columns`."""
        columns = columns.reshape(self.groups, columns.shape[1], items, -1).permute(2, 0, 1, 3)
        return columns.reshape(items, -1, self.window.taps, *self.window.steps)


class TransposedConvolution(Weighted):
    """Transposed convolution: a convolution from its result to its input, run backwards.

    Args:
        groups: the number of groups.
        window: from the positions of the result to the positions of the input.
    """

    def __init__(self, groups: int, window: Window):
        self.adjoint = Convolution(groups, window)

    def forward(self, order, x, weight):
        return self.adjoint.backward(order, x, weight)

    def backward(self, order, outgoing, weight):
        return self.adjoint.forward(order, outgoing, weight)

    def through(self, order, x, outgoing):
        return self.adjoint.through(order, outgoing, x)

    def uses(self, shape):
        return self.adjoint.uses(shape)


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    if a.ndim == 2:
        return product(a.unsqueeze(0), b.unsqueeze(0)).squeeze(0)
    return product(a, b)


def _to_positions(x: Tensor, groups: int) -> Tensor:
    """(items, channels, *positions) -> (groups, channels / groups, items * positions)."""
    items, channels = x.shape[:2]
    return x.reshape(items, groups, channels // groups, -1).permute(1, 2, 0, 3).flatten(2)


def _to_channels(x: Tensor, items: int, positions: tuple[int, ...]) -> Tensor:
    """The inverse of :func:`_to_positions`."""
    return x.reshape(x.shape[0] * x.shape[1], items, -1).transpose(0, 1).reshape(items, -1, *positions)
