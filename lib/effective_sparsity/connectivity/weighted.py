"""Operators with weights: matrix products and convolutions.

The widest path through weight w from an input of width a to a result of outgoing width g is min(a, w, g). A
weight that is used at many positions takes the maximum over them.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.semiring import product
from effective_sparsity.connectivity.windows import Window


class Weighted:
    """An operation on one activation and one weight: a sibling of :class:`operators.Operator`."""

    def forward(self, order: Order, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Width of the result."""
        raise NotImplementedError

    def backward(self, order: Order, outgoing: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Width from the activation to the network's output."""
        raise NotImplementedError

    def through(self, order: Order, x: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
        """Widest path that each weight would carry if it were never pruned; the shape of the weight."""
        raise NotImplementedError

    def uses(self, shape: tuple[int, ...]) -> int:
        """How often each weight is used on an activation of this shape."""
        raise NotImplementedError


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Convolution(Weighted):
    """Convolution in any number of dimensions, as a matrix product with what each tap sees.

    Attributes:
        groups: the number of groups.
        window: from the convolution's input positions to its output positions.
    """

    groups: int
    window: Window

    def forward(self, order, x, weight):
        seen = self._columns(self.window.unfold(x, order))
        result = product(self._matrices(weight), seen)
        return _to_channels(result, x.shape[0], self.window.steps)

    def backward(self, order, outgoing, weight):
        positions = _to_positions(outgoing, self.groups)
        seen = product(self._matrices(weight).mT, positions)
        return self.window.fold(self._taps(seen, outgoing.shape[0]), order)

    def through(self, order, x, outgoing):
        seen = self._columns(self.window.unfold(x, order))
        matrices = product(_to_positions(outgoing, self.groups), seen.mT)
        return matrices.reshape(outgoing.shape[1], -1, *self.window.kernel)

    def uses(self, shape):
        return shape[0] * prod(self.window.steps)

    def _matrices(self, weight: np.ndarray) -> np.ndarray:
        """(outputs, inputs / groups, *kernel) -> (groups, outputs / groups, inputs / groups * taps)."""
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def _columns(self, columns: np.ndarray) -> np.ndarray:
        """(items, inputs, taps, *steps) -> (groups, inputs / groups * taps, items * positions)."""
        items, inputs, taps = columns.shape[:3]
        rows = inputs // self.groups * taps
        columns = columns.reshape(items, self.groups, rows, -1)
        return columns.transpose(1, 2, 0, 3).reshape(self.groups, rows, -1)

    def _taps(self, columns: np.ndarray, items: int) -> np.ndarray:
        """The inverse of :meth:`_columns`."""
        columns = columns.reshape(self.groups, columns.shape[1], items, -1).transpose(2, 0, 1, 3)
        return columns.reshape(items, -1, self.window.taps, *self.window.steps)


@dataclass(frozen=True)
class TransposedConvolution(Weighted):
    """Transposed convolution: a convolution from its result to its input, run backwards.

    Attributes:
        groups: the number of groups.
        window: from the positions of the result to the positions of the input.
    """

    groups: int
    window: Window

    @property
    def _adjoint(self) -> Convolution:
        return Convolution(self.groups, self.window)

    def forward(self, order, x, weight):
        return self._adjoint.backward(order, x, weight)

    def backward(self, order, outgoing, weight):
        return self._adjoint.forward(order, outgoing, weight)

    def through(self, order, x, outgoing):
        return self._adjoint.through(order, outgoing, x)

    def uses(self, shape):
        return self._adjoint.uses(shape)


@dataclass(frozen=True)
class Lookup(Weighted):
    """Rows of a weight (rows, ...) chosen by the input: a product with a one-hot vector, any of them.

    Attributes:
        rows: their number.
    """

    rows: int

    def forward(self, order, x, weight):
        best = weight.max(0)
        return np.minimum(_appended(x, best.ndim), best)

    def backward(self, order, outgoing, weight):
        best = weight.max(0)
        through = np.minimum(outgoing, best)
        return through.max(tuple(range(through.ndim - best.ndim, through.ndim)))

    def through(self, order, x, outgoing):
        features = outgoing.ndim - x.ndim
        carried = np.minimum(_appended(x, features), outgoing).max(tuple(range(x.ndim)))
        return np.broadcast_to(carried, (self.rows, *carried.shape))

    def uses(self, shape):
        return 0  # it is read, not multiplied by


def _appended(x: np.ndarray, dimensions: int) -> np.ndarray:
    """x with further dimensions of size 1 at its end."""
    return x.reshape(*x.shape, *(1,) * dimensions)


def _matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim == 2:
        return product(a[None], b[None])[0]
    return product(a, b)


def _to_positions(x: np.ndarray, groups: int) -> np.ndarray:
    """(items, channels, *positions) -> (groups, channels / groups, items * positions)."""
    items, channels = x.shape[:2]
    parts = x.reshape(items, groups, channels // groups, -1).transpose(1, 2, 0, 3)
    return parts.reshape(groups, channels // groups, -1)


def _to_channels(x: np.ndarray, items: int, positions: tuple[int, ...]) -> np.ndarray:
    """The inverse of :func:`_to_positions`."""
    channels = x.shape[0] * x.shape[1]
    return x.reshape(channels, items, -1).swapaxes(0, 1).reshape(items, channels, *positions)
