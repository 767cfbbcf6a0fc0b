"""The register of rules, and the two rules that others are made of."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import Rearrangement, Reduction, Union

Rule = Callable[[Draft, Call], Value | list[Value]]
RULES: dict[str, Rule] = {}


def names(text: str) -> tuple[str, ...]:
    """Names of operations: without namespace, overload and final underscore."""
    return tuple(text.split())


def rule(*operations: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations, by their `names`."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operations, function))
        return function

    return register


def union(graph: Draft, call: Call) -> Value:
    """An elementwise operation."""
    return unite(graph, call.activations(), call.shape)


def unite(graph: Draft, values: Iterable[Value], shape: Sequence[int]) -> Value:
    """A result of this shape that depends on all values, element by element; they are broadcast to it."""
    inputs = list(values)
    return graph.emit(Union(tuple(value.shape for value in inputs), tuple(shape)), inputs, shape)


def merge(graph: Draft, values: list[Value], shape: Sequence[int]) -> Value:
    """As `unite`, without a step where there is one value of this shape."""
    return values[0] if len(values) == 1 and values[0].shape == tuple(shape) else unite(graph, values, shape)


def reduce_all(graph: Draft, x: Value) -> Value:
    """A single number that depends on all elements."""
    return reduce(graph, x, range(len(x.shape)), keepdim=False)


def reduce(graph: Draft, x: Value, dims: Iterable[int], keepdim: bool = True) -> Value:
    """A result that depends on all elements along dimensions."""
    rank = len(x.shape)
    dims = tuple(sorted({dim % rank for dim in dims})) if rank else ()
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape) if keepdim or dim not in dims]
    return graph.emit(Reduction(x.shape, dims, keepdim), [x], shape)


def spread(graph: Draft, x: Value, dims: Iterable[int], shape: Sequence[int]) -> Value:
    """A result whose elements along dimensions, however many, each depend on all elements along them."""
    return unite(graph, [reduce(graph, x, dims)], shape)


def reshape(graph: Draft, x: Value, shape: Sequence[int]) -> Value:
    """The elements of x, in the same order, in another shape."""
    return graph.emit(Rearrangement((x.shape,), tuple(shape)), [x], shape)


def rearrange(graph: Draft, inputs: Sequence[Value], moved: Tensor) -> Value:
    """An operation that moves elements.

    Args:
        graph: to which it is appended.
        inputs: the operands.
        moved: for each element of the result the number of the element that stands there, by
            `numbered`, or 0 for a constant.
    """
    shapes = tuple(value.shape for value in inputs)
    numbers = moved.flatten().long()
    unmoved = torch.equal(numbers, torch.arange(1, sum(value.size for value in inputs) + 1))
    operator = Rearrangement(shapes, tuple(moved.shape), None if unmoved else numbers.numpy())
    return graph.emit(operator, inputs, moved.shape)


def numbered(values: Sequence[Value]) -> list[Tensor]:
    """Tensors of the values' shapes that hold the numbers of their elements, from 1 through all values."""
    sizes = [value.size for value in values]
    numbers = torch.arange(1, sum(sizes) + 1, dtype=torch.float64)  # exact, and every operation takes it
    return [part.view(value.shape) for part, value in zip(numbers.split(sizes), values, strict=True)]


def varies(operand) -> bool:
    """Whether an argument of a call is a tensor that depends on the input."""
    return isinstance(operand, Value) and operand.varying
