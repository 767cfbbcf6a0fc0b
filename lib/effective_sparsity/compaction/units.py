"""Which dimension of each value can be made narrower, and how these dimensions hang together."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from effective_sparsity.compaction.classes import Classes
from effective_sparsity.compaction.layers import UNITWISE, computes_as, is_kernel_layer, widths
from effective_sparsity.compaction.movements import follow
from effective_sparsity.compaction.recording import Mixing, Recorded, Recording
from effective_sparsity.connectivity import operators, weighted
from effective_sparsity.connectivity.graph import Step, WeightedStep

AnyStep = Step | WeightedStep


@dataclass(frozen=True, eq=False)
class Units:
    """The units along one dimension of a value; the other dimensions are positions.

    Attributes:
        dim: the dimension.
        ids: the unit at each index of it, a number of `Classes`.
    """

    dim: int
    ids: np.ndarray


@dataclass(eq=False)
class Kernel:
    """The weight of a linear layer or convolution, which several layers may share.

    Attributes:
        groups: of the convolution; else 1.
        inputs, outputs: its units.
        uses: the operations that it is used in.
    """

    groups: int
    inputs: np.ndarray
    outputs: np.ndarray
    uses: list[tuple[Recorded, WeightedStep]] = field(default_factory=list)


class Propagation:
    """Follows units through the operations of a recorded run.

    Units are born as the outputs of layers that can be narrowed. Where they meet, they are tied; where an
    operation mixes them, has parameters of their width without being such a layer, or is an output, they are
    fixed.

    Attributes:
        classes: of all units.
        units: for each value, by its number, its units; None where it cannot be narrowed.
        kernels: parameter name -> kernel.
        unitwise: name of each batch norm or PReLU layer -> its units.
    """

    def __init__(self, recording: Recording, model: nn.Module):
        self.classes = Classes()
        self.kernels: dict[str, Kernel] = {}
        self.unitwise: dict[str, np.ndarray] = {}
        self._shapes = recording.graph.shapes
        self.units: list[Units | None] = [None] * len(self._shapes)
        self._modules = dict(model.named_modules())
        self._first_names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._owners = Counter(
            id(parameter) for module in model.modules() for parameter in module._parameters.values()
        )
        self._elsewhere: set[str] = set()  # weights that are used in ways that are not understood
        for recorded in recording.calls:
            for step in recorded.steps:
                _RULES[type(step.operator)](self, recorded, step)
        for name in self._elsewhere & self.kernels.keys():
            for units in (self.kernels[name].inputs, self.kernels[name].outputs):
                self.classes.fix(units, f"{name} is used outside of its layer")
        for value in recording.graph.outputs:
            self.fix([value], "it is an output of the model")

    def fix(self, values: Sequence[int], reason: str) -> bool:
        """Keeps all units of values; whether any of them was not fixed before."""
        found = [units.ids for value in values if (units := self.units[value]) is not None]
        return self.classes.fix(np.concatenate(found), reason) if found else False

    def elementwise(self, recorded: Recorded, step: AnyStep) -> None:
        rank = len(self._shapes[step.output])
        aligned = [
            Units(units.dim + rank - len(self._shapes[value]), units.ids)
            for value in step.inputs
            if (units := self.units[value]) is not None
        ]
        if not aligned:
            return
        dim, ids = aligned[0].dim, aligned[0].ids
        plain = [self._shapes[value] for value in step.inputs if self.units[value] is None]
        if any(_size(shape, dim - rank) > 1 for shape in plain) or any(units.dim != dim for units in aligned):
            self.fix(step.inputs, f"they meet units that cannot be cut in {recorded}")
            return
        for units in aligned[1:]:
            self.classes.join(ids, units.ids)
        self._check_constants(recorded, dim, rank, ids)
        self.units[step.output] = Units(dim, ids)

    def _check_constants(self, recorded: Recorded, dim: int, rank: int, ids: np.ndarray) -> None:
        """Constants as wide as the units must be parameters of a layer that is narrowed with them."""
        constants = [tuple(tensor.shape) for tensor in recorded.constants()]
        if "batch_norm" in recorded.call.name:  # their parameters are vectors along dimension 1
            wide = dim == 1 and len(constants) > 0
        else:
            wide = any(_size(shape, dim - rank) > 1 for shape in constants)
        if not wide:
            return
        layer = self._modules[recorded.module]
        if computes_as(layer, *UNITWISE) and self._owns(layer):
            self.classes.join(self.unitwise.setdefault(recorded.module, ids), ids)
            return
        weight = self._first_names.get(id(getattr(layer, "weight", None)))
        kernel = self.kernels.get(weight or "")
        if kernel is None or not is_kernel_layer(layer) or not np.array_equal(kernel.outputs, ids):
            self.classes.fix(ids, f"{recorded} has parameters or constants of this width")

    def _owns(self, layer: nn.Module) -> bool:
        return all(self._owners[id(parameter)] == 1 for parameter in layer.parameters(recurse=False))

    def reduction(self, recorded: Recorded, step: AnyStep) -> None:
        operator, units = step.operator, self.units[step.inputs[0]]
        assert isinstance(operator, operators.Reduction)
        if units is None:
            return
        if units.dim in operator.dims:
            self.classes.fix(units.ids, f"{recorded} mixes them")
            return
        before = 0 if operator.keepdim else sum(dim < units.dim for dim in operator.dims)
        self.units[step.output] = Units(units.dim - before, units.ids)

    def mixing(self, recorded: Recorded, step: AnyStep) -> None:
        operator, units = step.operator, self.units[step.inputs[0]]
        assert isinstance(operator, Mixing)
        if units is not None and units.dim in operator.dims:
            self.classes.fix(units.ids, f"{recorded} mixes them")
        else:
            self.elementwise(recorded, step)

    def pooling(self, recorded: Recorded, step: AnyStep) -> None:
        operator, units = step.operator, self.units[step.inputs[0]]
        assert isinstance(operator, operators.Pooling)
        if units is None:
            return
        if units.dim >= len(self._shapes[step.output]) - len(operator.window.steps):
            self.classes.fix(units.ids, f"{recorded} mixes them")
            return
        self.units[step.output] = units

    def movement(self, recorded: Recorded, step: AnyStep) -> None:
        found = [self.units[value] for value in step.inputs]
        if not any(found):
            return
        if any(tensor.numel() > 1 for tensor in recorded.constants()) and not isinstance(
            step.operator, operators.Concatenation
        ):
            self.fix(step.inputs, f"{recorded} has constants")
            return
        operands = [
            (self._shapes[value], None if units is None else units.dim)
            for value, units in zip(step.inputs, found, strict=True)
        ]
        ids = [None if units is None else units.ids for units in found]
        moved = follow(step.operator, operands, self.classes, ids)
        if moved is None:
            self.fix(step.inputs, f"{recorded} spreads them over several dimensions")
        else:
            self.units[step.output] = Units(*moved)

    def product(self, recorded: Recorded, step: AnyStep) -> None:
        self.fix(step.inputs, f"{recorded} mixes them")
        if isinstance(step, WeightedStep) and step.weight.parameter is not None:
            self._elsewhere.add(step.weight.parameter)

    def linked(self, recorded: Recorded, step: AnyStep) -> None:
        """A linear map along one dimension, the same for all units of another."""
        operator, units = step.operator, self.units[step.inputs[0]]
        assert isinstance(operator, operators.Links)
        if units is None:
            return
        if units.dim == operator.dim or any(tensor.numel() > 1 for tensor in recorded.constants()):
            self.classes.fix(units.ids, f"{recorded} mixes them")
            return
        self.units[step.output] = units

    def weighted(self, recorded: Recorded, step: AnyStep) -> None:
        assert isinstance(step, WeightedStep)
        units, operator = self.units[step.inputs[0]], step.operator
        linear = isinstance(operator, weighted.ActivationTimesWeight)
        axis = len(self._shapes[step.inputs[0]]) - 1 if linear else 1
        kernel = self._kernel(recorded, step)
        if kernel is None:
            self.product(recorded, step)
            return
        if units is not None and units.dim != axis:
            self.fix(step.inputs, f"{recorded} has them as positions")
            units = None
        kernel.uses.append((recorded, step))
        inputs = np.zeros(len(kernel.inputs), np.int64) if units is None else units.ids
        self.classes.join(kernel.inputs, inputs)
        if len(kernel.outputs) > 1:
            self.units[step.output] = Units(
                len(self._shapes[step.output]) - 1 if linear else 1, kernel.outputs
            )
        else:
            self.classes.fix(kernel.outputs, "a single unit is never cut")

    def _kernel(self, recorded: Recorded, step: WeightedStep) -> Kernel | None:
        """The kernel of a layer that is narrowed; None for other uses of weights."""
        layer, weight = self._modules[recorded.module], step.weight
        if weight.parameter is None or not is_kernel_layer(layer):
            return None
        name = weight.parameter
        if self._first_names.get(id(layer.weight)) != name:
            return None
        bias = layer.bias
        if bias is not None and self._owners[id(bias)] != 1:
            return None
        inputs, outputs, groups = widths(layer)
        if isinstance(layer, nn.Linear) and weight.shape != (inputs, outputs):
            return None
        if name not in self.kernels:
            self.kernels[name] = Kernel(groups, self.classes.new(inputs), self.classes.new(outputs))
        return self.kernels[name]


def _size(shape: tuple[int, ...], dim: int) -> int:
    """Size of a dimension counted from the last, which is -1; 1 beyond the first."""
    return shape[dim] if -dim <= len(shape) else 1


Rule = Callable[[Propagation, Recorded, AnyStep], None]
_RULES: dict[type, Rule] = {
    Mixing: Propagation.mixing,
    operators.Accumulation: Propagation.product,
    operators.ActivationProduct: Propagation.product,
    operators.Attention: Propagation.product,
    operators.Concatenation: Propagation.movement,
    operators.Links: Propagation.linked,
    operators.Pooling: Propagation.pooling,
    operators.Rearrangement: Propagation.movement,
    operators.Reduction: Propagation.reduction,
    operators.Union: Propagation.elementwise,
    weighted.ActivationTimesWeight: Propagation.weighted,
    weighted.Convolution: Propagation.weighted,
    weighted.Lookup: Propagation.product,
    weighted.TransposedConvolution: Propagation.weighted,
    weighted.WeightTimesActivation: Propagation.product,
}
