"""Which dimension of each value can be made narrower, and how these dimensions hang together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from effective_sparsity.compaction.classes import Classes
from effective_sparsity.compaction.layers import TRANSPOSED, UNITWISE, computes_as, is_kernel_layer, widths
from effective_sparsity.compaction.movements import follow
from effective_sparsity.compaction.recording import Mixing, Recorded, Recording
from effective_sparsity.connectivity import operators, weighted
from effective_sparsity.connectivity.graph import Step, WeightedStep

AnyStep = Step | WeightedStep


@dataclass(eq=False)
class Kernel:
    """The weight of a linear layer or convolution, which several layers may share.

    Attributes:
        weight: name of the parameter.
        axis: dimension of the units in what its layers take and return: 1, or -1 for linear layers.
        groups: of the convolution; else 1.
        transposed: whether the inputs come first in the weight, as in transposed convolutions.
        inputs, outputs: its units.
        uses: name of each layer -> the operations in which it uses the weight.
    """

    weight: str
    axis: int
    groups: int
    transposed: bool
    inputs: np.ndarray
    outputs: np.ndarray
    uses: dict[str, list[tuple[Recorded, WeightedStep]]] = field(default_factory=lambda: defaultdict(list))


class Propagation:
    """Follows units through the operations of a recorded run.

    Units are born as the outputs of layers that can be narrowed. Where they meet, they are tied; where an
    operation mixes them, has parameters of their width without being such a layer, or is an output, they are
    fixed.

    Attributes:
        classes: of all units.
        units: for each value, by its number, the units of its elements, in a shape that broadcasts to that of
            the value. Only the dimension of the units has a size; none has, if the value cannot be narrowed.
        kernels: parameter name -> kernel.
        unitwise: name of each batch norm or PReLU layer -> its units.
    """

    def __init__(self, recording: Recording, model: nn.Module):
        self.classes = Classes()
        self.kernels: dict[str, Kernel] = {}
        self.unitwise: dict[str, np.ndarray] = {}
        self._shapes = recording.graph.shapes
        self.units = [np.zeros((1,) * len(shape), np.int64) for shape in self._shapes]
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
        return sum(self.classes.fix(self.units[value], reason) for value in values) > 0

    def elementwise(self, recorded: Recorded, step: AnyStep) -> None:
        rank = len(self._shapes[step.output])
        aligned = [self.units[value] for value in step.inputs]
        aligned = [units.reshape((1,) * (rank - units.ndim) + units.shape) for units in aligned]
        widest = max(aligned, key=np.size)
        if widest.size == 1:
            return
        dim = widest.shape.index(widest.size) - rank
        sizes = [_size(self._shapes[value], dim) for value in step.inputs]
        if any(
            units.size != size or units.shape[dim] != size for units, size in zip(aligned, sizes, strict=True)
        ):
            self.fix(step.inputs, f"they meet units that cannot be cut in {recorded}")
            return
        for units in aligned:
            if units.size > 1:
                self.classes.join(widest, units)
        self._check_constants(recorded, dim, widest)
        self.units[step.output] = widest

    def _check_constants(self, recorded: Recorded, dim: int, units: np.ndarray) -> None:
        """Constants as wide as the units must be parameters of a layer that is narrowed with them."""
        constants = [tuple(tensor.shape) for tensor in recorded.constants()]
        if "batch_norm" in recorded.call.name:  # their parameters are vectors along dimension 1
            wide = dim == 1 - units.ndim and len(constants) > 0
        else:
            wide = any(_size(shape, dim) > 1 for shape in constants)
        if not wide:
            return
        layer, ids = self._modules[recorded.module], units.reshape(-1)
        if computes_as(layer, *UNITWISE) and self._owns(layer):
            self.classes.join(self.unitwise.setdefault(recorded.module, ids), ids)
            return
        weight = self._first_names.get(id(getattr(layer, "weight", None)))
        kernel = self.kernels.get(weight or "")
        if kernel is None or not is_kernel_layer(layer) or not np.array_equal(kernel.outputs, ids):
            self.classes.fix(ids, f"{recorded} has parameters or constants of this width")

    def _owns(self, layer: nn.Module) -> bool:
        return all(self._owners[id(parameter)] == 1 for parameter in layer.parameters(recurse=False))

    def across(self, recorded: Recorded, step: AnyStep) -> None:
        """Operations along some dimensions, the same for all units along another."""
        operator, units = step.operator, self.units[step.inputs[0]]
        dims: Sequence[int]
        match operator:
            case Mixing() | operators.Reduction():
                dims = operator.dims
            case operators.Pooling():
                dims = range(-len(operator.window.steps), 0)
            case operators.Links():
                has_matrix = any(tensor.numel() > 1 for tensor in recorded.constants())
                dims = range(units.ndim) if has_matrix else (operator.dim,)
        if any(units.shape[dim] > 1 for dim in dims):
            self.classes.fix(units, f"{recorded} mixes them")
        elif isinstance(operator, Mixing):
            self.elementwise(recorded, step)
        elif isinstance(operator, operators.Reduction) and not operator.keepdim:
            self.units[step.output] = units.squeeze(operator.dims)
        else:
            self.units[step.output] = units

    def movement(self, recorded: Recorded, step: AnyStep) -> None:
        found = [self.units[value] for value in step.inputs]
        if all(units.size == 1 for units in found):
            return
        joins = isinstance(step.operator, operators.Concatenation)
        if not joins and any(tensor.numel() > 1 for tensor in recorded.constants()):
            self.fix(step.inputs, f"{recorded} has constants")
            return
        shapes = [self._shapes[value] for value in step.inputs]
        moved = follow(step.operator, list(map(np.broadcast_to, found, shapes)), self.classes)
        if moved is None:
            self.fix(step.inputs, f"{recorded} spreads them over several dimensions")
        else:
            self.units[step.output] = moved

    def product(self, recorded: Recorded, step: AnyStep) -> None:
        self.fix(step.inputs, f"{recorded} mixes them")
        if step.weight is not None and step.weight.parameter is not None:
            self._elsewhere.add(step.weight.parameter)

    def weighted(self, recorded: Recorded, step: AnyStep) -> None:
        assert isinstance(step, WeightedStep)
        kernel = self._kernel(recorded, step)
        if kernel is None:
            self.product(recorded, step)
            return
        kernel.uses[recorded.module].append((recorded, step))
        units = self.units[step.inputs[0]]
        if units.shape[kernel.axis] != units.size:
            self.classes.fix(units, f"{recorded} has them as positions")
            units = np.zeros(1, np.int64)
        self.classes.join(kernel.inputs, np.broadcast_to(units.reshape(-1), kernel.inputs.shape))
        if len(kernel.outputs) > 1:
            self.units[step.output] = along(kernel.axis, kernel.outputs, len(self._shapes[step.output]))
        else:
            self.classes.fix(kernel.outputs, "a single unit is never cut")

    def _kernel(self, recorded: Recorded, step: WeightedStep) -> Kernel | None:
        """The kernel of a layer that is narrowed; None for other uses of weights."""
        layer, name = self._modules[recorded.module], step.weight.parameter
        if name is None or not is_kernel_layer(layer) or self._first_names.get(id(layer.weight)) != name:
            return None
        if layer.bias is not None and self._owners[id(layer.bias)] != 1:
            return None
        inputs, outputs, groups = widths(layer)
        linear, transposed = isinstance(layer, nn.Linear), isinstance(layer, TRANSPOSED)
        if linear and step.weight.shape != (inputs, outputs):
            return None
        if name not in self.kernels:
            units = self.classes.new(inputs), self.classes.new(outputs)
            self.kernels[name] = Kernel(name, -1 if linear else 1, groups, transposed, *units)
        kernel = self.kernels[name]
        return kernel if (kernel.groups, kernel.transposed) == (groups, transposed) else None


def along(dim: int, units: np.ndarray, rank: int) -> np.ndarray:
    """An array of units (units,) with further dimensions of size 1 around that of the units."""
    return units.reshape([-1 if other == dim % rank else 1 for other in range(rank)])


def _size(shape: tuple[int, ...], dim: int) -> int:
    """Size of a dimension counted from the last, which is -1; 1 beyond the first."""
    return shape[dim] if -dim <= len(shape) else 1


Rule = Callable[[Propagation, Recorded, AnyStep], None]
_RULES: dict[type, Rule] = {
    Mixing: Propagation.across,
    operators.Accumulation: Propagation.product,
    operators.ActivationProduct: Propagation.product,
    operators.Attention: Propagation.product,
    operators.Concatenation: Propagation.movement,
    operators.Links: Propagation.across,
    operators.Pooling: Propagation.across,
    operators.Rearrangement: Propagation.movement,
    operators.Reduction: Propagation.across,
    operators.Union: Propagation.elementwise,
    weighted.ActivationTimesWeight: Propagation.weighted,
    weighted.Convolution: Propagation.weighted,
    weighted.Lookup: Propagation.product,
    weighted.TransposedConvolution: Propagation.weighted,
    weighted.WeightTimesActivation: Propagation.product,
}
