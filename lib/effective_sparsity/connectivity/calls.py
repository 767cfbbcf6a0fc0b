"""What is known of a model while it is traced: its values, its calls of operations and the graph so far."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor

from effective_sparsity.connectivity.graph import Graph, Operand, Step, WeightedStep
from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.parameters import Arrangement, Entangled, operand
from effective_sparsity.connectivity.weighted import Weighted


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
    origin: Arrangement | Entangled | None = None
    opaque: str | None = None
    number: int | None = None

    def __post_init__(self):
        self.shape = tuple(self.shape)

    @property
    def size(self) -> int:
        """Number of its elements."""
        return prod(self.shape)


class Draft:
    """A graph that grows.

    Attributes:
        entangled: name of each parameter that reaches its layer mixed with others -> the operation that
            mixed them.
        weights: each operand with the tensor that the model multiplied by.
        mixed: tensors of operands that mix several parameters, by the names of these.
    """

    def __init__(self):
        self.entangled: dict[str, str] = {}
        self.weights: list[tuple[Operand, Tensor]] = []
        self.mixed: list[tuple[str, Tensor]] = []
        self._shapes: list[tuple[int, ...]] = []
        self._inputs: list[int] = []
        self._steps: list[Step | WeightedStep] = []

    @property
    def n_steps(self) -> int:
        """Number of operations so far."""
        return len(self._steps)

    def input(self, shape: Sequence[int]) -> Value:
        """A further input of the network; all of them come before the first operation."""
        value = self._value(shape)
        self._inputs.append(number_of(value))
        return value

    def emit(self, operator: Operator, inputs: Sequence[Value], shape: Sequence[int]) -> Value:
        """Appends an operation without weights and returns its result."""
        output = self._value(shape)
        self._steps.append(Step(operator, tuple(map(number_of, inputs)), number_of(output)))
        return output

    def emit_weighted(self, operator: Weighted, x: Value, shape: Sequence[int], weight: "Weight") -> Value:
        """Appends an operation with a weight and returns its result."""
        output = self._value(shape)
        pruned = self._operand(weight)
        self._steps.append(WeightedStep(operator, (number_of(x),), number_of(output), pruned))
        return output

    def entangle(self, values: Iterable[Value], operation: str) -> None:
        """Notes that parameters meet the input in an operation that does not keep single weights apart."""
        for value in values:
            if value.origin is not None:
                self.entangled |= dict.fromkeys(sorted(value.origin.parameters), operation)

    def _operand(self, weight: "Weight") -> Operand:
        pruned = operand(weight.origin, weight.shape)
        if isinstance(weight.origin, Entangled):
            self.entangled |= dict.fromkeys(sorted(weight.origin.parameters), weight.origin.operation)
            if weight.tensor is not None:
                self.mixed.append((", ".join(sorted(weight.origin.parameters)), weight.tensor))
        elif pruned.parameter is not None and weight.tensor is not None:
            self.weights.append((pruned, weight.tensor))
        return pruned

    def graph(self, outputs: Sequence[Value]) -> Graph:
        """The graph with these outputs."""
        return Graph(
            tuple(self._shapes), tuple(self._inputs), tuple(map(number_of, outputs)), tuple(self._steps)
        )

    def _value(self, shape: Sequence[int]) -> Value:
        self._shapes.append(tuple(shape))
        return Value(tuple(shape), varying=True, number=len(self._shapes) - 1)


@dataclass
class Weight:
    """A constant factor.

    Attributes:
        shape: of the factor.
        origin: the parameters in it; None if it has none, and conducts always.
        tensor: the factor as the model computed it, if it is one that was computed.
    """

    shape: tuple[int, ...]
    origin: Arrangement | Entangled | None = None
    tensor: Tensor | None = None

    def moved(self, move: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> "Weight":
        """The factor of this shape that is a view of this one."""
        origin = self.origin.then(move) if isinstance(self.origin, Arrangement) else self.origin
        return Weight(shape, origin, None if self.tensor is None else move(self.tensor))


def number_of(value: Value) -> int:
    """The number in the graph of a value that depends on the input."""
    assert value.number is not None, "only understood values enter the graph"
    return value.number


class Call:
    """One ATen operation as it was called, with `Value` in place of traced tensors.

    Attributes:
        operation: the OpOverload.
        name: such as "convolution" for aten.convolution; an in-place operation has the name of the pure one.
        in_place: whether it overwrites its first operand.
        tensors: arguments by name, as the operation received them.
        results: the tensors that it returned, once it has run.
    """

    def __init__(self, operation, tensors: dict[str, Any], values: dict[str, Any]):
        self.operation = operation
        namespace, _, name = str(operation.overloadpacket).partition(".")
        self.in_place = operation._schema.is_mutable
        name = name.removesuffix("_") if self.in_place else name
        self.name = name if namespace == "aten" else f"{namespace}.{name}"
        self.tensors = tensors
        self.results: list[Tensor] = []
        self._values = values

    def __getitem__(self, argument: str) -> Any:
        return self._values[argument]

    def __contains__(self, argument: str) -> bool:
        return argument in self._values

    def get(self, argument: str, default: Any = None) -> Any:
        """An argument that only some overloads have."""
        return self._values.get(argument, default)

    def leaves(self) -> list[tuple[Any, Any]]:
        """All arguments, those within lists one by one: as the operation received them, and as values."""
        return list(zip(leaves(self.tensors), leaves(self._values), strict=True))

    def weight(self, argument: str) -> Weight:
        """A constant operand as a factor."""
        value, tensor = self._values[argument], self.tensors[argument]
        return Weight(tuple(tensor.shape), value.origin if isinstance(value, Value) else None, tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the (first) result."""
        return tuple(self.results[0].shape)

    def values(self) -> list[Value]:
        """All traced operands, in order."""
        return [leaf for leaf in leaves(self._values) if isinstance(leaf, Value)]

    def activations(self) -> list[Value]:
        """The operands that depend on the input, in order."""
        return [value for value in self.values() if value.varying]


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


def on_cpu(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with their tensors on the CPU, where widths live."""
    return replaced(arguments, lambda leaf: leaf.cpu() if isinstance(leaf, Tensor) else leaf)


def call_by_name(operation, arguments: dict[str, Any]) -> Any:
    """The inverse of `by_name`: calls an operation."""
    schema = operation._schema.arguments
    positional = [arguments[argument.name] for argument in schema if not argument.kwarg_only]
    return operation(*positional, **{a.name: arguments[a.name] for a in schema if a.kwarg_only})
