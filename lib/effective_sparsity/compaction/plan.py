"""Which units a compacted network keeps, which constants go into biases, and why dead units stay."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from effective_sparsity.compaction.constants import Durability, Shift, shift
from effective_sparsity.compaction.dependence import changing, mattering
from effective_sparsity.compaction.layers import BIAS_MAPS, UNITWISE, computes_as, is_kernel_layer
from effective_sparsity.compaction.recording import Recorded, Recording
from effective_sparsity.compaction.units import Kernel, Propagation, along
from effective_sparsity.connectivity.graph import WeightedStep


class Plan:
    """What is kept: everything live, and as much more as the operations need.

    Args:
        model: the masked model, in float64.
        masks: of its weights.
        recording: of a run of it.
        constants: "fold", "keep" or "train"; see `compact`.
        replace: whether layers with constant results are replaced, and what only they need is left out.

    Attributes:
        changes, matters: of each value the elements that do; see `dependence`.
        discarded: numbers of the values that are left out.
        constant_layers: name of each layer that becomes a constant -> the number of its result.
        idle_layers: names of the layers whose results nothing needs.
        kernel_layers: name of each layer with a kernel -> the kernel.
        shifts: name of a layer -> what is added to its results: shape (outputs,), or (outputs, *positions).
    """

    def __init__(
        self,
        model: nn.Module,
        masks: Mapping[str, np.ndarray],
        recording: Recording,
        constants: str,
        replace: bool = True,
    ):
        self.recording, self.constants, self._masks = recording, constants, masks
        self.modules = dict(model.named_modules())
        self.changes = changing(recording.graph, masks)
        layers = self._layers()
        constant = self._constant_layers(layers) if replace and constants != "train" else {}
        self.matters = mattering(recording.graph, masks, constant.values())
        self.discarded = self._discarded(constant)
        self.constant_layers = {
            name: value for name, value in constant.items() if value not in self.discarded
        }
        self.idle_layers = {name for name, calls in layers.items() if all(map(self.discards, calls))}
        self.propagation = Propagation(recording, model)
        self.classes = self.propagation.classes
        kernels = self.propagation.kernels.values()
        self.kernel_layers = {name: kernel for kernel in kernels for name in kernel.uses}
        self.shifts: dict[str, Tensor] = {}
        self._durability = Durability(model, recording, self.kernel_layers) if constants == "train" else None
        self._moving = np.zeros(len(self.classes), bool)  # classes with constants that training moves
        self._changing = self._classes_with(self.changes)
        self._live = self._classes_with([a & b for a, b in zip(self.changes, self.matters, strict=True)])
        self._settle()

    def keeps(self, units: np.ndarray) -> np.ndarray:
        """For each unit whether it is kept."""
        roots = self.classes.find(units)
        return self._live[roots] | self.classes.fixed()[roots]

    def kept(self, value: int) -> tuple[np.ndarray, ...]:
        """An index, dimension by dimension, of the elements of a value that are kept."""
        shape, kept = self.recording.graph.shapes[value], self.keeps(self.propagation.units[value])
        dims = range(len(shape))
        return np.ix_(
            *(np.flatnonzero(kept) if kept.shape[dim] > 1 else np.arange(shape[dim]) for dim in dims)
        )

    def reasons(self, units: np.ndarray) -> dict[str, int]:
        """Why dead units are kept -> how many of these units for that reason."""
        dead = units[~self._live[self.classes.find(units)]]
        return dict(Counter(reason for unit in dead if (reason := self.classes.reason(unit)) is not None))

    def fix(self, recorded: Recorded, reason: str) -> bool:
        """Keeps all units that an operation meets; whether that changes the plan."""
        if not self.propagation.fix([*recorded.inputs, *recorded.outputs], reason):
            return False
        self._settle()
        return True

    def runs(self, name: str) -> bool:
        """Whether a layer is still there."""
        return name not in self.constant_layers and name not in self.idle_layers

    def discards(self, recorded: Recorded) -> bool:
        """Whether nothing needs the results of an operation."""
        return self.discarded.issuperset(recorded.outputs)

    def _layers(self) -> dict[str, list[Recorded]]:
        """For each layer that can be narrowed its operations on what depends on the input."""
        layers = defaultdict(list)
        for recorded in self.recording.calls:
            layer = self.modules[recorded.module]
            if recorded.steps and (is_kernel_layer(layer) or computes_as(layer, *UNITWISE)):
                layers[recorded.module].append(recorded)
        return layers

    def _constant_layers(self, layers: Mapping[str, list[Recorded]]) -> dict[str, int]:
        """Layers that run once and whose result does not depend on the input, and the number of it."""
        found = {}
        for name, calls in layers.items():
            result = calls[-1].outputs[0]
            once = sum(map(_is_main, calls)) == 1
            any_size = self.constants == "fold" or self.changes[result].ndim == 2
            if once and any_size and not self.changes[result].any():
                found[name] = result
        return found

    def _discarded(self, constant_layers: Mapping[str, int]) -> set[int]:
        """Values that only layers use that become constants."""
        needed = set(self.recording.graph.outputs)
        for recorded in reversed(self.recording.calls):
            if recorded.module in constant_layers:
                continue
            for step in reversed(recorded.steps):
                if step.output in needed:
                    needed.update(step.inputs)
        return set(range(len(self.changes))) - needed

    def _classes_with(self, marks: Sequence[np.ndarray]) -> np.ndarray:
        """The classes of the units that have a marked element in any value."""
        found = np.zeros(len(self.classes), bool)
        for units, marked in zip(self.propagation.units, marks, strict=True):
            if units.size > 1:
                found[self.classes.find(np.unique(np.broadcast_to(units, marked.shape)[marked]))] = True
        return found

    def _settle(self) -> None:
        """Keeps more units until every part of the network agrees."""
        while any([self._balance_groups(), self._leave_no_value_empty(), self._fold_constants()]):
            pass

    def _balance_groups(self) -> bool:
        """Groups of a convolution keep equally many units, or none."""
        news = False
        for name, kernel in self.propagation.kernels.items():
            if kernel.groups == 1:
                continue
            sides = [units.reshape(kernel.groups, -1) for units in (kernel.inputs, kernel.outputs)]
            kept = [self.keeps(side) for side in sides]
            alive = kept[0].any(1) | kept[1].any(1)
            for side, keep in zip(sides, kept, strict=True):
                width = max(1, keep.sum(1).max(initial=0))
                for group in np.flatnonzero(alive):
                    spare = np.flatnonzero(~keep[group])[: width - keep[group].sum()]
                    reason = f"the groups of {name.rpartition('.')[0]} must have one width"
                    news |= self.classes.fix(side[group][spare], reason)
        return news

    def _leave_no_value_empty(self) -> bool:
        news = False
        for value, units in enumerate(self.propagation.units):
            if value not in self.discarded and not self.keeps(units).any():
                news |= self.classes.fix(units.reshape(-1)[:1], "a dimension cannot be empty")
        return news

    def _fold_constants(self) -> bool:
        """Finds what the units that are left out add to the layers that they feed."""
        self.shifts = {}
        layers = [(name, kernel) for name, kernel in self.kernel_layers.items() if self.runs(name)]
        return sum(self._fold_into(name, kernel) for name, kernel in layers) > 0

    def _fold_into(self, name: str, kernel: Kernel) -> bool:
        """Whether a constant cannot be folded into this layer, so that more units are kept."""
        if self._durability is not None and self._keep_trained(name, kernel):
            return True
        cut = ~self.keeps(kernel.inputs)
        shift = self._shift(name, kernel, cut)
        if shift is None:
            return False
        results = [step.output for _, step in kernel.uses[name]]
        if self._durability is not None and not all(map(self._is_normalised, results)):
            return self.classes.fix(kernel.inputs[cut], f"training takes their constants away ({name})")
        if shift.bias is not None:
            self.shifts[name] = shift.bias
            return False
        items, _, *positions = self.changes[results[0]].shape
        takes_map = type(self.modules[name]) in {*BIAS_MAPS, *BIAS_MAPS.values()}
        if self.constants == "fold" and takes_map and len(results) == items == 1:
            self.shifts[name] = shift.values.view(-1, *positions)
            return False
        alone = [unit for unit in np.eye(len(cut), dtype=bool)[cut] if self._is_uneven(name, kernel, unit)]
        uneven = np.any(alone, axis=0) if alone else cut
        return self.classes.fix(kernel.inputs[uneven], f"their constants differ between positions of {name}")

    def _shift(self, name: str, kernel: Kernel, cut: np.ndarray) -> Shift | None:
        """What the constants among some of the inputs add to the results of a layer."""
        uses = []
        for recorded, step in kernel.uses[name]:
            changes = self.changes[step.inputs[0]]
            constant = ~changes & along(kernel.axis, cut, changes.ndim)
            uses.append((recorded, constant, self.matters[step.output]))
        return shift(uses, kernel.axis)

    def _is_uneven(self, name: str, kernel: Kernel, cut: np.ndarray) -> bool:
        shift = self._shift(name, kernel, cut)
        return shift is not None and shift.bias is None

    def _keep_trained(self, name: str, kernel: Kernel) -> bool:
        """Keeps the constants that training moves; what they feed moves with them.

        A channel that is constant at the border alone moves there with its statistics, even from a zero.
        """
        assert self._durability is not None
        constants = [self._constants(kernel, step) for _, step in kernel.uses[name]]
        inputs = self.classes.find(kernel.inputs)
        lasting = self._durability.zeros(name, constants) & ~self._moving[inputs] & ~self._changing[inputs]
        trained = np.any([constant.any(1) for constant in constants], axis=0) & ~lasting
        if not trained.any():
            return False
        outputs = self.classes.find(kernel.outputs[self._reached(kernel, trained)])
        news = not self._moving[outputs].all()
        self._moving[outputs] = True
        return self.classes.fix(kernel.inputs[trained], f"their constants are trained ({name})") or news

    def _constants(self, kernel: Kernel, step: WeightedStep) -> np.ndarray:
        """Which elements (inputs, positions) of an activation are constants that matter."""
        value = step.inputs[0]
        constant = np.moveaxis(~self.changes[value] & self.matters[value], kernel.axis, 0)
        return constant.reshape(len(constant), -1)

    def _reached(self, kernel: Kernel, inputs: np.ndarray) -> np.ndarray:
        """For each output of a kernel whether a weight that is kept may lead to it from some inputs."""
        mask = self._masks.get(kernel.weight)
        if mask is None or mask.shape[:2] != (len(kernel.outputs), len(kernel.inputs)):
            return np.ones(len(kernel.outputs), bool)  # all kept, grouped, or transposed
        return np.asarray(mask[:, inputs].reshape(len(mask), -1).any(1))

    def _is_normalised(self, value: int) -> bool:
        """Whether batch norm alone uses the result of a layer."""
        users = [recorded for recorded in self.recording.calls if value in recorded.inputs]
        if len(users) != 1 or value in self.recording.graph.outputs:
            return False
        (user,) = users
        if "batch_norm" in user.call.name:
            return True
        return is_kernel_layer(self.modules[user.module]) and self._is_normalised(user.outputs[0])


def _is_main(recorded: Recorded) -> bool:
    """Whether an operation is the one that a layer is for, rather than its padding or bias."""
    return any(isinstance(step, WeightedStep) for step in recorded.steps) or (
        "batch_norm" in recorded.call.name or "prelu" in recorded.call.name
    )
