"""The register of rules, by the names of their operations."""

from collections.abc import Callable

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.draft import Draft, Value

Rule = Callable[[Draft, Call], Value | list[Value]]
RULES: dict[str, Rule] = {}
BY_INPUT: dict[str, Rule] = {}  # for calls whose indices, mask or condition depend on the input


def names(text: str) -> tuple[str, ...]:
    """Names of operations: without namespace, overload and final underscore."""
    return tuple(text.split())


def rule(*operations: str, register: dict[str, Rule] = RULES) -> Callable[[Rule], Rule]:
    """Registers a rule for operations; each text holds the `names` of one or more."""

    def add(function: Rule) -> Rule:
        register.update(dict.fromkeys(names(" ".join(operations)), function))
        return function

    return add


def union(graph: Draft, call: Call) -> Value:
    """The rule of elementwise operations."""
    return graph.unite(call.activations(), call.shape)
