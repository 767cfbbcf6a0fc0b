"""Whether a narrower network does, step by step, what the model does on the units that are kept.

The forward() of a model may compute with widths: views to a fixed size, slices, constants made from a shape.
So the narrowed model is traced as well, and its operations are held against those of the model: the same
operations on the same operands, and elements that move to where their counterparts move.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from effective_sparsity.compaction.movements import sources
from effective_sparsity.compaction.narrowing import n_groups
from effective_sparsity.compaction.plan import Plan
from effective_sparsity.compaction.recording import Recorded, Recording, varies
from effective_sparsity.connectivity.calls import leaves
from effective_sparsity.connectivity.graph import Step, WeightedStep
from effective_sparsity.connectivity.operators import Concatenation, Rearrangement

_MOVEMENTS = (Rearrangement, Concatenation)


class Correspondence:
    """Pairs the operations of a model with those of its narrowed copy.

    Args:
        plan: for the model.
        narrow: a run of the copy.

    Attributes:
        difference: the first operation of the model without a counterpart; None if the networks correspond.
    """

    def __init__(self, plan: Plan, narrow: Recording):
        self._plan, self._narrow = plan, narrow
        # Of a value of the model -> of its counterpart; not for values that are constant now.
        self._numbers = {value: value for value in narrow.graph.inputs}
        self._sums: dict[int, int] = {}  # the result of a layer that got a bias map -> the sum of both
        self._new_maps = {
            name
            for name, shift in plan.shifts.items()
            if shift.ndim > 1 and not hasattr(plan.modules[name], "bias_map")
        }
        self.difference = self._first_difference()

    def _first_difference(self) -> Recorded | None:
        calls = [recorded for recorded in self._plan.recording.calls if self._plan.runs(recorded.module)]
        others = [recorded for recorded in self._narrow.calls if self._is_counterpart(recorded)]
        for recorded, other in zip(calls, others, strict=False):
            if recorded.call.name != other.call.name:
                return recorded
            discarded = recorded.outputs and self._plan.discards(recorded)
            if not discarded and not self._corresponds(recorded, other):
                return recorded
        if len(calls) > len(others):
            return calls[len(others)]
        same_end = self._mapped(self._plan.recording.graph.outputs) == self._narrow.graph.outputs
        return None if len(calls) == len(others) and same_end else calls[-1]

    def _is_counterpart(self, recorded: Recorded) -> bool:
        """False for what was put in: constants, and bias maps, whose sum stands for the layer's result."""
        name = recorded.module
        if name in self._new_maps and recorded.call.name == "add":
            self._sums[recorded.inputs[0]] = recorded.outputs[0]
            return False
        return self._plan.runs(name)

    def _corresponds(self, recorded: Recorded, other: Recorded) -> bool:
        counterparts = iter(other.steps)
        for step in recorded.steps:
            inputs = self._mapped(step.inputs)
            if not inputs:  # of constants alone: it has no counterpart
                continue
            counterpart = next(counterparts, None)
            if counterpart is None or inputs != counterpart.inputs or not self._same_step(step, counterpart):
                return False
            result = counterpart.output
            self._numbers[step.output] = self._sums.get(result, result)
        if next(counterparts, None) is not None:
            return False
        # What is a constant, or has become one, is compared where it meets activations.
        if recorded.outputs and self._mapped(recorded.inputs) != other.inputs:
            return False
        return not (other.inputs and other.outputs) or self._same_arguments(recorded, other)

    def _mapped(self, values: Sequence[int]) -> tuple[int, ...]:
        """The counterparts of values, without those that are constants now."""
        return tuple(self._numbers[value] for value in values if value in self._numbers)

    def _same_arguments(self, recorded: Recorded, other: Recorded) -> bool:
        """Constants, but for the parameters of narrowed layers; and numbers, but for the sizes of views."""
        plan, expected = self._plan, dict(recorded.call.tensors)
        kernel = plan.kernel_layers.get(recorded.module)
        if kernel is not None and "groups" in expected:
            expected["groups"] = n_groups(plan.keeps(kernel.inputs), kernel.groups)
        own = kernel is not None or recorded.module in plan.propagation.unitwise
        moves = all(isinstance(step.operator, _MOVEMENTS) for step in recorded.steps)
        arguments, counterparts = leaves(expected), leaves(other.call.tensors)
        if len(arguments) != len(counterparts):
            return False
        for argument, counterpart, (_, value) in zip(
            arguments, counterparts, recorded.call.leaves(), strict=True
        ):
            if isinstance(argument, Tensor) or isinstance(counterpart, Tensor):
                if not own and not varies(value) and not _equal(argument, counterpart):
                    return False
            elif not moves and argument != counterpart:
                return False
        return True

    def _same_step(self, step: Step | WeightedStep, counterpart: Step | WeightedStep) -> bool:
        if type(step.operator) is not type(counterpart.operator):
            return False
        if self._narrow.graph.shapes[counterpart.output] != self._shape(step.output):
            return False
        return not isinstance(step.operator, _MOVEMENTS) or self._same_movement(step, counterpart)

    def _same_movement(self, step: Step | WeightedStep, counterpart: Step | WeightedStep) -> bool:
        """Whether each element of the narrow result comes from the counterpart of its source."""
        before, after = [], []
        start = 1
        for value in step.inputs:
            marks = np.zeros(self._plan.recording.graph.shapes[value], np.int64)
            if value in self._numbers:
                shape = self._shape(value)
                numbers = np.arange(start, start + prod(shape)).reshape(shape)
                marks[self._plan.kept(value)] = numbers
                after.append(numbers)
                start += numbers.size
            before.append(marks)
        moved = sources(step.operator, before)[self._plan.kept(step.output)]
        return np.array_equal(np.maximum(moved, 0), np.maximum(sources(counterpart.operator, after), 0))

    def _shape(self, value: int) -> tuple[int, ...]:
        return tuple(index.size for index in self._plan.kept(value))


def _equal(constant: object, other: object) -> bool:
    if not (isinstance(constant, Tensor) and isinstance(other, Tensor)):
        return False
    return constant.shape == other.shape and torch.equal(constant, other)
