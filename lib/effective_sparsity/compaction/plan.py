"""Which units a compacted network keeps, which constants go into biases, and why dead units stay."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor, nn

from effective_sparsity.compaction.constants import Durability, Shift, common, shift
from effective_sparsity.compaction.dependence import Dependence
from effective_sparsity.compaction.layers import BIAS_MAPS, UNITWISE, computes_as, is_kernel_layer
from effective_sparsity.compaction.recording import Recorded, Recording
from effective_sparsity.compaction.units import Kernel, Propagation
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
        constant_layers: name of each layer that becomes a constant -> the number of its result.
        idle_layers: names of the layers whose results nothing needs.
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
        self.dependence = Dependence(recording.graph, masks)
        self.propagation = Propagation(recording, model)
        self.classes = self.propagation.classes
        candidates = self._constant_layers() if replace and constants != "train" else {}
        matters = self.dependence.backward(frozenset(candidates.values()))
        self.dependence.matters = matters
        self.discarded = self._discarded(candidates)
        self.constant_layers = {
            name: value for name, value in candidates.items() if value not in self.discarded
        }
        self.idle_layers = self._idle_layers()
        self.shifts: dict[str, Tensor] = {}
        self._durability = Durability(model, recording) if constants == "train" else None
        self._moving = np.zeros(len(self.classes), bool)  # classes with constants that training moves
        self._live = self._classes_with(self.dependence.live)
        self._changing = self._classes_with(self.dependence.changes.__getitem__)
        self.settle()

    def keeps(self, ids: np.ndarray) -> np.ndarray:
        """For each unit whether it is kept."""
        roots = self.classes.find(ids)
        return self._live[roots] | self.classes.fixed()[roots]

    def reasons(self, ids: np.ndarray) -> dict[str, int]:
        """Why dead units are kept -> how many of these units for that reason."""
        dead = ids[~self._live[self.classes.find(ids)]]
        return dict(Counter(reason for unit in dead if (reason := self.classes.reason(unit)) is not None))

    def fix(self, recorded: Recorded, reason: str) -> bool:
        """Keeps all units that an operation meets; whether that changes the plan."""
        if not self.propagation.fix([*recorded.inputs, *recorded.outputs], reason):
            return False
        self.settle()
        return True

    def runs(self, name: str) -> bool:
        """Whether a layer is still there."""
        return name not in self.constant_layers and name not in self.idle_layers

    @property
    def kernel_layers(self) -> dict[str, Kernel]:
        """Name of each layer that is narrowed -> its kernel."""
        kernels = self.propagation.kernels.values()
        return {recorded.module: kernel for kernel in kernels for recorded, _ in kernel.uses}

    def settle(self) -> None:
        """Keeps more units until every part of the network agrees."""
        while any([self._balance_groups(), self._leave_no_value_empty(), self._fold_constants()]):
            pass

    def _classes_with(self, elements: Callable[[int], np.ndarray]) -> np.ndarray:
        """The classes of the units that have any such element, of which a function gives those of a value."""
        found = np.zeros(len(self.classes), bool)
        for value, units in enumerate(self.propagation.units):
            if units is not None:
                chosen = elements(value)
                positions = tuple(d for d in range(chosen.ndim) if d != units.dim)
                found[self.classes.find(units.ids[chosen.any(positions)])] = True
        return found

    def _balance_groups(self) -> bool:
        """Groups of a convolution keep equally many units, or none."""
        news = False
        for name, kernel in self.propagation.kernels.items():
            if kernel.groups == 1:
                continue
            sides = [ids.reshape(kernel.groups, -1) for ids in (kernel.inputs, kernel.outputs)]
            kept = [self.keeps(side.reshape(-1)).reshape(side.shape) for side in sides]
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
            if units is not None and value not in self.discarded and not self.keeps(units.ids).any():
                news |= self.classes.fix(units.ids[:1], "a dimension cannot be empty")
        return news

    def _fold_constants(self) -> bool:
        """Finds what the units that are left out add to the layers that they feed."""
        self.shifts = {}
        news = False
        for weight, kernel in self.propagation.kernels.items():
            by_layer = defaultdict(list)
            for recorded, step in kernel.uses:
                by_layer[recorded.module].append((recorded, step))
            for name, uses in by_layer.items():
                if self.runs(name):
                    news |= self._fold_into(name, weight, kernel, uses)
        return news

    def _fold_into(
        self, name: str, weight: str, kernel: Kernel, uses: list[tuple[Recorded, WeightedStep]]
    ) -> bool:
        """Whether a constant cannot be folded into this layer, so that more units are kept."""
        if self._durability is not None and self._keep_trained(name, weight, kernel, uses):
            return True
        cut = ~self.keeps(kernel.inputs)
        if not cut.any():
            return False
        shifts = [self._shift(recorded, step, cut) for recorded, step in uses]
        if not any(shifts):
            return False
        if self._durability is not None and not all(self._is_normalised(step.output) for _, step in uses):
            return self.classes.fix(kernel.inputs[cut], f"training takes their constants away ({name})")
        bias = common(shifts)
        if bias is not None:
            self.shifts[name] = bias
            return False
        takes_map = {*BIAS_MAPS, *BIAS_MAPS.values()}
        single = shifts[0] if len(uses) == 1 else None
        if self.constants == "fold" and single is not None and type(self.modules[name]) in takes_map:
            self.shifts[name] = single.values
            return False
        uneven = self._uneven(cut, uses)
        return self.classes.fix(kernel.inputs[uneven], f"their constants differ between positions of {name}")

    def _keep_trained(
        self, name: str, weight: str, kernel: Kernel, uses: list[tuple[Recorded, WeightedStep]]
    ) -> bool:
        """Keeps the constants that training moves; what they feed moves with them.

        A channel that is constant at the border alone moves there with its statistics, even from a zero.
        """
        assert self._durability is not None
        constants = [self._constants(recorded, step) for recorded, step in uses]
        inputs = self.classes.find(kernel.inputs)
        lasting = self._durability.zeros(name, constants) & ~self._moving[inputs] & ~self._changing[inputs]
        fed = np.any([constant.reshape(len(constant), -1).any(1) for constant in constants], axis=0)
        trained = fed & ~lasting
        if not trained.any():
            return False
        outputs = self.classes.find(kernel.outputs[self._reached(weight, kernel, trained)])
        news = not self._moving[outputs].all()
        self._moving[outputs] = True
        return self.classes.fix(kernel.inputs[trained], f"their constants are trained ({name})") or news

    def _reached(self, weight: str, kernel: Kernel, inputs: np.ndarray) -> np.ndarray:
        """For each output of a kernel whether a weight that is kept may lead to it from some inputs."""
        mask = self._masks.get(weight)
        if mask is None or mask.shape[:2] != (len(kernel.outputs), len(kernel.inputs)):
            return np.ones(len(kernel.outputs), bool)  # all kept, grouped, or transposed
        return np.asarray(mask[:, inputs].reshape(len(mask), -1).any(1))

    def _constants(self, recorded: Recorded, step: WeightedStep) -> np.ndarray:
        """Which elements (inputs, *positions) of an activation are constants that matter."""
        value = step.inputs[0]
        constant = ~self.dependence.changes[value] & self.dependence.matters[value]
        return constant[0] if "weight" in recorded.call else constant.T

    def _is_normalised(self, value: int) -> bool:
        """Whether batch norm alone uses the result of a layer."""
        users = [recorded for recorded in self.recording.calls if value in recorded.inputs]
        if len(users) != 1 or value in self.recording.graph.outputs:
            return False
        (user,) = users
        if "batch_norm" in user.call.name:
            return True
        return is_kernel_layer(self.modules[user.module]) and self._is_normalised(user.outputs[0])

    def _shift(self, recorded: Recorded, step: WeightedStep, cut: np.ndarray) -> Shift | None:
        changes = self.dependence.changes[step.inputs[0]]
        axis = 1 if "weight" in recorded.call else changes.ndim - 1
        units = cut.reshape(-1, *(1,) * (changes.ndim - axis - 1))
        return shift(recorded, ~changes & units, self.dependence.matters[step.output])

    def _uneven(self, cut: np.ndarray, uses: list[tuple[Recorded, WeightedStep]]) -> np.ndarray:
        """Of the units that are cut those whose own constant has no single bias; all, if none has."""
        uneven = np.zeros_like(cut)
        for unit in np.flatnonzero(cut):
            alone = np.zeros_like(cut)
            alone[unit] = True
            shifts = [self._shift(recorded, step, alone) for recorded, step in uses]
            uneven[unit] = any(shifts) and common(shifts) is None
        return uneven if uneven.any() else cut

    def _constant_layers(self) -> dict[str, int]:
        """Layers that run once and whose result does not depend on the input, and the number of it."""
        runs: dict[str, list[Recorded]] = defaultdict(list)
        for recorded in self.recording.calls:
            if recorded.steps:
                runs[recorded.module].append(recorded)
        found = {}
        for name, calls in runs.items():
            layer, result = self.modules[name], calls[-1].outputs[0]
            once = sum(_is_main(recorded) for recorded in calls) == 1
            known = is_kernel_layer(layer) or computes_as(layer, *UNITWISE)
            any_size = self.constants == "fold" or len(self.recording.graph.shapes[result]) == 2
            if known and once and any_size and not self.dependence.changes[result].any():
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
        return set(range(len(self.recording.graph.shapes))) - needed

    def _idle_layers(self) -> set[str]:
        results: dict[str, set[int]] = defaultdict(set)
        for recorded in self.recording.calls:
            if recorded.steps:
                results[recorded.module].update(recorded.outputs)
        return {
            name
            for name, values in results.items()
            if values <= self.discarded
            and (is_kernel_layer(self.modules[name]) or computes_as(self.modules[name], *UNITWISE))
        }


def _is_main(recorded: Recorded) -> bool:
    """Whether an operation is the one that a layer is for, rather than its padding or bias."""
    return any(isinstance(step, WeightedStep) for step in recorded.steps) or (
        "batch_norm" in recorded.call.name or "prelu" in recorded.call.name
    )
