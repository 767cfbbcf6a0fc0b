"""Many subnetworks of one network as one sparse network: arrays in, state dicts out.

The units of all subnetworks lie behind each other in the ensemble's arrays, and so do their weights. Linear
layers come network by network, so that those of a network are one range; convolutions follow layer by layer:

    fc1, fc2, ... of network 0 | fc1, fc2, ... of network 1 | ... | conv1 of all networks | conv2 of all | ...

The weights of a layer lie in the order in which a step updates them. Those from pixels, and those of
convolutions, are updated with the unit that they lead to; the others with the unit (or feature) that they
come from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from effective_sparsity.errors import UserError
from effective_sparsity.networks.layers import (
    NORM_ENTRIES,
    Convolution,
    Layer,
    Shape,
    activation_shapes,
    check_state,
)
from effective_sparsity.networks.types import Masks, State
from effective_sparsity.training.packed.arrays import Channels, Edges, Parameters, Statistics, Structure

# How much of the running statistics a batch replaces: the default of PyTorch.
STATISTICS_MOMENTUM = 0.1

# Edges of some units: how many units; which of them each edge belongs to, rising; the other ends; the places
# of the weights.
_Part = tuple[int, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Place:
    """Where a layer of a subnetwork lies in the ensemble.

    Attributes:
        units: the units (or channels) that are stored, as places in the dense layer.
        first: the place of the first one in the ensemble; the others follow.
        kernel: indices of the layer's weights in the dense kernel, ordered by target.
        target: of each weight, counted among `units`.
        source: of each weight: a stored unit of the layer before, or a pixel or feature; of a convolution the
            position in the image that it reads for the output at the image's origin.
        weight: of each weight, its place in the ensemble.
    """

    units: np.ndarray
    first: int
    kernel: tuple[np.ndarray, ...]
    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray

    @property
    def here(self) -> slice:
        """The units in the ensemble."""
        return slice(self.first, self.first + len(self.units))

    @property
    def by_source(self) -> np.ndarray:
        """The order of the weights by source."""
        return np.lexsort((self.target, self.source))


class Ensemble:
    """Sparse networks, ready for the kernels.

    A hidden unit (or channel) is stored if it has a weight, incoming or outgoing; the logits are stored
    always. A hidden unit that is not stored has constant input and no effect, so it needs no training.

    Args:
        initial: State of the dense network from which all subnetworks start.
        subnetworks: Masks of each. Kernels without a mask are dense.
        layers: The network's layers.
        images: (channels, height, width) of its images.
        classes: Number of its logits.
        epsilon: Added to variances by batch norm.

    Attributes:
        layers, shapes: The layers, and the shapes of the images and of each layer's outputs.
        structure, parameters, momenta, statistics: As the kernels take them.
        channels: For each convolution, which channels and weights the networks have.
        most_units: Linear units of the largest subnetwork.

    Raises:
        UserError: The state is not of such a network, or a mask is of another shape or type.
    """

    def __init__(
        self,
        initial: State,
        subnetworks: list[Masks],
        layers: tuple[Layer, ...],
        images: tuple[int, int, int],
        classes: int,
        epsilon: float,
    ):
        self.initial, self.layers = initial, layers
        self.shapes = activation_shapes(layers, images, classes)
        check_state(initial, layers, self.shapes)
        masks = [_checked(masks, initial, layers) for masks in subnetworks]
        self._places = _lay_out(masks, layers, self.shapes)
        first_linear = sum(isinstance(layer, Convolution) for layer in layers)
        self.structure = _structure(
            self._places[first_linear:], self.shapes[first_linear].size, first_linear > 0, classes
        )
        self.channels = [_channels(places) for places in self._places[:first_linear]]
        self.most_units = int(np.diff(self.structure.first_unit).max(initial=0))
        everywhere = [(layer, p) for layer, of in zip(layers, self._places, strict=True) for p in of]
        n_units, n_weights = (
            sum(len(p.units) for _, p in everywhere),
            sum(len(p.weight) for _, p in everywhere),
        )
        self.parameters = Parameters(*(np.empty(n, np.float32) for n in (n_weights, n_units, n_units)))
        self.momenta = Parameters(*map(np.zeros_like, self.parameters))
        self.statistics = Statistics(
            mean=np.empty(n_units, np.float32),
            variance=np.empty(n_units, np.float32),
            epsilon=np.float32(epsilon),
            momentum=np.float32(STATISTICS_MOMENTUM),
        )
        for layer, place in everywhere:
            here, units = place.here, place.units
            gamma, beta, mean, variance = (initial[f"{layer.norm}.{entry}"][units] for entry in NORM_ENTRIES)
            self.parameters.gamma[here], self.parameters.beta[here] = gamma, beta
            self.statistics.mean[here] = mean - initial[f"{layer.name}.bias"][units]
            self.statistics.variance[here] = variance
            self.parameters.weight[place.weight] = initial[f"{layer.name}.weight"][place.kernel]

    def state(self, network: int, steps: int) -> State:
        """State dict of a subnetwork that was trained for so many steps, pruned weights 0."""
        state = {name: array.copy() for name, array in self.initial.items()}
        for layer, places in zip(self.layers, self._places, strict=True):
            here, units = places[network].here, places[network].units
            bias = state[f"{layer.name}.bias"]
            gamma, beta, mean, variance = (state[f"{layer.norm}.{entry}"] for entry in NORM_ENTRIES)
            # A unit that is not stored has z = bias in every batch, so its statistics decay towards that.
            decay = (1 - self.statistics.momentum) ** steps
            mean[:] = bias + decay * (mean - bias)
            variance *= decay
            gamma[units], beta[units] = self.parameters.gamma[here], self.parameters.beta[here]
            mean[units] = self.statistics.mean[here] + bias[units]
            variance[units] = self.statistics.variance[here]
            state[f"{layer.norm}.num_batches_tracked"] += steps
            kernel = state[f"{layer.name}.weight"]
            kernel[:] = 0
            kernel[places[network].kernel] = self.parameters.weight[places[network].weight]
        return state


def _lay_out(
    masks: list[list[np.ndarray]], layers: tuple[Layer, ...], shapes: list[Shape]
) -> list[list[_Place]]:
    """The places of each layer of each network."""
    stored = [_stored_units(network, shapes) for network in masks]
    networks = range(len(masks))
    first_linear = sum(isinstance(layer, Convolution) for layer in layers)
    order = [(i, network) for network in networks for i in range(first_linear, len(layers))]
    order += [(i, network) for i in range(first_linear) for network in networks]
    places: dict[tuple[int, int], _Place] = {}
    first_unit = first_weight = 0
    for i, network in order:
        mask, units = masks[network][i], stored[network][i]
        if i < first_linear:
            place = _convolution(mask, units, shapes[i], first_unit, first_weight)
        else:
            sources = stored[network][i - 1] if i > first_linear else np.arange(shapes[i].size)
            place = _linear(mask, sources, units, first_unit, first_weight)
            if i > 0:  # not from pixels
                place.weight[place.by_source] = place.weight.copy()
        places[i, network] = place
        first_unit += len(units)
        first_weight += len(place.weight)
    return [[places[i, network] for network in networks] for i in range(len(layers))]


def _stored_units(masks: list[np.ndarray], shapes: list[Shape]) -> list[np.ndarray]:
    """The units of each layer that have a weight, and the logits, as places in the dense layer."""
    has_input = [mask.reshape(len(mask), -1).any(1) for mask in masks]
    # Kernels by target, unit of the layer before, and the rest: positions in the kernel or in the image.
    by_source = [
        mask.reshape(len(mask), shape.channels, -1)
        for mask, shape in zip(masks[1:], shapes[1:-1], strict=True)
    ]
    has_output = [*(mask.any((0, 2)) for mask in by_source), np.ones(len(masks[-1]), bool)]
    return [np.flatnonzero(i | o) for i, o in zip(has_input, has_output, strict=True)]


def _linear(
    mask: np.ndarray, sources: np.ndarray, units: np.ndarray, first_unit: int, first_weight: int
) -> _Place:
    target, source = np.nonzero(mask[np.ix_(units, sources)])
    weight = first_weight + np.arange(len(target))
    return _Place(units, first_unit, (units[target], sources[source]), target, source, weight)


def _convolution(
    mask: np.ndarray, units: np.ndarray, images: Shape, first_unit: int, first_weight: int
) -> _Place:
    target, channel, down, right = np.nonzero(mask[units])
    source = (channel * images.height + down) * images.width + right
    weight = first_weight + np.arange(len(target))
    return _Place(units, first_unit, (units[target], channel, down, right), target, source, weight)


def _structure(places: list[list[_Place]], inputs: int, has_features: bool, classes: int) -> Structure:
    """The linear layers as the kernels take them.

    Args:
        places: by layer and network.
        inputs: pixels, or features if `has_features`: what convolutions made of the images.
    """
    first_layer, networks = places[0], list(zip(*places, strict=True))
    return Structure(
        inputs=inputs,
        features=inputs if has_features else 0,
        classes=classes,
        first_unit=np.cumsum([0, *(sum(len(place.units) for place in network) for network in networks)]),
        first_layer=np.array([0 if has_features else len(place.units) for place in first_layer], np.int64),
        incoming=_edges(part for network in networks for part in _incoming(network, inputs)),
        outgoing=_edges(part for network in networks for part in _outgoing(network)),
        from_features=_edges(_from(place, inputs, first=0) for place in first_layer if has_features),
    )


def _incoming(network: tuple[_Place, ...], inputs: int) -> Iterator[_Part]:
    """Edges by target. The other end is a row of the scratch memory: the inputs, then the units."""
    first_row = 0
    for place in network:
        yield len(place.units), place.target, first_row + place.source, place.weight
        first_row = inputs + place.first - network[0].first


def _outgoing(network: tuple[_Place, ...]) -> Iterator[_Part]:
    """Edges by source. The other end is a unit, counted within its network."""
    for place, following in pairwise(network):
        yield _from(following, len(place.units), following.first - network[0].first)
    nothing = np.empty(0, np.int64)
    yield len(network[-1].units), nothing, nothing, nothing


def _from(place: _Place, n_sources: int, first: int) -> _Part:
    order = place.by_source
    return n_sources, place.source[order], first + place.target[order], place.weight[order]


def _channels(places: list[_Place]) -> Channels:
    """A convolution of all networks as the kernels take it."""
    counts = [len(place.units) for place in places]
    return Channels(
        first=np.cumsum([0, *counts]),
        channel=np.concatenate([place.units for place in places]),
        unit=places[0].first + np.arange(sum(counts)),
        incoming=_edges((len(p.units), p.target, p.source, p.weight) for p in places),
    )


def _edges(parts: Iterable[_Part]) -> Edges:
    """The edges of all parts."""
    counts, other_ends, weights = [np.zeros(1, np.int64)], [np.empty(0)], [np.empty(0)]
    for n_units, unit, other_end, weight in parts:
        counts.append(np.bincount(unit, minlength=n_units))
        other_ends.append(other_end)
        weights.append(weight)
    return Edges(
        start=np.cumsum(np.concatenate(counts)).astype(np.uint64),
        unit=np.concatenate(other_ends).astype(np.uint32),
        weight=np.concatenate(weights).astype(np.uint32),
    )


def _checked(masks: Masks, initial: State, layers: tuple[Layer, ...]) -> list[np.ndarray]:
    """The mask of each layer."""
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
