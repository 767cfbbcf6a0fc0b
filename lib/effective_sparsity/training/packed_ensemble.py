"""Many subnetworks of one fully-connected network as one sparse network: arrays in, state dicts out."""

from dataclasses import dataclass

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.training.packed_arrays import Edges, Parameters, Statistics, Structure
from effective_sparsity.training.packed_kernels import STATISTICS_MOMENTUM

State = dict[str, np.ndarray]
Masks = dict[str, np.ndarray]

# What batch norm has by unit.
_NORM = ("weight", "bias", "running_mean", "running_var")


def layer_widths(initial: State) -> list[int]:
    """Inputs and units of each layer of a network of linear layers, each with batch norm after it.

    Args:
        initial: State of layers "fc1", "bn1", "fc2", "bn2", ... with the entries of PyTorch's modules.

    Raises:
        UserError: If the state is not of such a network.
    """
    depth = sum(name.startswith("fc") and name.endswith(".weight") for name in initial)
    widths = []
    expected = {}
    for layer in range(1, depth + 1):
        kernel = initial.get(f"fc{layer}.weight", np.empty(0))
        if kernel.ndim != 2 or (widths and kernel.shape[1] != widths[-1]):
            raise UserError(
                f"fc{layer}.weight: {kernel.shape} is not a linear layer that fits the one before"
            )
        widths += [*([] if widths else [kernel.shape[1]]), kernel.shape[0]]
        units = kernel.shape[:1]
        expected |= {f"fc{layer}.weight": kernel.shape, f"fc{layer}.bias": units}
        expected |= {f"bn{layer}.{entry}": units for entry in _NORM}
        expected[f"bn{layer}.num_batches_tracked"] = ()
    for name in expected.keys() ^ initial.keys():
        raise UserError(
            f"initial state: {name!r} is {'missing' if name in expected else 'unknown'}; packed training is "
            "for linear layers fc1, fc2, ..., each followed by batch norm bn1, bn2, ..."
        )
    for name, shape in expected.items():
        dtype = np.int64 if name.endswith("num_batches_tracked") else np.float32
        if initial[name].shape != shape or initial[name].dtype != dtype:
            found = f"{initial[name].dtype} {initial[name].shape}"
            raise UserError(f"initial state: {name!r} is {found}, not {np.dtype(dtype)} {shape}")
    if not depth:
        raise UserError("initial state: no layer fc1; packed training is for linear layers with batch norm")
    return widths


@dataclass(frozen=True)
class _Layer:
    """Where a layer of a subnetwork lies in the ensemble's arrays.

    units: the layer's units that are stored, as places in the dense layer; first: the first one's place in
    the ensemble. kernel: indices (target, source) of the weights in the dense kernel; weight: their places.
    """

    units: np.ndarray
    first: int
    kernel: tuple[np.ndarray, np.ndarray]
    weight: np.ndarray


class Ensemble:
    """Sparse networks, ready for the kernels.

    A hidden unit is stored if it has a weight, incoming or outgoing; the logits are stored always. A hidden
    unit that is not stored has constant input and no effect, so it needs no training.

    Args:
        initial: State of the dense network from which all subnetworks start; see `layer_widths`.
        subnetworks: Boolean mask of each kernel, of shape (units, inputs), for each subnetwork. Kernels
            without a mask are dense.

    Attributes:
        structure, parameters, momenta, statistics: As the kernels take them.
        most_units: Units of the largest subnetwork.

    Raises:
        UserError: If the state is not of such a network, or a mask is of another shape or type.
    """

    def __init__(self, initial: State, subnetworks: list[Masks]):
        self.initial = initial
        self.widths = layer_widths(initial)
        self.depth = len(self.widths) - 1
        self._weights = self._units = 0
        incoming, outgoing = _EdgeList(), _EdgeList()
        self._networks = [self._pack(_checked(masks, initial), incoming, outgoing) for masks in subnetworks]
        first_unit = [layers[0].first for layers in self._networks] + [self._units]
        self.most_units = int(np.diff(first_unit).max(initial=0))
        self.structure = Structure(
            inputs=self.widths[0],
            classes=self.widths[-1],
            first_unit=np.array(first_unit, np.int64),
            first_layer=np.array([len(layers[0].units) for layers in self._networks], np.int64),
            incoming=incoming.arrays(),
            outgoing=outgoing.arrays(),
        )
        self.parameters = Parameters(
            weight=np.empty(self._weights, np.float32),
            gamma=self._by_unit("bn", "weight"),
            beta=self._by_unit("bn", "bias"),
        )
        self.momenta = Parameters(*(np.zeros_like(array) for array in self.parameters))
        self.statistics = Statistics(
            mean=self._by_unit("bn", "running_mean") - self._by_unit("fc", "bias"),
            variance=self._by_unit("bn", "running_var"),
        )
        for number, layer in self._all_layers():
            self.parameters.weight[layer.weight] = initial[f"fc{number}.weight"][layer.kernel]

    def _pack(self, masks, incoming, outgoing) -> list[_Layer]:
        """Give a subnetwork its places in the arrays."""
        has_output = [mask.any(0) for mask in masks[1:]]
        has_input = [mask.any(1) for mask in masks[:-1]]
        hidden = [np.flatnonzero(i | o) for i, o in zip(has_input, has_output, strict=True)]
        stored = [np.arange(self.widths[0]), *hidden, np.arange(self.widths[-1])]
        first_in_network = np.cumsum([0, *(len(units) for units in stored[1:])])
        layers = []
        for i, mask in enumerate(masks):
            sources, units = stored[i], stored[i + 1]
            target, source = np.nonzero(mask[np.ix_(units, sources)])
            by_source = np.lexsort((target, source))
            # The order of weights in memory is that of their updates: those from the inputs go with the unit
            # that they lead to, the others with the unit that they come from.
            place = np.arange(self._weights, self._weights + len(target))
            if i > 0:
                place[by_source] = place.copy()
                outgoing.add(
                    len(sources), source[by_source], first_in_network[i] + target[by_source], place[by_source]
                )
            # Rows of the scratch memory: the inputs, then the network's units.
            row = source if i == 0 else self.widths[0] + first_in_network[i - 1] + source
            incoming.add(len(units), target, row, place)
            layers.append(_Layer(units, self._units, (units[target], sources[source]), place))
            self._weights += len(target)
            self._units += len(units)
        nothing = np.empty(0, np.int64)
        outgoing.add(self.widths[-1], nothing, nothing, nothing)
        return layers

    def _all_layers(self):
        """Number (from 1) and places of each layer of each network, in the order of the units."""
        for layers in self._networks:
            yield from enumerate(layers, 1)

    def _by_unit(self, kind: str, entry: str) -> np.ndarray:
        """An entry of all "fc" or "bn" modules of the initial state by unit."""
        layers = self._all_layers()
        return np.concatenate(
            [self.initial[f"{kind}{number}.{entry}"][layer.units] for number, layer in layers]
        )

    def state(self, network: int, steps: int) -> State:
        """State dict of a subnetwork that was trained for so many steps, pruned weights 0."""
        state = {name: array.copy() for name, array in self.initial.items()}
        for number, layer in enumerate(self._networks[network], 1):
            here = slice(layer.first, layer.first + len(layer.units))
            bias = state[f"fc{number}.bias"]
            norm = {entry: state[f"bn{number}.{entry}"] for entry in _NORM}
            # A unit that is not stored has z = bias in every batch, so its statistics decay towards that.
            decay = (1 - STATISTICS_MOMENTUM) ** steps
            norm["running_mean"][:] = bias + decay * (norm["running_mean"] - bias)
            norm["running_var"] *= decay
            norm["weight"][layer.units] = self.parameters.gamma[here]
            norm["bias"][layer.units] = self.parameters.beta[here]
            norm["running_mean"][layer.units] = self.statistics.mean[here] + bias[layer.units]
            norm["running_var"][layer.units] = self.statistics.variance[here]
            state[f"bn{number}.num_batches_tracked"] += steps
            kernel = state[f"fc{number}.weight"]
            kernel[:] = 0
            kernel[layer.kernel] = self.parameters.weight[layer.weight]
        return state


class _EdgeList:
    """`Edges`, collected unit by unit."""

    def __init__(self):
        self.counts, self.units, self.weights = [], [], []

    def add(self, n_units, unit, other_end, weight):
        """Edges of the next `n_units` units, in the order of the unit that they belong to."""
        self.counts.append(np.bincount(unit, minlength=n_units))
        self.units.append(other_end)
        self.weights.append(weight)

    def arrays(self) -> Edges:
        start = np.concatenate([[0], np.cumsum(np.concatenate(self.counts))]).astype(np.uint64)
        unit, weight = (np.concatenate(parts).astype(np.uint32) for parts in (self.units, self.weights))
        return Edges(start, unit, weight)


def _checked(masks: Masks, initial: State) -> list[np.ndarray]:
    kernels = [name for name in initial if name.startswith("fc") and name.endswith(".weight")]
    for name in masks.keys() - set(kernels):
        raise UserError(f"masks: {name!r} is not a kernel of the network; it has {', '.join(kernels)}")
    checked = []
    for layer in range(1, len(kernels) + 1):
        name = f"fc{layer}.weight"
        mask = masks.get(name, np.ones(initial[name].shape, bool))
        if mask.dtype != bool or mask.shape != initial[name].shape:
            raise UserError(f"masks: {name!r} is {mask.dtype} {mask.shape}, not bool {initial[name].shape}")
        checked.append(mask)
    return checked
