"""What depends on the input, and what the outputs depend on, element by element.

Both are upper bounds that no values of kept weights, biases and statistics can exceed. An element that
does not change with the input is a constant; one that does not matter to an output may be anything.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from effective_sparsity.connectivity.graph import Graph, WeightedStep
from effective_sparsity.connectivity.orders import Order

Masks = Mapping[str, np.ndarray]  # by parameter, True where the weight is kept; others are kept whole

_ORDER = Order.of("bool")


def changing(graph: Graph, masks: Masks) -> list[np.ndarray]:
    """For each value, by its number, which elements change with the input: boolean, of its shape."""
    keys = _keys(masks)
    changes = {value: _ORDER.full(graph.shapes[value], _ORDER.always) for value in graph.inputs}
    for step in graph.steps:
        inputs = [changes[value] for value in step.inputs]
        if isinstance(step, WeightedStep):
            changes[step.output] = step.operator.forward(_ORDER, inputs[0], step.keys(_ORDER, keys))
        else:
            changes[step.output] = step.operator.forward(_ORDER, *inputs)
    return [changes[value].astype(bool) for value in range(len(graph.shapes))]


def mattering(graph: Graph, masks: Masks, replaced: Collection[int]) -> list[np.ndarray]:
    """For each value, by its number, which elements matter to an output: boolean, of its shape.

    Args:
        replaced: values that are put in as constants, however they were made.
    """
    keys = _keys(masks)
    matters = [_ORDER.full(shape, _ORDER.never) for shape in graph.shapes]
    for value in graph.outputs:
        matters[value][...] = _ORDER.always
    for step in reversed(graph.steps):
        beyond = matters[step.output]
        if step.output in replaced or not beyond.any():
            continue
        reached: Sequence[np.ndarray]
        if isinstance(step, WeightedStep):
            reached = [step.operator.backward(_ORDER, beyond, step.keys(_ORDER, keys))]
        else:
            reached = step.operator.backward(_ORDER, beyond)
        for value, reach in zip(step.inputs, reached, strict=True):
            np.maximum(matters[value], reach, out=matters[value])
    return [matter.astype(bool) for matter in matters]


def _keys(masks: Masks) -> dict[str, np.ndarray]:
    return {name: mask.view(_ORDER.keys) for name, mask in masks.items()}
