"""Operators with weights: matrix products and convolutions.

The widest path through weight w from an input of width a to a result of outgoing width g is min(a, w, g). A
weight that is used at many positions takes the maximum over them. Forward and backward may also pass numbers
of paths (`semiring.COUNTS`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.repeats import distinct, pairs
from effective_sparsity.connectivity.semiring import Semiring
from effective_sparsity.connectivity.windows import Window


class Weighted(ABC):
    """An operation on one activation and one weight: a sibling of `operators.Operator`."""

    @abstractmethod
    def forward(self, semiring: Semiring, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Width of the result."""

    @abstractmethod
    def backward(self, semiring: Semiring, outgoing: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Width from the activation to the network's output."""

    @abstractmethod
    def through(self, order: Order, x: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
        """Widest path that each weight would carry if it were never pruned; the shape of the weight."""

    @abstractmethod
    def uses(self, shape: tuple[int, ...]) -> int:
        """How often each weight is used on an activation of this shape."""

    @abstractmethod
    def live(self, mask: np.ndarray) -> tuple[int, int]:
        """How many units of the activation and of the result a mask of the weight connects to the other side.

        Units are features or channels, whatever their positions.
        """


@dataclass(frozen=True)
class ActivationTimesWeight(Weighted):
    """X W, with X (M, K) or a stack (stack, M, K)."""

    def forward(self, semiring, x, weight):
        return _matmul(semiring, x, weight)

    def backward(self, semiring, outgoing, weight):
        return _matmul(semiring, outgoing, weight.mT)

    def through(self, order, x, outgoing):
        return _weights_between(order, x, outgoing).mT

    def uses(self, shape):
        return shape[-2]

    def live(self, mask):
        return int(mask.any(-1).sum()), int(mask.any(-2).sum())


@dataclass(frozen=True)
class WeightTimesActivation(Weighted):
    """W X, with X (K, N) or a stack (stack, K, N)."""

    def forward(self, semiring, x, weight):
        return _matmul(semiring, x.mT, weight.mT).mT

    def backward(self, semiring, outgoing, weight):
        return _matmul(semiring, outgoing.mT, weight).mT

    def through(self, order, x, outgoing):
        return _weights_between(order, x.mT, outgoing.mT)

    def uses(self, shape):
        return shape[-1]

    def live(self, mask):
        return int(mask.any(-2).sum()), int(mask.any(-1).sum())


def _matmul(semiring: Semiring, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """X W; equal rows of one matrix are multiplied once."""
    if x.ndim == 3 and len(x) > 1:
        return semiring.product(x, weight)
    shape = (*x.shape[:-1], weight.shape[-1])
    x, weight = x.reshape(x.shape[-2:]), weight.reshape(weight.shape[-2:])
    first, kinds = distinct(x.T)
    return semiring.product(x[first][None], weight[None])[0][kinds].reshape(shape)


def _weights_between(order: Order, x: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    """Widest pairs of an element of x (..., K) and of outgoing (..., N): (..., N, K); equal pairs once."""
    if x.ndim == 3 and len(x) > 1:
        return order.product(outgoing.mT, x)
    stack = x.shape[:-2]
    x, outgoing = x.reshape(x.shape[-2:]), outgoing.reshape(outgoing.shape[-2:])
    rows = pairs(distinct(x.T)[1], distinct(outgoing.T)[1])
    widest = order.product(outgoing[rows].T[None], x[rows][None])[0]
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

    def forward(self, semiring, x, weight):
        seen, kinds = self._seen(semiring, x)
        result = semiring.product(self._matrices(weight), seen)
        return _from_columns(result.reshape(weight.shape[0], -1)[:, kinds], len(x), self.window.steps)

    def backward(self, semiring, outgoing, weight):
        items, _ = outgoing.shape[:2]
        columns = _columns(outgoing)
        first, kinds = distinct(columns)
        reached = semiring.product(self._matrices(weight).mT, self._grouped(columns[:, first]))
        reached = _with_never(semiring, reached.reshape(-1, self.window.taps, len(first)))
        steps = self.window.seen_by(kinds.reshape(items, *self.window.steps), fill=len(first))
        labels = np.moveaxis(steps, 1, 0).reshape(self.window.taps, -1)
        first, kinds = distinct(labels)
        widest = semiring.full((len(reached), len(first)), semiring.never)
        for tap, label in enumerate(labels[:, first]):
            semiring.join(widest, reached[:, tap, label], out=widest)
        return _from_columns(widest[:, kinds], items, self.window.size)

    def through(self, order, x, outgoing):
        seen, kinds = self._seen(order, x)
        columns = _columns(outgoing)
        once = pairs(kinds, distinct(columns)[1])
        matrices = order.product(self._grouped(columns[:, once]), seen[:, :, kinds[once]].mT)
        return matrices.reshape(outgoing.shape[1], -1, *self.window.kernel)

    def uses(self, shape):
        return shape[0] * prod(self.window.steps)

    def live(self, mask):
        kernels = mask.reshape(self.groups, -1, mask.shape[1], self.window.taps).any(3)
        return int(kernels.any(1).sum()), int(kernels.any(2).sum())

    def _seen(self, semiring: Semiring, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each kind of window sees, (groups, inputs / groups * taps, kinds), and each window's kind."""
        columns = _columns(x)
        first, kinds = distinct(columns)
        positions = self.window.unfold(kinds.reshape(len(x), 1, *self.window.size), fill=len(first))
        labels = positions[:, 0].swapaxes(0, 1).reshape(self.window.taps, -1)
        windows, kinds = distinct(labels)
        seen = _with_never(semiring, columns[:, first])[:, labels[:, windows]]
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


def _with_never(semiring: Semiring, x: np.ndarray) -> np.ndarray:
    """x with one more column, for what is seen beyond the border."""
    return np.concatenate([x, semiring.full((*x.shape[:-1], 1), semiring.never)], -1)


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

    def forward(self, semiring, x, weight):
        return self._adjoint.backward(semiring, x, weight)

    def backward(self, semiring, outgoing, weight):
        return self._adjoint.forward(semiring, outgoing, weight)

    def through(self, order, x, outgoing):
        return self._adjoint.through(order, outgoing, x)

    def uses(self, shape):
        return self._adjoint.uses(shape)

    def live(self, mask):
        outputs, inputs = self._adjoint.live(mask)
        return inputs, outputs


@dataclass(frozen=True)
class Lookup(Weighted):
    """Rows of a weight (rows, ...) chosen by the input: a product with a one-hot vector, any of them.

    Attributes:
        rows: their number.
    """

    rows: int

    def forward(self, semiring, x, weight):
        best = semiring.joined(weight, 0)
        return semiring.along(_appended(x, best.ndim), best)

    def backward(self, semiring, outgoing, weight):
        best = semiring.joined(weight, 0)
        through = semiring.along(outgoing, best)
        return semiring.joined(through, tuple(range(through.ndim - best.ndim, through.ndim)))

    def through(self, order, x, outgoing):
        features = outgoing.ndim - x.ndim
        carried = order.joined(order.along(_appended(x, features), outgoing), tuple(range(x.ndim)))
        return np.broadcast_to(carried, (self.rows, *carried.shape))

    def uses(self, shape):
        return 0  # it is read, not multiplied by

    def live(self, mask):
        table = mask.reshape(self.rows, -1)
        return int(table.any(1).sum()), int(table.any(0).sum())


def _appended(x: np.ndarray, dimensions: int) -> np.ndarray:
    """x with further dimensions of size 1 at its end."""
    return x.reshape(*x.shape, *(1,) * dimensions)
