"""What depends on the input, and what the outputs depend on, element by element."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from effective_sparsity.connectivity.graph import Graph, WeightedStep
from effective_sparsity.connectivity.orders import Order

_ORDER = Order.of("bool")


class Dependence:
    """Which elements of each value change with the input, and which matter to an output.

    Both are upper bounds that no values of kept weights, biases and statistics can exceed. An element that
    does not change is a constant; one that does not matter may be anything.

    Args:
        graph: of the model.
        masks: parameter name -> boolean mask, True where the weight is kept; others are kept whole.

    Attributes:
        changes, matters: for each value, by its number, a boolean array of its shape.
    """

    def __init__(self, graph: Graph, masks: Mapping[str, np.ndarray]):
        self._graph = graph
        self._masks = masks
        self.changes = self._forward()
        self.matters = self.backward(())

    def live(self, value: int) -> np.ndarray:
        """The elements that change and matter."""
        return self.changes[value] & self.matters[value]

    def _forward(self) -> list[np.ndarray]:
        shapes = self._graph.shapes
        changes = {value: _ORDER.full(shapes[value], _ORDER.always) for value in self._graph.inputs}
        for step in self._graph.steps:
            inputs = [changes[value] for value in step.inputs]
            if isinstance(step, WeightedStep):
                changes[step.output] = step.operator.forward(_ORDER, inputs[0], self._weight(step))
            else:
                changes[step.output] = step.operator.forward(_ORDER, *inputs)
        return [changes[value].astype(bool) for value in range(len(shapes))]

    def backward(self, replaced: Collection[int]) -> list[np.ndarray]:
        """As `matters`, when the values of these numbers are put in as constants, however they were made."""
        matters = [_ORDER.full(shape, _ORDER.never) for shape in self._graph.shapes]
        for value in self._graph.outputs:
            matters[value][...] = _ORDER.always
        for step in reversed(self._graph.steps):
            beyond = matters[step.output]
            if step.output in replaced or not beyond.any():
                continue
            reached: Sequence[np.ndarray]
            if isinstance(step, WeightedStep):
                reached = [step.operator.backward(_ORDER, beyond, self._weight(step))]
            else:
                reached = step.operator.backward(_ORDER, beyond)
            for value, reach in zip(step.inputs, reached, strict=True):
                np.maximum(matters[value], reach, out=matters[value])
        return [matter.astype(bool) for matter in matters]

    def _weight(self, step: WeightedStep) -> np.ndarray:
        mask = self._masks.get(step.weight.parameter or "")
        if mask is None:
            return _ORDER.full(step.weight.shape, _ORDER.always)
        return step.weight.of(mask.view(np.int8))
