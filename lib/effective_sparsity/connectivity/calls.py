"""What is known of a model while it is traced: its values, its calls of operations and the graph so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from effective_sparsity.connectivity.graph import Graph, Step
from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.parameters import Arrangement, Entangled, operand
from effective_sparsity.errors import UserError


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

    Args:
        input_shape: shape of the network's input, the batch of one sample included.

    Attributes:
        input: the network's input.
        entangled: name of each parameter that reaches its layer mixed with others -> the operation that
            mixed them.
    """

    def __init__(self, input_shape: Sequence[int]):
        self.input = Value(input_shape, varying=True, number=0)
        self.entangled: dict[str, str] = {}
        self._shapes = [self.input.shape]
        self._steps: list[Step] = []

    @property
    def n_steps(self) -> int:
        """Number of operations so far."""
        return len(self._steps)

    def emit(
        self, operator: Operator, inputs: Sequence[Value], shape: Sequence[int], weight: Value | None = None
    ) -> Value:
        """Appends an operation and returns its result.

        Raises:
            UserError: the result has no elements.
        """
        if 0 in shape:
            raise UserError(f"its result has shape {tuple(shape)}, without elements; enlarge the input")
        output = Value(shape, varying=True, number=len(self._shapes))
        self._shapes.append(output.shape)
        if weight is not None and isinstance(weight.origin, Entangled):
            self.entangled |= dict.fromkeys(sorted(weight.origin.parameters), weight.origin.operation)
        pruned = None if weight is None else operand(weight.origin, weight.shape)
        self._steps.append(Step(operator, tuple(value.number for value in inputs), output.number, pruned))
        return output

    def graph(self, outputs: Sequence[Value]) -> Graph:
        """The graph with these outputs."""
        return Graph(tuple(self._shapes), tuple(value.number for value in outputs), tuple(self._steps))


class Call:
    """One ATen operation as it was called, with :class:`Value` in place of traced tensors.

    Attributes:
        operation: the OpOverload.
        name: such as "convolution" for aten.convolution; an in-place operation has the name of the pure one.
        in_place: whether it overwrites its first operand.
        tensors: arguments by name, as the operation received them.
        results: the tensors that it returned.
    """

    def __init__(self, operation, tensors: dict[str, Any], values: dict[str, Any], results: Sequence[Tensor]):
        self.operation = operation
        namespace, _, name = str(operation.overloadpacket).partition(".")
        self.in_place = operation._schema.is_mutable
        name = name.removesuffix("_") if self.in_place else name
        self.name = name if namespace == "aten" else f"{namespace}.{name}"
        self.tensors = tensors
        self.results = results
        self._values = values

    def __getitem__(self, argument: str) -> Any:
        return self._values[argument]

    def __contains__(self, argument: str) -> bool:
        return argument in self._values

    def get(self, argument: str, default: Any = None) -> Any:
        """An argument that only some overloads have."""
        return self._values.get(argument, default)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the (first) result."""
        return tuple(self.results[0].shape)

    def values(self) -> list[Value]:
        """All traced operands, in order."""
        return [leaf for leaf in tree_leaves(list(self._values.values())) if isinstance(leaf, Value)]

    def leaves(self) -> list[tuple[Any, Any]]:
        """All arguments, those within lists one by one: as the operation received them, and as values."""
        return list(zip(tree_leaves(self.tensors), tree_leaves(self._values), strict=True))

    def activations(self) -> list[Value]:
        """The operands that depend on the input, in order."""
        return [value for value in self.values() if value.varying]


def by_name(operation, args: Sequence, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call by name, defaults included."""
    return {
        argument.name: args[index] if index < len(args) else kwargs.get(argument.name, argument.default_value)
        for index, argument in enumerate(operation._schema.arguments)
    }


def on_cpu(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with their tensors on the CPU, where widths live."""
    return tree_map(lambda leaf: leaf.cpu() if isinstance(leaf, Tensor) else leaf, arguments)


def call_by_name(operation, arguments: dict[str, Any]) -> Any:
    """The inverse of :func:`by_name`: calls an operation."""
    schema = operation._schema.arguments
    positional = [arguments[argument.name] for argument in schema if not argument.kwarg_only]
    return operation(*positional, **{a.name: arguments[a.name] for a in schema if a.kwarg_only})
