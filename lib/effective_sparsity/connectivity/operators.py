"""Operators without weights: how widths of paths pass through them, forward and backward.

A width tensor has the shape of the activation that it belongs to. ``forward`` takes the widths of the inputs
that depend on the network's input; ``backward`` takes the widest paths from the result to the network's
output and gives the part of them that each of those inputs contributes to.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor

import torch
from torch import Tensor

from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.semiring import product
from effective_sparsity.connectivity.windows import Window


class Operator:
    """One operation of the network."""

    def forward(self, order: Order, *inputs: Tensor) -> Tensor:
        """Width of the result."""
        raise NotImplementedError

    def backward(self, order: Order, outgoing: Tensor) -> Sequence[Tensor]:
        """Widths from each input to the network's output."""
        raise NotImplementedError


class Union(Operator):
    """Elementwise operation with broadcasting: the result has the paths of all its operands."""

    def __init__(self, shapes: Sequence[torch.Size], result: torch.Size):
        self.shapes = shapes
        self.result = result

    def forward(self, order, *inputs):
        first, *others = inputs
        widest = first
        for other in others:
            widest = torch.maximum(widest, other)
        return widest.expand(self.result)

    def backward(self, order, outgoing):
        return [_reduce_to(outgoing, shape) for shape in self.shapes]


class Reduction(Operator):
    """Sum, mean, maximum, variance or norm over dimensions."""

    def __init__(self, shape: torch.Size, dims: Sequence[int], keepdim: bool):
        self.shape = shape
        self.dims = sorted(dim % len(shape) for dim in dims) if dims else list(range(len(shape)))
        self.keepdim = keepdim

    def forward(self, order, x):
        return x.amax(self.dims, keepdim=self.keepdim) if x.ndim else x

    def backward(self, order, outgoing):
        if not self.keepdim:
            for dim in self.dims:
                outgoing = outgoing.unsqueeze(dim)
        return [outgoing.expand(self.shape)]


class Rearrangement(Operator):
    """Elements move, repeat, vanish, or are joined by constants: views, slices, padding, indexing."""

    def __init__(self, shapes: Sequence[torch.Size], place: Callable[..., Tensor]):
        """Args:
        shapes: shapes of the operands.
        place: the operation itself; called once with operands that hold their elements' numbers, counted from
            1 through all operands, and with zeros for constants.
        """
        self.shapes = shapes
        self.sizes = [shape.numel() for shape in shapes]
        numbers = torch.arange(
            1, sum(self.sizes) + 1, dtype=torch.float64
        )  # exact, and every operation takes it
        origin = place(
            *(part.view(shape) for part, shape in zip(numbers.split(self.sizes), shapes, strict=True))
        )
        self.result = origin.shape
        in_place = origin.numel() == numbers.numel() and torch.equal(origin.flatten(), numbers)
        self.origin = None if in_place else origin.flatten().long()

    def forward(self, order, *inputs):
        if self.origin is None and len(inputs) == 1:
            return inputs[0].reshape(self.result)
        elements = torch.cat([x.flatten() for x in inputs])
        if self.origin is not None:
            elements = torch.cat([order.full((1,), order.never), elements])[self.origin]
        return elements.view(self.result)

    def backward(self, order, outgoing):
        elements = outgoing.flatten()
        if self.origin is not None:
            elements = order.full((1 + sum(self.sizes),), order.never).scatter_reduce_(
                0, self.origin, elements, "amax"
            )[1:]
        return [part.view(shape) for part, shape in zip(elements.split(self.sizes), self.shapes, strict=True)]


class Concatenation(Operator):
    """Operands one after another along a dimension; those that are constants are given by None."""

    def __init__(self, shapes: Sequence[torch.Size], constant: Sequence[bool], dim: int):
        self.shapes = shapes
        self.constant = constant
        self.dim = dim

    def forward(self, order, *inputs):
        remaining = iter(inputs)
        parts = [
            order.full(shape, order.never) if constant else next(remaining)
            for shape, constant in zip(self.shapes, self.constant, strict=True)
        ]
        return torch.cat(parts, self.dim)

    def backward(self, order, outgoing):
        parts = outgoing.split([shape[self.dim] for shape in self.shapes], self.dim)
        return [part for part, constant in zip(parts, self.constant, strict=True) if not constant]


class Pooling(Operator):
    """Maximum or average in sliding windows; padding conducts nothing."""

    def __init__(self, shape: torch.Size, window: Window):
        self.shape = shape
        self.window = window
        self.spatial = len(window.size)

    def forward(self, order, x):
        pooled = self.window.pool(_with_channels(x, self.spatial), order)
        return pooled.view(*self.shape[: -self.spatial], *self.window.steps)

    def backward(self, order, outgoing):
        return [self.window.unpool(_with_channels(outgoing, self.spatial), order).reshape(self.shape)]


class AdaptivePooling(Operator):
    """Maximum or average in n windows over s positions: i sees [floor(i s / n), ceil((i + 1) s / n))."""

    def __init__(self, shape: torch.Size, steps: Sequence[int]):
        self.shape = shape
        self.steps = tuple(steps)
        self.dims = range(len(shape) - len(self.steps), len(shape))

    def forward(self, order, x):
        for dim, steps in zip(self.dims, self.steps, strict=True):
            spans = _spans(self.shape[dim], steps)
            x = torch.cat(
                [x.narrow(dim, start, length).amax(dim, keepdim=True) for start, length in spans], dim
            )
        return x

    def backward(self, order, outgoing):
        for dim, steps in zip(self.dims, self.steps, strict=True):
            widest = order.full(
                (*outgoing.shape[:dim], self.shape[dim], *outgoing.shape[dim + 1 :]), order.never
            )
            for step, (start, length) in enumerate(_spans(self.shape[dim], steps)):
                seen = widest.narrow(dim, start, length)
                torch.maximum(seen, outgoing.narrow(dim, step, 1), out=seen)
            outgoing = widest
        return [outgoing]


class ActivationProduct(Operator):
    """Product of two stacks of matrices, both activations: row m and column n both reach (m, n)."""

    def __init__(self, left: torch.Size, right: torch.Size):
        self.left = left
        self.right = right

    def forward(self, order, a, b):
        return torch.maximum(a.amax(-1, keepdim=True), b.amax(-2, keepdim=True))

    def backward(self, order, outgoing):
        rows = outgoing.amax(-1, keepdim=True).expand(self.left)
        columns = outgoing.amax(-2, keepdim=True).expand(self.right)
        return [rows, columns]


class Attention(Operator):
    """Softmax(Q K^T) V. Token m of the result depends on its own query and on the key and value of each token
    k that it may attend to; the softmax only weighs them.

    Args:
        query, value: shapes (..., M, E) and (..., K, D).
        allowed: boolean, broadcastable to (..., M, K); True where m may attend to k.
    """

    def __init__(self, query: torch.Size, key: torch.Size, value: torch.Size, allowed: Tensor):
        self.query, self.key, self.value = query, key, value
        self.allowed = allowed.expand(*value[:-2], query[-2], value[-2]).reshape(-1, query[-2], value[-2])

    def forward(self, order, query, key, value):
        sources = torch.maximum(value, key.amax(-1, keepdim=True)).flatten(0, -3)
        gathered = product(self._edges(order), sources).reshape(
            *self.value[:-2], self.query[-2], self.value[-1]
        )
        return torch.maximum(gathered, query.amax(-1, keepdim=True))

    def backward(self, order, outgoing):
        edges = self._edges(order).transpose(1, 2)
        value = product(edges, outgoing.flatten(0, -3)).reshape(self.value)
        key = value.amax(-1, keepdim=True).expand(self.key)
        return [outgoing.amax(-1, keepdim=True).expand(self.query), key, value]

    def _edges(self, order: Order) -> Tensor:
        edges = order.full(self.allowed.shape, order.never)
        return edges.masked_fill_(self.allowed, order.always)


def _reduce_to(x: Tensor, shape: torch.Size) -> Tensor:
    """Maximum over the dimensions along which a tensor of this shape was broadcast to x."""
    extra = x.ndim - len(shape)
    if extra:
        x = x.amax(tuple(range(extra)))
    stretched = [dim for dim, size in enumerate(shape) if size == 1 and x.shape[dim] != 1]
    return x.amax(stretched, keepdim=True) if stretched else x


def _with_channels(x: Tensor, spatial: int) -> Tensor:
    """(items, channels, *positions), whatever comes before the positions."""
    return x.reshape(1, -1, *x.shape[x.ndim - spatial :])


def _spans(size: int, steps: int) -> list[tuple[int, int]]:
    starts = [floor(step * size / steps) for step in range(steps)]
    ends = [ceil((step + 1) * size / steps) for step in range(steps)]
    return [(start, end - start) for start, end in zip(starts, ends, strict=True)]
