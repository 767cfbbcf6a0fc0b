"""The graph of a model while it is traced: its values so far, and the few ways to add to them.

All that a rule can say of an operation is said with the methods of `Draft`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.connectivity.constants import Entangled, Origin, Weight, parameters_in
from effective_sparsity.connectivity.graph import Graph, Operand, Step, WeightedStep
from effective_sparsity.connectivity.operators import Links, Operator, Rearrangement, Reduction, Union
from effective_sparsity.connectivity.weighted import Weighted

Shape = Sequence[int]


@dataclass(eq=False)
class Value:
    """A tensor of the traced run.

    Attributes:
        shape: its shape, the batch of one sample included.
        varying: whether it depends on the input.
        origin: for constants, where the elements come from; None when no parameter is in it.
        opaque: for values whose connectivity is not understood, the operation that made them.
        number: for varying values that are understood, their number in the graph.
    """

    shape: tuple[int, ...]
    varying: bool
    origin: Origin = None
    opaque: str | None = None
    number: int | None = None

    def __post_init__(self):
        self.shape = tuple(self.shape)

    @property
    def size(self) -> int:
        """Number of its elements."""
        return prod(self.shape)


def varies(operand: Any) -> bool:
    """Whether an argument of a call is a tensor that depends on the input."""
    return isinstance(operand, Value) and operand.varying


def numbered(*shapes: Shape) -> list[Tensor]:
    """Tensors of these shapes that hold the numbers of their elements, from 1 through all of them."""
    sizes = [prod(shape) for shape in shapes]
    numbers = torch.arange(1, sum(sizes) + 1, dtype=torch.float64)  # exact, and every operation takes it
    return [part.view(tuple(shape)) for part, shape in zip(numbers.split(sizes), shapes, strict=True)]


class Draft:
    """A graph that grows.

    Attributes:
        entangled: name of each parameter that reaches its layer mixed with others -> the operation that
            mixed them.
        weights: the factors of all operations.
    """

    def __init__(self) -> None:
        self.entangled: dict[str, str] = {}
        self.weights: list[Weight] = []
        self._shapes: list[tuple[int, ...]] = []
        self._inputs: list[int] = []
        self._steps: list[Step | WeightedStep] = []

    @property
    def n_steps(self) -> int:
        """Number of operations so far."""
        return len(self._steps)

    def graph(self, outputs: Sequence[Value]) -> Graph:
        """The graph with these outputs."""
        return Graph(
            tuple(self._shapes), tuple(self._inputs), tuple(map(_number_of, outputs)), tuple(self._steps)
        )

    def input(self, shape: Shape) -> Value:
        """A further input of the network; all of them come before the first operation."""
        value = self._value(shape)
        self._inputs.append(_number_of(value))
        return value

    def emit(self, operator: Operator, inputs: Sequence[Value], shape: Shape) -> Value:
        """Appends an operation without weights and returns its result."""
        output = self._value(shape)
        self._steps.append(Step(operator, tuple(map(_number_of, inputs)), _number_of(output)))
        return output

    def emit_weighted(self, operator: Weighted, x: Value, shape: Shape, weight: Weight) -> Value:
        """Appends an operation with a weight and returns its result."""
        self.weights.append(weight)
        if isinstance(weight.origin, Entangled):
            self._entangle(weight.origin.parameters, weight.origin.operation)
        pruned = weight.origin if isinstance(weight.origin, Operand) else Operand(weight.shape)
        output = self._value(shape)
        self._steps.append(WeightedStep(operator, (_number_of(x),), _number_of(output), pruned))
        return output

    def entangle(self, values: Iterable[Value], operation: str) -> None:
        """Notes that parameters meet the input in an operation that does not keep single weights apart."""
        for value in values:
            self._entangle(parameters_in(value.origin), operation)

    def _entangle(self, parameters: Iterable[str], operation: str) -> None:
        self.entangled |= dict.fromkeys(sorted(parameters), operation)

    def _value(self, shape: Shape) -> Value:
        self._shapes.append(tuple(shape))
        return Value(tuple(shape), varying=True, number=len(self._shapes) - 1)

    def unite(self, values: Iterable[Value], shape: Shape) -> Value:
        """A result of this shape that depends on all values, element by element; they are broadcast to it."""
        inputs = list(values)
        return self.emit(Union(tuple(value.shape for value in inputs), tuple(shape)), inputs, shape)

    def merge(self, values: list[Value], shape: Shape) -> Value:
        """As `unite`, without a step where there is one value of this shape."""
        return (
            values[0] if len(values) == 1 and values[0].shape == tuple(shape) else self.unite(values, shape)
        )

    def reduce(self, x: Value, dims: Iterable[int] | None = None, keepdim: bool = True) -> Value:
        """A result that depends on all elements along dimensions; without these a number, on all elements."""
        if dims is None:
            dims, keepdim = range(len(x.shape)), False
        rank = len(x.shape)
        dims = tuple(sorted({dim % rank for dim in dims})) if rank else ()
        shape = [1 if dim in dims else size for dim, size in enumerate(x.shape) if keepdim or dim not in dims]
        return self.emit(Reduction(x.shape, dims, keepdim), [x], shape)

    def spread(self, x: Value, dims: Iterable[int], shape: Shape) -> Value:
        """A result whose elements along dimensions, however many, each depend on all elements along them."""
        return self.unite([self.reduce(x, dims)], shape)

    def link(self, x: Value, dim: int, linked: np.ndarray) -> Value:
        """A result whose element i along a dimension depends on the elements j where linked[i, j]."""
        dim %= len(x.shape)
        shape = (*x.shape[:dim], len(linked), *x.shape[dim + 1 :])
        return self.emit(Links(x.shape, dim, linked), [x], shape)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """The elements of x, in the same order, in another shape."""
        return self.emit(Rearrangement((x.shape,), tuple(shape)), [x], shape)

    def rearrange(self, inputs: Sequence[Value], moved: Tensor) -> Value:
        """Moved elements.

        Args:
            inputs: the operands.
            moved: for each element of the result the number of the element that stands there, by
                `numbered`, or 0 for a constant.
        """
        shapes = tuple(value.shape for value in inputs)
        numbers = moved.flatten().long()
        unmoved = torch.equal(numbers, torch.arange(1, sum(value.size for value in inputs) + 1))
        operator = Rearrangement(shapes, tuple(moved.shape), None if unmoved else numbers.numpy())
        return self.emit(operator, inputs, moved.shape)


def _number_of(value: Value) -> int:
    """The number in the graph of a value that depends on the input."""
    assert value.number is not None, "only understood values enter the graph"
    return value.number
