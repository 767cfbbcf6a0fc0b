"""The rules by which ATen operations become operators, and where they are registered."""

from collections.abc import Callable

from effective_sparsity.connectivity import operators
from effective_sparsity.connectivity.graph import Call, Graph, Value

Rule = Callable[[Graph, Call], Value | list[Value] | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def union(graph: Graph, call: Call) -> Value:
    """An elementwise operation."""
    inputs = call.activations()
    return graph.emit(operators.Union([value.shape for value in inputs], call.shape), inputs, call.shape)


def per_dimension(setting, spatial: int) -> tuple[int, ...]:
    """A setting of a window, which may be given once for all dimensions."""
    setting = [setting] if isinstance(setting, int) else list(setting)
    return tuple(setting * spatial if len(setting) == 1 else setting)
