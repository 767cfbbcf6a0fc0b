"""Calls of ATen operations, and their arguments by name."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from effective_sparsity.connectivity.constants import Weight
from effective_sparsity.connectivity.draft import Value


class Call:
    """One ATen operation as it was called, with `Value` in place of traced tensors.

    Attributes:
        operation: the OpOverload.
        name: such as "convolution" for aten.convolution; an in-place operation has the name of the pure one.
        in_place: whether it overwrites its first operand.
        arguments: by name, with values in the place of traced tensors.
        tensors: the arguments as the operation received them.
        results: the tensors that it returned, once it has run.
    """

    def __init__(self, operation, tensors: dict[str, Any], arguments: dict[str, Any]):
        self.operation = operation
        namespace, _, name = str(operation.overloadpacket).partition(".")
        self.in_place = operation._schema.is_mutable
        name = name.removesuffix("_") if self.in_place else name
        self.name = name if namespace == "aten" else f"{namespace}.{name}"
        self.arguments = arguments
        self.tensors = tensors
        self.results: list[Tensor] = []

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    def __contains__(self, argument: str) -> bool:
        return argument in self.arguments

    def get(self, argument: str, default: Any = None) -> Any:
        """An argument that only some overloads have."""
        return self.arguments.get(argument, default)

    def leaves(self) -> list[tuple[Any, Any]]:
        """All arguments, those within lists one by one: as the operation received them, and as values."""
        return list(zip(leaves(self.tensors), leaves(self.arguments), strict=True))

    def weight(self, argument: str) -> Weight:
        """A constant operand as a factor."""
        value, tensor = self.arguments[argument], self.tensors[argument]
        return Weight(tuple(tensor.shape), value.origin if isinstance(value, Value) else None, tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the (first) result."""
        return tuple(self.results[0].shape)

    def values(self) -> list[Value]:
        """All traced operands, in order."""
        return [leaf for leaf in leaves(self.arguments) if isinstance(leaf, Value)]

    def activations(self) -> list[Value]:
        """The operands that depend on the input, in order."""
        return [value for value in self.values() if value.varying]

    def again(self, others: dict[str, Any], operation=None) -> list[Tensor]:
        """Results of the operation, or of another one, on the CPU, with other arguments in place of some."""
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in others}
        results = call_by_name(operation or self.operation, on(torch.device("cpu"), kept) | others)
        return list(results) if isinstance(results, (list, tuple)) else [results]


def by_name(operation, args: Sequence, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call by name, defaults included."""
    return {
        argument.name: args[index] if index < len(args) else kwargs.get(argument.name, argument.default_value)
        for index, argument in enumerate(operation._schema.arguments)
    }


def leaves(arguments: dict[str, Any]) -> list[Any]:
    """The arguments of an operation, those in lists one by one."""
    found: list[Any] = []
    for value in arguments.values():
        found.extend(value) if isinstance(value, (list, tuple)) else found.append(value)
    return found


def replaced(arguments: dict[str, Any], replacement: Callable[[Any], Any]) -> dict[str, Any]:
    """Arguments with something else in the place of each of their `leaves`."""
    return {
        name: [replacement(item) for item in value]
        if isinstance(value, (list, tuple))
        else replacement(value)
        for name, value in arguments.items()
    }


def on(device: torch.device, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with their tensors on a device."""

    def move(leaf):
        if isinstance(leaf, Tensor):
            return leaf if leaf.device == device else leaf.to(device)
        return device if isinstance(leaf, torch.device) else leaf

    return replaced(arguments, move)


def call_by_name(operation, arguments: dict[str, Any]) -> Any:
    """The inverse of `by_name`: calls an operation."""
    schema = operation._schema.arguments
    positional = [arguments[argument.name] for argument in schema if not argument.kwarg_only]
    return operation(*positional, **{a.name: arguments[a.name] for a in schema if a.kwarg_only})
