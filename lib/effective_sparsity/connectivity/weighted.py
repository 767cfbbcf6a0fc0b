"""Operators with weights: matrix products and convolutions.

The widest path through weight w from an input of width a to a result of outgoing width g is min(a, w, g). A
weight that is used at many positions takes the maximum over them.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.repeats import distinct, pairs
from effective_sparsity.connectivity.semiring import product
from effective_sparsity.connectivity.windows import Window


class Weighted:
    """An operation on one activation and one weight: a sibling of `operators.Operator`."""

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
        return _weights_between(x, outgoing).mT

    def uses(self, shape):
        return shape[-2]


@dataclass(frozen=True)
class WeightTimesActivation(Weighted):
    """W X, with X (K, N) or a stack (stack, K, N)."""

    def forward(self, order, x, weight):
        return _matmul(x.mT, weight.mT).mT

    def backward(self, order, outgoing, weight):
        return _matmul(outgoing.mT, weight).mT

    def through(self, order, x, outgoing):
        return _weights_between(x.mT, outgoing.mT)

    def uses(self, shape):
        return shape[-1]


def _matmul(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """X W; equal rows of one matrix are multiplied once."""
    if x.ndim == 3 and len(x) > 1:
        return product(x, weight)
    shape = (*x.shape[:-1], weight.shape[-1])
    x, weight = x.reshape(x.shape[-2:]), weight.reshape(weight.shape[-2:])
    first, kinds = distinct(x.T)
    return product(x[first][None], weight[None])[0][kinds].reshape(shape)


def _weights_between(x: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    """Widest pairs of an element of x (..., K) and of outgoing (..., N): (..., N, K); equal pairs once."""
    if x.ndim == 3 and len(x) > 1:
        return product(outgoing.mT, x)
    stack = x.shape[:-2]
    x, outgoing = x.reshape(x.shape[-2:]), outgoing.reshape(outgoing.shape[-2:])
    rows = pairs(distinct(x.T)[1], distinct(outgoing.T)[1])
    widest = product(outgoing[rows].T[None], x[rows][None])[0]
    return widest.reshape(*stack, *widest.shape)


@dataclass(frozen=True)
class Convolution(Weighted):
    """Convolution in any number of dimensions, as a matrix product with what each tap sees.

    Positions are grouped by what their channels hold, windows by the groups that they see: equal windows are
    multiplied once.

    Attributes:
        groups: the number of groups.
        window: from the convolution's input positions to its output positions.
    """

    groups: int
    window: Window

    def forward(self, order, x, weight):
        seen, kinds = self._seen(order, x)
        result = product(self._matrices(weight), seen)
        return _from_columns(result.reshape(weight.shape[0], -1)[:, kinds], len(x), self.window.steps)

    def backward(self, order, outgoing, weight):
        items, _ = outgoing.shape[:2]
        columns = _columns(outgoing)
        first, kinds = distinct(columns)
        reached = product(self._matrices(weight).mT, self._grouped(columns[:, first]))
        reached = _with_never(order, reached.reshape(-1, self.window.taps, len(first)))
        steps = self.window.seen_by(kinds.reshape(items, *self.window.steps), fill=len(first))
        labels = np.moveaxis(steps, 1, 0).reshape(self.window.taps, -1)
        first, kinds = distinct(labels)
        widest = order.full((len(reached), len(first)), order.never)
        for tap, label in enumerate(labels[:, first]):
            np.maximum(widest, reached[:, tap, label], out=widest)
        return _from_columns(widest[:, kinds], items, self.window.size)

    def through(self, order, x, outgoing):
        seen, kinds = self._seen(order, x)
        columns = _columns(outgoing)
        once = pairs(kinds, distinct(columns)[1])
        matrices = product(self._grouped(columns[:, once]), seen[:, :, kinds[once]].mT)
        return matrices.reshape(outgoing.shape[1], -1, *self.window.kernel)

    def uses(self, shape):
        return shape[0] * prod(self.window.steps)

    def _seen(self, order: Order, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each kind of window sees, (groups, inputs / groups * taps, kinds), and each window's kind."""
        columns = _columns(x)
        first, kinds = distinct(columns)
        positions = self.window.unfold(kinds.reshape(len(x), 1, *self.window.size), fill=len(first))
        labels = positions[:, 0].swapaxes(0, 1).reshape(self.window.taps, -1)
        windows, kinds = distinct(labels)
        seen = _with_never(order, columns[:, first])[:, labels[:, windows]]
        return seen.reshape(self.groups, -1, len(windows)), kinds

    def _matrices(self, weight: np.ndarray) -> np.ndarray:
        """(outputs, inputs / groups, *kernel) -> (groups, outputs / groups, inputs / groups * taps)."""
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def _grouped(self, columns: np.ndarray) -> np.ndarray:
        """(channels, n) -> (groups, channels / groups, n)."""
        return columns.reshape(self.groups, -1, columns.shape[1])


def _columns(x: np.ndarray) -> np.ndarray:
    """(items, channels, *positions) -> (channels, items * positions)."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def _from_columns(columns: np.ndarray, items: int, positions: tuple[int, ...]) -> np.ndarray:
    """The inverse of `_columns`."""
    return columns.reshape(len(columns), items, *positions).swapaxes(0, 1)


def _with_never(order: Order, x: np.ndarray) -> np.ndarray:
    """x with one more column, for what is seen beyond the border."""
    return np.concatenate([x, order.full((*x.shape[:-1], 1), order.never)], -1)


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
