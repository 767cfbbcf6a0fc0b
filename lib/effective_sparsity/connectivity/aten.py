"""What each ATen operation means for paths."""

import torch
from torch import Tensor

from effective_sparsity.connectivity import plain_rules, weighted_rules  # noqa: F401  (they register the rules)
from effective_sparsity.connectivity.calls import Call, Draft, Value, call_by_name, on_cpu
from effective_sparsity.connectivity.parameters import Arrangement, Entangled
from effective_sparsity.connectivity.rules import RULES, union
from effective_sparsity.connectivity.vocabulary import CONTENT_FREE, MOVES, TRANSPARENT
from effective_sparsity.errors import UserError


def interpret(graph: Draft, call: Call) -> list[Value]:
    """Appends what a call means for paths to the graph; one value per result of the call.

    Raises:
        UserError: the operation, or this use of it, is not understood.
    """
    for value in call.values():
        if value.opaque:  # matters only if an output depends on it
            return [Value(result.shape, True, opaque=value.opaque) for result in call.results]
    if not call.activations():
        return [
            Value(result.shape, varying=False, origin=_origin(call, i))
            for i, result in enumerate(call.results)
        ]
    if call.name in CONTENT_FREE:
        return [Value(result.shape, varying=False) for result in call.results]
    rule = RULES.get(call.name)
    if rule is None and torch.Tag.pointwise in call.operation.tags:
        rule = union
    if rule is None:
        raise UserError(
            "this operation is not understood; rewrite it with operations that docs/effective-sparsity.md "
            "lists, or measure the parts of the model on either side of it"
        )
    values = rule(graph, call)
    values = values if isinstance(values, list) else [values]
    return values + [
        Value(result.shape, True, opaque=f"a further result of {call.name}")
        for result in call.results[len(values) :]
    ]


def _origin(call: Call, index: int) -> Arrangement | Entangled | None:
    """Where the elements of a result come from that was computed from parameters alone."""
    origins = [(value, value.origin) for value in call.values() if value.origin is not None]
    if not origins or call.name in CONTENT_FREE:
        return None
    mixed_before = [origin.operation for _, origin in origins if isinstance(origin, Entangled)]
    parameters = frozenset().union(*(_parameters(origin) for _, origin in origins))
    mixed = Entangled(parameters, mixed_before[0] if mixed_before else call.name)
    same = [origin for value, origin in origins if value.shape == tuple(call.results[index].shape)]
    pointwise = torch.Tag.pointwise in call.operation.tags or call.name in TRANSPARENT
    if pointwise and len(same) == 1 and index == 0:
        return same[0] if isinstance(same[0], Arrangement) else mixed
    moved = call.name.removesuffix("_copy") in MOVES[("self",)]
    if moved and len(origins) == 1 and isinstance(origins[0][1], Arrangement):
        operation, arguments = call.operation, on_cpu(call.tensors | {"self": None})

        def move(tensor: Tensor) -> Tensor:
            result = call_by_name(operation, arguments | {"self": tensor})
            return result[index] if isinstance(result, (list, tuple)) else result

        return origins[0][1].then(move)
    return mixed


def _parameters(origin: Arrangement | Entangled) -> frozenset[str]:
    return origin.parameters if isinstance(origin, Entangled) else frozenset([origin.parameter])
