"""The graph of a network, and the widest paths through it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

import numpy as np

from effective_sparsity.connectivity.operators import Operator
from effective_sparsity.connectivity.orders import Order
from effective_sparsity.connectivity.semiring import COUNTS, Semiring
from effective_sparsity.connectivity.views import View
from effective_sparsity.connectivity.weighted import Weighted

Keys = dict[str, np.ndarray]
Live = Sequence[np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Operand:
    """What an operation multiplies activations by, and where its elements stand in a parameter.

    A linear layer multiplies by the transpose of its weight, fused projections by slices of one: an operand
    is a view of its parameter, or a copy with its elements in other places.

    Attributes:
        shape: of the operand.
        parameter: name of the parameter that its elements come from; None if they conduct always.
        view: of the parameter.
        origin: if it is no view, the flat index in the parameter of each element of the operand.
    """

    shape: tuple[int, ...]
    parameter: str | None = None
    view: View | None = None
    origin: np.ndarray | None = None

    def of(self, array: np.ndarray) -> np.ndarray:
        """The operand, from an array shaped like the parameter; shares memory with it if it is a view."""
        return self.view.on(array) if self.view else array.reshape(-1)[self.origin].reshape(self.shape)

    def raise_to(self, array: np.ndarray, operand: np.ndarray) -> None:
        """Raises an array shaped like the parameter, in place, to the maximum with the operand's elements."""
        if self.view is None:
            assert self.origin is not None, "an operand is a view or a copy"
            np.maximum.at(array.reshape(-1), self.origin, operand.reshape(-1))
        else:
            target = self.of(array)
            np.maximum(target, operand, out=target)


@dataclass(frozen=True)
class Step:
    """An operation without weights.

    Attributes:
        operator: how widths pass.
        inputs: numbers of the operands that depend on the network's input.
        output: number of the result.
    """

    operator: Operator
    inputs: tuple[int, ...]
    output: int
    weight: ClassVar[None] = None


@dataclass(frozen=True)
class WeightedStep:
    """An operation on one activation and one weight.

    Attributes:
        operator: how widths pass.
        inputs: number of the activation.
        output: number of the result.
        weight: the operand that can be pruned.
    """

    operator: Weighted
    inputs: tuple[int]
    output: int
    weight: Operand

    def keys(self, semiring: Semiring, keys: Keys) -> np.ndarray:
        """Of the weight, as the operation takes it; all there, if it has none."""
        if self.weight.parameter in keys:
            return self.weight.of(keys[self.weight.parameter])
        return semiring.full(self.weight.shape, semiring.always)


@dataclass(frozen=True)
class Graph:
    """The operations from the inputs to the outputs, in the order of execution.

    Values that depend on the input are numbered; the inputs come first.

    Attributes:
        shapes: shape of each value, the batch included.
        inputs: numbers of the network's inputs.
        outputs: numbers of all results that depend on the input.
        steps: the operations on such values.
    """

    shapes: tuple[tuple[int, ...], ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step | WeightedStep, ...]

    @property
    def weighted_steps(self) -> list[WeightedStep]:
        """The steps that have a weight."""
        return [step for step in self.steps if isinstance(step, WeightedStep)]

    def effective(
        self, order: Order, keys: Keys, live_inputs: Live, live_outputs: Live, overwrite: bool = False
    ) -> Keys:
        """Keys of the effective scores, from those of the scores, in one pass forward and one backward.

        Args:
            order: of the scores.
            keys: of the scores, by parameter; taken over, and empty afterwards. On the way back keys and
                widths are dropped after their last use, so that keys and result never stand side by side.
            live_inputs, live_outputs: where paths begin and end: for each input and output a boolean array of
                its shape (batch included or not), or None for all elements; empty for all.
            overwrite: whether the result may be written over the keys.
        """
        widths = self._forward(order, keys, live_inputs)
        outgoing = self._ends(order, self.outputs, live_outputs)
        readers = Counter(step.inputs[0] for step in self.weighted_steps)
        users = Counter(step.weight.parameter for step in self.weighted_steps)
        carried: Keys = {}
        for step in reversed(self.steps):
            beyond = outgoing.pop(step.output, None)
            if beyond is None:
                continue  # a result that no output uses
            if isinstance(step, WeightedStep):
                name, value = step.weight.parameter, step.inputs[0]
                if name in keys:
                    through = step.operator.through(order, widths[value], beyond)
                    if name not in carried:
                        carried[name] = order.full(keys[name].shape, order.never)
                    step.weight.raise_to(carried[name], through)
                reached = [step.operator.backward(order, beyond, step.keys(order, keys))]
                readers[value] -= 1
                if not readers[value]:
                    del widths[value]
                users[name] -= 1
                if name in keys and not users[name]:
                    key = keys.pop(name)
                    carried[name] = np.minimum(key, carried[name], out=key if overwrite else carried[name])
            else:
                reached = list(step.operator.backward(order, beyond))
            for value, width in zip(step.inputs, reached, strict=True):
                outgoing[value] = np.maximum(outgoing[value], width) if value in outgoing else width
        while keys:  # of weights that no output uses, at some place or at all
            name, key = keys.popitem()
            widest = carried.get(name, order.never)
            carried[name] = np.minimum(key, widest, out=key if overwrite else None, dtype=order.keys)
        return carried

    def n_paths(self, masks: Keys) -> float:
        """The number of paths from elements of inputs to elements of outputs; infinite beyond 1e308.

        Args:
            masks: boolean, by parameter; weights without one are all there.
        """
        weights = {name: mask.astype(COUNTS.keys) for name, mask in masks.items()}
        with np.errstate(over="ignore"):
            numbers = self._forward(COUNTS, weights, ())
            return float(sum(numbers[value].sum() for value in self.outputs))

    def _ends(self, semiring: Semiring, values: tuple[int, ...], live: Live) -> dict:
        """Paths where they begin or end, none elsewhere."""
        ends: dict[int, np.ndarray] = {}
        for value, mask in zip_longest(values, live):
            here = semiring.full(self.shapes[value], semiring.always)
            if mask is not None:
                here[~np.broadcast_to(mask, here.shape)] = semiring.never
            ends[value] = np.maximum(ends[value], here) if value in ends else here  # one value, two outputs
        return ends

    def _forward(self, semiring: Semiring, keys: Keys, live: Live) -> dict[int, np.ndarray]:
        """Widths of paths to the values that enter an operation with weights, and to the outputs."""
        last_use = {value: index for index, step in enumerate(self.steps) for value in step.inputs}
        kept = {step.inputs[0] for step in self.weighted_steps} | set(self.outputs)
        widths = self._ends(semiring, self.inputs, live)
        for index, step in enumerate(self.steps):
            inputs = [widths[value] for value in step.inputs]
            if isinstance(step, WeightedStep):
                widths[step.output] = step.operator.forward(semiring, inputs[0], step.keys(semiring, keys))
            else:
                widths[step.output] = step.operator.forward(semiring, *inputs)
            for value in set(step.inputs):
                if last_use[value] == index and value not in kept:
                    del widths[value]
        return widths
