"""The graph of a network, and the widest paths through it."""

from dataclasses import dataclass

import numpy as np

from effective_sparsity.connectivity.operands import Operand
from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.orders import Order

Keys = dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """One operation of the graph.

    Attributes:
        operator: how widths pass.
        inputs: numbers of the operands that depend on the network's input.
        output: number of the result.
        weight: the operand that can be pruned; None for operators without.
    """

    operator: Operator
    inputs: tuple[int, ...]
    output: int
    weight: Operand | None = None


@dataclass(frozen=True)
class Graph:
    """The operations from the input to the outputs, in the order of execution.

    Values that depend on the input are numbered; number 0 is the input itself.

    Attributes:
        shapes: shape of each value, the batch of one sample included.
        outputs: numbers of all results that depend on the input.
        steps: the operations on such values.
    """

    shapes: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]

    def effective(self, order: Order, keys: Keys) -> Keys:
        """Keys of the effective scores, from those of the scores, in one pass forward and one backward."""
        widths = self._forward(order, keys)
        outgoing = {value: order.full(self.shapes[value], order.always) for value in self.outputs}
        carried = {name: order.full(key.shape, order.never) for name, key in keys.items()}
        for step in reversed(self.steps):
            beyond = outgoing.pop(step.output, None)
            if beyond is None:
                continue  # a result that no output uses
            if step.weight is None:
                reached = step.operator.backward(order, beyond)
            else:
                if step.weight.parameter in keys:
                    through = step.operator.through(order, widths[step.inputs[0]], beyond)
                    step.weight.raise_to(carried[step.weight.parameter], through)
                reached = [step.operator.backward(order, beyond, _weight(order, step, keys))]
            for value, width in zip(step.inputs, reached, strict=True):
                outgoing[value] = np.maximum(outgoing[value], width) if value in outgoing else width
        return {name: np.minimum(key, carried[name], out=carried[name]) for name, key in keys.items()}

    def _forward(self, order: Order, keys: Keys) -> dict[int, np.ndarray]:
        """Widths of the values that enter an operation with weights."""
        last_use = {value: index for index, step in enumerate(self.steps) for value in step.inputs}
        kept = {step.inputs[0] for step in self.steps if step.weight}
        widths = {0: order.full(self.shapes[0], order.always)}
        for index, step in enumerate(self.steps):
            inputs = [widths[value] for value in step.inputs]
            if step.weight is not None:
                inputs.append(_weight(order, step, keys))
            widths[step.output] = step.operator.forward(order, *inputs)
            for value in set(step.inputs):
                if last_use[value] == index and value not in kept:
                    del widths[value]
        return widths


def _weight(order: Order, step: Step, keys: Keys) -> np.ndarray:
    if step.weight.parameter in keys:
        return step.weight.of(keys[step.weight.parameter])
    return order.full(step.weight.shape, order.always)
