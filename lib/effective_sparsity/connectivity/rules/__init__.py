"""What each ATen operation means for paths.

A rule is a function of the draft of the graph and a call; it says with the methods of the draft what the call
means, and returns the value of the result. Rules register themselves under the names of their operations:

* `register`: the register, and a second one for calls whose indices, mask or condition depend on the input
* `elementwise`: unit by unit, and over dimensions
* `moves`: elements that move, and sums of elements that meet
* `lookups`: those calls, embeddings, sorting
* `sampling`: windows, pools and resizing
* `products`: products with weights or of activations, convolutions, attention
* `origins`: what stays known of tensors that do not depend on the input
"""

import torch

from effective_sparsity.connectivity.calls import Call
from effective_sparsity.connectivity.draft import Draft, Value, varies
from effective_sparsity.connectivity.rules import lookups, moves, products, sampling  # noqa: F401
from effective_sparsity.connectivity.rules.elementwise import CONTENT_FREE
from effective_sparsity.connectivity.rules.origins import origin
from effective_sparsity.connectivity.rules.register import RULES, Rule, names, union
from effective_sparsity.errors import UserError

# They give values to the program, or a result whose size depends on values.
_READS_VALUES = frozenset(
    names("_local_scalar_dense equal is_nonzero masked_select nonzero unique_consecutive _unique _unique2")
)


def reads_values(call: Call) -> str | None:
    """Why a call cannot be followed without the values of the input; None if it can be."""
    if call.name in _READS_VALUES:
        return "the course of the program depends on the values of the input"
    if call.name in ("index", "_unsafe_index"):
        for value, index in zip(call["indices"], call.tensors["indices"], strict=True):
            if varies(value) and index.dtype in (torch.bool, torch.uint8):
                return "its mask depends on the input, and so does the size of its result"
    return None


def is_constant(call: Call) -> bool:
    """Whether the results of a call do not depend on the input."""
    if call.name == "fill":
        return not varies(call["value"])
    return call.name in CONTENT_FREE or not call.activations()


def interpret(graph: Draft, call: Call, assumed: set[str] | None = None) -> list[Value]:
    """Appends what a call means for paths to the graph; one value per result of the call.

    Args:
        graph: to which it is appended.
        call: with its results.
        assumed: to which the name of an operation is added that is not understood, and therefore taken to
            join each input to each result; None if such operations are errors.

    Raises:
        UserError: the operation, or this use of it, is not understood.
    """
    for value in call.values():
        if value.opaque:  # matters only if an output depends on it
            return [Value(result.shape, True, opaque=value.opaque) for result in call.results]
    if is_constant(call):
        return [Value(result.shape, False, origin(call, i)) for i, result in enumerate(call.results)]
    if all(result.numel() == 0 for result in call.results):
        return [Value(result.shape, varying=False) for result in call.results]
    rule = _unknown if reads_values(call) else RULES.get(call.name)
    if rule is None and torch.Tag.pointwise in call.operation.tags:
        rule = union
    if assumed is None:
        return _apply(rule or _unknown, graph, call)
    try:
        return _apply(rule or _unknown, graph, call)
    except UserError:
        assumed.add(call.name)
        return _everything(graph, call)


def _apply(rule: Rule, graph: Draft, call: Call) -> list[Value]:
    values = rule(graph, call)
    values = values if isinstance(values, list) else [values]
    return values + [
        Value(result.shape, True, opaque=f"a further result of {call.name}")
        for result in call.results[len(values) :]
    ]


def _unknown(graph: Draft, call: Call) -> Value:
    raise UserError(
        "this operation is not understood; rewrite it with operations that docs/effective-sparsity.md lists, "
        "measure the parts of the model on either side of it, or let it join all its inputs to all its "
        "results with conservative=True"
    )


def _everything(graph: Draft, call: Call) -> list[Value]:
    """Paths from each element of each operand to each element of each result: never too few."""
    graph.entangle(call.values(), call.name)
    sources = [graph.reduce(x) for x in call.activations()]
    return [
        graph.unite(sources, result.shape) if result.numel() else Value(result.shape, varying=False)
        for result in call.results
    ]
