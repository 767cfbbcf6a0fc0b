"""What each ATen operation means for paths.

A rule is a function of the draft graph and a call; it appends operators to the graph and returns the value of
the result. Rules register themselves under the names of their operations:

* `basics`: the register, and the two rules that others are made of
* `elementwise`: unit by unit, and over dimensions
* `moves`: elements that move
* `sampling`: windows, pools and resizing
* `products`: products with weights or of activations, convolutions, attention
* `constants`: what stays known of tensors that do not depend on the input
"""

import torch

from effective_sparsity.connectivity.calls import Call, Draft, Value
from effective_sparsity.connectivity.rules import elementwise, moves, products, sampling  # noqa: F401
from effective_sparsity.connectivity.rules.basics import RULES, union
from effective_sparsity.connectivity.rules.constants import origin
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
        return [Value(result.shape, False, origin(call, i)) for i, result in enumerate(call.results)]
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
