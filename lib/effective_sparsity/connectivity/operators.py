"""Operators without weights: how widths or numbers of paths pass through them, forward and backward.

An array of widths has the shape of the activation that it belongs to. ``forward`` takes the widths of the
inputs that depend on the network's input; ``backward`` takes the widest paths from the result to the
network's output and gives the part of them that each of those inputs contributes to. In another semiring
(`semiring.COUNTS`) the same passes count paths.

Operators are plain data (numbers, tuples and arrays), so that a graph can be stored and read without PyTorch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np

from effective_sparsity.connectivity.semiring import Semiring
from effective_sparsity.connectivity.views import View
from effective_sparsity.connectivity.windows import Window

Shape = tuple[int, ...]


class Operator(ABC):
    """One operation of the network, on activations alone."""

    @abstractmethod
    def forward(self, semiring: Semiring, *inputs: np.ndarray) -> np.ndarray:
        """Width of the result."""

    @abstractmethod
    def backward(self, semiring: Semiring, outgoing: np.ndarray) -> Sequence[np.ndarray]:
        """Widths from each input to the network's output."""


@dataclass(frozen=True)
class Union(Operator):
    """Elementwise operation with broadcasting: the result has the paths of all its operands.

    Attributes:
        shapes: of the operands.
        result: shape of the result.
    """

    shapes: tuple[Shape, ...]
    result: Shape

    def forward(self, semiring, *inputs):
        return np.broadcast_to(reduce(semiring.join, inputs), self.result)

    def backward(self, semiring, outgoing):
        return [_reduce_to(semiring, outgoing, shape) for shape in self.shapes]


@dataclass(frozen=True)
class Reduction(Operator):
    """Sum, mean, maximum, variance or norm over dimensions.

    Attributes:
        shape: of the operand.
        dims: those reduced, rising, counted from 0.
        keepdim: whether they stay as dimensions of size 1.
    """

    shape: Shape
    dims: tuple[int, ...]
    keepdim: bool

    def forward(self, semiring, x):
        return semiring.joined(x, self.dims, self.keepdim)

    def backward(self, semiring, outgoing):
        if not self.keepdim:
            outgoing = np.expand_dims(outgoing, self.dims)
        return [np.broadcast_to(outgoing, self.shape)]


@dataclass(frozen=True, eq=False)
class Rearrangement(Operator):
    """Elements move, repeat, vanish, or are joined by constants: views, slices, padding, indexing.

    Attributes:
        shapes: of the operands.
        result: shape of the result.
        moved: see origin; None if the elements of the operands follow each other, or for a view.
        view: of the operand, where there is one.
    """

    shapes: tuple[Shape, ...]
    result: Shape
    moved: np.ndarray | None = None
    view: View | None = None

    @property
    def origin(self) -> np.ndarray | None:
        """For each element of the result the number of the element that it comes from, counted from 1 through
        all operands, or 0 for a constant; None if the elements of the operands follow each other.
        """
        if self.view is None:
            return self.moved
        return self.view.on(np.arange(1, 1 + prod(self.shapes[0]))).reshape(-1)

    def forward(self, semiring, *inputs):
        if self.view is not None:
            return self.view.on(inputs[0])
        elements = [x.reshape(-1) for x in inputs]
        if self.moved is not None:
            elements = [np.concatenate([semiring.full((1,), semiring.never), *elements])[self.moved]]
        joined = elements[0] if len(elements) == 1 else np.concatenate(elements)
        return joined.reshape(self.result)

    def backward(self, semiring, outgoing):
        if self.view is not None and not self.view.interleaves():
            widest = semiring.full(self.shapes[0], semiring.never)
            once = semiring.joined(outgoing, self.view.repeated, keepdims=True)
            self.view.on(widest)[self.view.first] = once
            return [widest]
        ends = np.cumsum([prod(shape) for shape in self.shapes])
        elements = outgoing.reshape(-1)
        origin = self.origin
        if origin is not None:
            widest = semiring.full((1 + ends[-1],), semiring.never)
            semiring.join.at(widest, origin, elements)
            elements = widest[1:]
        parts = np.split(elements, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]


@dataclass(frozen=True)
class Concatenation(Operator):
    """Operands one after another along a dimension.

    Attributes:
        shapes: of the operands, constants among them.
        constant: which of them are constants, and no inputs.
        dim: the dimension.
    """

    shapes: tuple[Shape, ...]
    constant: tuple[bool, ...]
    dim: int

    def forward(self, semiring, *inputs):
        remaining = iter(inputs)
        parts = [
            semiring.full(shape, semiring.never) if constant else next(remaining)
            for shape, constant in zip(self.shapes, self.constant, strict=True)
        ]
        return np.concatenate(parts, self.dim)

    def backward(self, semiring, outgoing):
        ends = np.cumsum([shape[self.dim] for shape in self.shapes])
        parts = np.split(outgoing, ends[:-1], self.dim)
        return [part for part, constant in zip(parts, self.constant, strict=True) if not constant]


@dataclass(frozen=True)
class Pooling(Operator):
    """Maximum or average in sliding windows; padding conducts nothing.

    Attributes:
        shape: of the operand; its last dimensions are those of the window.
        window: from the operand's positions to those of the result.
    """

    shape: Shape
    window: Window

    def forward(self, semiring, x):
        pooled = self.window.pool(self._with_channels(x), semiring)
        return pooled.reshape(*self.shape[: -len(self.window.size)], *self.window.steps)

    def backward(self, semiring, outgoing):
        return [self.window.unpool(self._with_channels(outgoing), semiring).reshape(self.shape)]

    def _with_channels(self, x: np.ndarray) -> np.ndarray:
        """(items, channels, *positions), whatever comes before the positions."""
        return x.reshape(1, -1, *x.shape[x.ndim - len(self.window.size) :])


@dataclass(frozen=True, eq=False)
class Accumulation(Operator):
    """Elements are added up where they meet: a rearrangement from the result to the operand, backwards.

    Attributes:
        shape: of the operand.
        result: shape of the result.
        target: for each element of the operand the number of the element of the result that it reaches,
            counted from 1, or 0 for none.
    """

    shape: Shape
    result: Shape
    target: np.ndarray

    @property
    def _adjoint(self) -> Rearrangement:
        return Rearrangement((self.result,), self.shape, self.target)

    def forward(self, semiring, x):
        return self._adjoint.backward(semiring, x)[0]

    def backward(self, semiring, outgoing):
        return [self._adjoint.forward(semiring, outgoing)]


@dataclass(frozen=True, eq=False)
class Links(Operator):
    """A linear map along one dimension, or a running sum: which elements of the operand reach which results.

    Attributes:
        shape: of the operand.
        dim: the dimension.
        linked: boolean (results, elements); True where an element reaches a result.
    """

    shape: Shape
    dim: int
    linked: np.ndarray

    def forward(self, semiring, x):
        return self._widest(semiring, x, self.linked)

    def backward(self, semiring, outgoing):
        return [self._widest(semiring, outgoing, self.linked.T)]

    def _widest(self, semiring: Semiring, x: np.ndarray, linked: np.ndarray) -> np.ndarray:
        x = np.moveaxis(x, self.dim, 0)
        widest = semiring.full((len(linked), *x.shape[1:]), semiring.never)
        sources = np.argsort(~linked, axis=1, kind="stable")  # those that are linked come first
        counts = linked.sum(1)
        for i in range(counts.max(initial=0)):
            results = np.flatnonzero(counts > i)
            widest[results] = semiring.join(widest[results], x[sources[results, i]])
        return np.moveaxis(widest, 0, self.dim)


@dataclass(frozen=True)
class ActivationProduct(Operator):
    """Product of two stacks of matrices, both activations: row m and column n both reach (m, n).

    Attributes:
        left, right: shapes of the operands.
    """

    left: Shape
    right: Shape

    def forward(self, semiring, a, b):
        return semiring.join(semiring.joined(a, -1, keepdims=True), semiring.joined(b, -2, keepdims=True))

    def backward(self, semiring, outgoing):
        rows = np.broadcast_to(semiring.joined(outgoing, -1, keepdims=True), self.left)
        columns = np.broadcast_to(semiring.joined(outgoing, -2, keepdims=True), self.right)
        return [rows, columns]


@dataclass(frozen=True, eq=False)
class Attention(Operator):
    """Tokens gather tokens: result m has the paths of all k that it may attend to.

    Attributes:
        shape: (..., K, D) of the operand, whose tokens have the paths of keys and values.
        allowed: boolean, broadcastable to (..., M, K); True where m may attend to k.
    """

    shape: Shape
    allowed: np.ndarray

    def forward(self, semiring, x):
        gathered = semiring.product(self._edges(semiring), _as_stack(x))
        return gathered.reshape(*self.shape[:-2], self.allowed.shape[-2], self.shape[-1])

    def backward(self, semiring, outgoing):
        return [semiring.product(self._edges(semiring).mT, _as_stack(outgoing)).reshape(self.shape)]

    def _edges(self, semiring: Semiring) -> np.ndarray:
        shape = (*self.shape[:-2], *self.allowed.shape[-2:])
        edges = semiring.full(shape, semiring.never)
        edges[np.broadcast_to(self.allowed, shape)] = semiring.always
        return _as_stack(edges)


def _reduce_to(semiring: Semiring, x: np.ndarray, shape: Shape) -> np.ndarray:
    """What there is across the dimensions along which an array of this shape was broadcast to x."""
    extra = x.ndim - len(shape)
    x = semiring.joined(x, tuple(range(extra))) if extra else x
    stretched = tuple(dim for dim, size in enumerate(shape) if size == 1 and x.shape[dim] != 1)
    return semiring.joined(x, stretched, keepdims=True) if stretched else x


def _as_stack(x: np.ndarray) -> np.ndarray:
    """(..., M, N) -> (stack, M, N)."""
    return x.reshape(-1, *x.shape[-2:])
