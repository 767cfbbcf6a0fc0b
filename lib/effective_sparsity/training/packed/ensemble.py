"""Many subnetworks of one network as one sparse network: arrays in, state dicts out.

The units of all subnetworks lie behind each other in the ensemble's arrays, and so do their weights. Linear
layers come network by network, so that those of a network are one range; convolutions follow layer by layer:

    fc1, fc2, ... of network 0 | fc1, fc2, ... of network 1 | ... | conv1 of all networks | conv2 of all | ...

The weights of a layer lie in the order in which a step updates them. Those from pixels, and those of
convolutions, are updated with the unit that they lead to; the others with the unit (or feature) that they
come from.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from effective_sparsity.networks.layers import (
    NORM_ENTRIES,
    Convolution,
    Layer,
    Shape,
    activation_shapes,
    check_state,
)
from effective_sparsity.networks.types import Masks, State, check_masks
from effective_sparsity.training.packed.arrays import Channels, Edges, Parameters, Statistics, Structure

# How much of the running statistics a batch replaces: the default of PyTorch.
STATISTICS_MOMENTUM = 0.1


@dataclass(frozen=True)
class _Place:
    """Where a layer of a subnetwork lies in the ensemble.

    Attributes:
        units: the units (or channels) that are stored, as places in the dense layer.
        first: the place of the first one in the ensemble; the others follow.
        kernel: indices of the layer's weights in the dense kernel, ordered by target.
        target: of each weight, counted among `units`.
        source: of each weight, where it reads: a row of the scratch memory; of a convolution the position in
            the image for the output at the image's origin.
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
        masks = [_by_layer(masks, initial, layers) for masks in subnetworks]
        first_linear = sum(isinstance(layer, Convolution) for layer in layers)
        self._places = _lay_out(masks, self.shapes, first_linear)
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


def _lay_out(masks: list[list[np.ndarray]], shapes: list[Shape], first_linear: int) -> list[list[_Place]]:
    """The places of each layer of each network."""
    stored = [_stored_units(network, shapes) for network in masks]
    networks, n_layers = range(len(masks)), len(shapes) - 1
    order = [(i, network) for network in networks for i in range(first_linear, n_layers)]
    order += [(i, network) for i in range(first_linear) for network in networks]
    places: dict[tuple[int, int], _Place] = {}
    first_unit = first_weight = 0
    for i, network in order:
        units, kernel = stored[network][i], np.nonzero(masks[network][i])
        if i < first_linear:
            source = np.ravel_multi_index(kernel[1:], shapes[i])
        elif i == first_linear:
            source = kernel[1]
        else:
            before = places[i - 1, network]
            first_row = shapes[first_linear].size + before.first - places[first_linear, network].first
            source = first_row + np.searchsorted(before.units, kernel[1])
        weight = first_weight + np.arange(len(source))
        if i > 0 and i >= first_linear:  # not from pixels
            weight[np.argsort(source, kind="stable")] = weight.copy()
        target = np.searchsorted(units, kernel[0])
        places[i, network] = _Place(units, first_unit, kernel, target, source, weight)
        first_unit += len(units)
        first_weight += len(weight)
    return [[places[i, network] for network in networks] for i in range(n_layers)]


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


def _structure(places: list[list[_Place]], inputs: int, has_features: bool, classes: int) -> Structure:
    """The linear layers as the kernels take them.

    Args:
        places: by layer and network.
        inputs: pixels, or features if `has_features`: what convolutions made of the images.
    """
    first_layer, networks = places[0], list(zip(*places, strict=True))
    features = inputs if has_features else 0
    first_unit = np.cumsum([0, *(sum(len(place.units) for place in network) for network in networks)])
    incoming, outgoing = [], []
    for number, network in enumerate(networks):
        first = first_unit[number]
        for place in network:
            target = place.first + place.target
            incoming.append((target, place.source, place.weight))
            if place is first_layer[number] and not has_features:
                continue  # pixels have no gradient
            # Features are the first rows of a network; units follow all inputs.
            sender = first + number * features + place.source - (inputs - features)
            by_sender = np.argsort(sender, kind="stable")
            outgoing.append((sender[by_sender], target[by_sender] - first, place.weight[by_sender]))
    return Structure(
        inputs=inputs,
        features=features,
        classes=classes,
        first_unit=first_unit,
        first_layer=np.array([0 if has_features else len(place.units) for place in first_layer], np.int64),
        incoming=_edges(first_unit[-1], incoming),
        outgoing=_edges(first_unit[-1] + len(networks) * features, outgoing),
    )


def _channels(places: list[_Place]) -> Channels:
    """A convolution of all networks as the kernels take it."""
    first, counts = places[0].first, [len(place.units) for place in places]
    return Channels(
        first=np.cumsum([0, *counts]),
        channel=np.concatenate([place.units for place in places]),
        unit=first + np.arange(sum(counts)),
        incoming=_edges(sum(counts), ((p.first - first + p.target, p.source, p.weight) for p in places)),
    )


def _edges(n_units: int, parts: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Edges:
    """Edges of so many units.

    Args:
        parts: which unit each edge belongs to, rising from part to part; the other ends; the weights.
    """
    nothing = np.empty(0, np.int64)
    unit, other_end, weight = map(np.concatenate, zip((nothing,) * 3, *parts, strict=True))
    return Edges(
        start=np.concatenate([[0], np.bincount(unit, minlength=n_units).cumsum()]).astype(np.uint64),
        unit=other_end.astype(np.uint32),
        weight=weight.astype(np.uint32),
    )


def _by_layer(masks: Masks, initial: State, layers: tuple[Layer, ...]) -> list[np.ndarray]:
    """The mask of each layer."""
    shapes = {name: initial[name].shape for name in (f"{layer.name}.weight" for layer in layers)}
    check_masks(masks, shapes)
    return [masks.get(name, np.ones(shape, bool)) for name, shape in shapes.items()]
