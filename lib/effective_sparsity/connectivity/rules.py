"""The rules by which ATen operations become operators, and where they are registered."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.operators import Rearrangement, Union

Rule = Callable[[Draft, Call], Value | list[Value] | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def union(graph: Draft, call: Call) -> Value:
    """An elementwise operation."""
    inputs = call.activations()
    operator = Union(tuple(value.shape for value in inputs), call.shape)
    return graph.emit(operator, inputs, call.shape)


def rearrange(graph: Draft, inputs: Sequence[Value], place: Callable[..., Tensor]) -> Value:
    """An operation that moves elements.

    Args:
        graph: to which it is appended.
        inputs: the operands.
        place: the operation itself; called once with operands that hold their elements' numbers, counted from
            1 through all operands, and with zeros for constants.
    """
    shapes = tuple(value.shape for value in inputs)
    sizes = [value.size for value in inputs]
    numbers = torch.arange(1, sum(sizes) + 1, dtype=torch.float64)  # exact, and every operation takes it
    parts = zip(numbers.split(sizes), shapes, strict=True)
    moved = place(*(part.view(shape) for part, shape in parts))
    in_place = moved.numel() == numbers.numel() and torch.equal(moved.flatten(), numbers)
    origin = None if in_place else moved.flatten().long().numpy()
    return graph.emit(Rearrangement(shapes, tuple(moved.shape), origin), inputs, moved.shape)


def per_dimension(setting, spatial: int) -> tuple[int, ...]:
    """A setting of a window, which may be given once for all dimensions."""
    setting = [setting] if isinstance(setting, int) else list(setting)
    return tuple(setting * spatial if len(setting) == 1 else setting)
