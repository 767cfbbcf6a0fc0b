"""Many subnetworks of one network as one sparse network: arrays in, state dicts out."""

from dataclasses import dataclass

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.training.layers import (
    NORM_ENTRIES,
    Convolution,
    Layer,
    State,
    activation_shapes,
)
from effective_sparsity.training.packed_arrays import Channels, Edges, Parameters, Statistics, Structure
from effective_sparsity.training.packed_updates import STATISTICS_MOMENTUM

Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Place:
    """Where a layer of a subnetwork lies in the ensemble's arrays.

    units: the layer's units (channels of a convolution) that are stored, as places in the dense layer;
    first: the first one's place in the ensemble. kernel: indices of the weights in the dense kernel, target
    first; weight: their places.
    """

    units: np.ndarray
    first: int
    kernel: tuple[np.ndarray, ...]
    weight: np.ndarray

    @property
    def here(self) -> slice:
        """The units in the ensemble."""
        return slice(self.first, self.first + len(self.units))


class Ensemble:
    """Sparse networks, ready for the kernels.

    A hidden unit (or channel) is stored if it has a weight, incoming or outgoing; the logits are stored
    always. A hidden unit that is not stored has constant input and no effect, so it needs no training.

    Args:
        initial: State of the dense network from which all subnetworks start.
        subnetworks: Boolean mask of each kernel, of the kernel's shape, for each subnetwork. Kernels without
            a mask are dense.
        layers: The network's layers; see `layers.activation_shapes`.
        images: (channels, height, width) of its images.

    Attributes:
        layers, shapes: The layers, and the shapes of the images and of each layer's outputs.
        structure, parameters, momenta, statistics: As the kernels take them.
        channels: For each convolution, which channels and weights the networks have.
        most_units: Linear units of the largest subnetwork.

    Raises:
        UserError: If the state is not of such a network, or a mask is of another shape or type.
    """

    def __init__(
        self,
        initial: State,
        subnetworks: list[Masks],
        layers: tuple[Layer, ...],
        images: tuple[int, int, int],
    ):
        self.initial, self.layers = initial, layers
        self.shapes = activation_shapes(layers, initial, images)
        self._n_convolutions = sum(isinstance(layer, Convolution) for layer in layers)
        masks = [_checked(masks, initial, layers) for masks in subnetworks]
        stored = [self._stored_units(network) for network in masks]
        self._places: list[dict[Layer, _Place]] = [{} for _ in masks]
        self._weights = self._units = 0
        # The channels come after all units of linear layers, so that these are one range for a network.
        self.structure = self._pack_linear(masks, stored)
        self.channels = [self._pack_convolution(i, masks, stored) for i in range(self._n_convolutions)]
        self.most_units = int(np.diff(self.structure.first_unit).max(initial=0))
        self.parameters = Parameters(
            weight=np.empty(self._weights, np.float32),
            gamma=self._by_unit(lambda layer: initial[f"{layer.norm}.weight"]),
            beta=self._by_unit(lambda layer: initial[f"{layer.norm}.bias"]),
        )
        self.momenta = Parameters(*(np.zeros_like(array) for array in self.parameters))
        self.statistics = Statistics(
            mean=self._by_unit(
                lambda layer: initial[f"{layer.norm}.running_mean"] - initial[f"{layer.name}.bias"]
            ),
            variance=self._by_unit(lambda layer: initial[f"{layer.norm}.running_var"]),
        )
        for layer, place in self._all_places():
            self.parameters.weight[place.weight] = initial[f"{layer.name}.weight"][place.kernel]

    def _stored_units(self, masks) -> list[np.ndarray]:
        """The units of each layer that are stored, as places in the dense layer."""
        has_input = [mask.reshape(len(mask), -1).any(1) for mask in masks]
        # Kernels by target, unit of the layer before, and the rest: positions in the kernel or in the image.
        by_source = [
            mask.reshape(len(mask), shape.channels, -1)
            for mask, shape in zip(masks[1:], self.shapes[1:-1], strict=True)
        ]
        has_output = [*(mask.any((0, 2)) for mask in by_source), np.ones(len(masks[-1]), bool)]
        return [np.flatnonzero(i | o) for i, o in zip(has_input, has_output, strict=True)]

    def _pack_linear(self, masks, stored) -> Structure:
        """Give the linear layers of the subnetworks their places in the arrays."""
        incoming, outgoing, from_features = _EdgeList(), _EdgeList(), _EdgeList()
        first_layer = self._n_convolutions
        inputs = self.shapes[first_layer].size
        first_unit = [0]
        for network, units_of in enumerate(stored):
            first_in_network = 0  # of the layer's units
            for i in range(first_layer, len(self.layers)):
                is_first = i == first_layer
                sources, units = np.arange(inputs) if is_first else units_of[i - 1], units_of[i]
                target, source = np.nonzero(masks[network][i][np.ix_(units, sources)])
                by_source = np.lexsort((target, source))
                # The order of weights in memory is that of their updates: those from pixels go with the unit
                # that they lead to, the others with the unit that they come from.
                place = np.arange(self._weights, self._weights + len(target))
                if not is_first or self._n_convolutions:
                    place[by_source] = place.copy()
                    edges = from_features if is_first else outgoing
                    ends = first_in_network + target[by_source]
                    edges.add(len(sources), source[by_source], ends, place[by_source])
                # Rows of the scratch memory: the inputs, then the network's units.
                row = source if is_first else inputs + first_in_network - len(sources) + source
                incoming.add(len(units), target, row, place)
                self._place(network, i, units, (units[target], sources[source]), place)
                first_in_network += len(units)
            nothing = np.empty(0, np.int64)
            outgoing.add(len(units_of[-1]), nothing, nothing, nothing)
            first_unit.append(self._units)
        fed_by_pixels = [0 if self._n_convolutions else len(units_of[0]) for units_of in stored]
        return Structure(
            inputs=inputs,
            features=inputs if self._n_convolutions else 0,
            classes=self.shapes[-1].size,
            first_unit=np.array(first_unit, np.int64),
            first_layer=np.array(fed_by_pixels, np.int64),
            incoming=incoming.arrays(),
            outgoing=outgoing.arrays(),
            from_features=from_features.arrays(),
        )

    def _pack_convolution(self, i, masks, stored) -> Channels:
        """Give a convolution of all subnetworks its places in the arrays."""
        incoming, first_unit = _EdgeList(), self._units
        _, height, width = self.shapes[i]
        for network, units_of in enumerate(stored):
            units = units_of[i]
            target, *at = np.nonzero(masks[network][i][units])
            source, down, right = at
            place = np.arange(self._weights, self._weights + len(target))
            incoming.add(len(units), target, (source * height + down) * width + right, place)
            self._place(network, i, units, (units[target], *at), place)
        counts = [len(units_of[i]) for units_of in stored]
        return Channels(
            first=np.cumsum([0, *counts]),
            channel=np.concatenate([units_of[i] for units_of in stored]),
            unit=np.arange(first_unit, self._units),
            incoming=incoming.arrays(),
        )

    def _place(self, network, i, units, kernel, weight) -> None:
        self._places[network][self.layers[i]] = _Place(units, self._units, kernel, weight)
        self._weights += len(weight)
        self._units += len(units)

    def _all_places(self):
        """Each layer and its place, network by network."""
        for places in self._places:
            yield from places.items()

    def _by_unit(self, values) -> np.ndarray:
        """By unit, what a function of a layer gives for all units of the dense layer."""
        array = np.empty(self._units, np.float32)
        for layer, place in self._all_places():
            array[place.here] = values(layer)[place.units]
        return array

    def state(self, network: int, steps: int) -> State:
        """State dict of a subnetwork that was trained for so many steps, pruned weights 0."""
        state = {name: array.copy() for name, array in self.initial.items()}
        for layer, place in self._places[network].items():
            bias = state[f"{layer.name}.bias"]
            norm = {entry: state[f"{layer.norm}.{entry}"] for entry in NORM_ENTRIES}
            # A unit that is not stored has z = bias in every batch, so its statistics decay towards that.
            decay = (1 - STATISTICS_MOMENTUM) ** steps
            norm["running_mean"][:] = bias + decay * (norm["running_mean"] - bias)
            norm["running_var"] *= decay
            norm["weight"][place.units] = self.parameters.gamma[place.here]
            norm["bias"][place.units] = self.parameters.beta[place.here]
            norm["running_mean"][place.units] = self.statistics.mean[place.here] + bias[place.units]
            norm["running_var"][place.units] = self.statistics.variance[place.here]
            state[f"{layer.norm}.num_batches_tracked"] += steps
            kernel = state[f"{layer.name}.weight"]
            kernel[:] = 0
            kernel[place.kernel] = self.parameters.weight[place.weight]
        return state


class _EdgeList:
    """`Edges`, collected unit by unit."""

    def __init__(self):
        nothing = np.empty(0, np.int64)
        self.counts, self.units, self.weights = [nothing], [nothing], [nothing]

    def add(self, n_units, unit, other_end, weight):
        """Edges of the next `n_units` units, in the order of the unit that they belong to."""
        self.counts.append(np.bincount(unit, minlength=n_units))
        self.units.append(other_end)
        self.weights.append(weight)

    def arrays(self) -> Edges:
        start = np.concatenate([[0], np.cumsum(np.concatenate(self.counts))]).astype(np.uint64)
        unit, weight = (np.concatenate(parts).astype(np.uint32) for parts in (self.units, self.weights))
        return Edges(start, unit, weight)


def _checked(masks: Masks, initial: State, layers: tuple[Layer, ...]) -> list[np.ndarray]:
    kernels = [f"{layer.name}.weight" for layer in layers]
    for name in masks.keys() - set(kernels):
        raise UserError(f"masks: {name!r} is not a kernel of the network; it has {', '.join(kernels)}")
    checked = []
    for name in kernels:
        mask = masks.get(name, np.ones(initial[name].shape, bool))
        if mask.dtype != bool or mask.shape != initial[name].shape:
            raise UserError(f"masks: {name!r} is {mask.dtype} {mask.shape}, not bool {initial[name].shape}")
        checked.append(mask)
    return checked
