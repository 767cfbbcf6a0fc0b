"""Path exclusion, against sums over all paths."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, linear

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.pruning import px


@pytest.fixture
def images(monkeypatch):
    """The images that the pruner looks at."""
    seen, real = [], px.samples

    def recorded(*arguments):
        seen.append(real(*arguments))
        return seen[-1]

    monkeypatch.setattr(px, "samples", recorded)
    return lambda: seen[-1][0].double().numpy()


def path_by_path(layers, x) -> np.ndarray:
    """w^2 dR/d(w^2) of a fully connected network of three layers, one path after another."""
    x = x.reshape(len(x), -1)
    first = x @ layers[0].T > 0
    second = (first * (x @ layers[0].T)) @ layers[1].T > 0
    units = [range(x.shape[1]), *(range(layer.shape[0]) for layer in layers)]
    paths = [((j, i), (k, j), (o, k)) for i, j, k, o in itertools.product(*units)]
    alive = [path for path in paths if all(layers[at][weight] for at, weight in enumerate(path))]
    data = np.zeros(len(layers[-1]))  # by logit: squares along active paths, summed over samples
    for (j, i), (k, _), (o, _) in alive:
        data[o] += (x[:, i] ** 2 * first[:, j] * second[:, k]).sum()
    scores = [np.zeros(layer.shape) for layer in layers]
    for path in alive:
        product = np.prod([layers[at][weight] ** 2 for at, weight in enumerate(path)])
        for at, weight in enumerate(path):
            scores[at][weight] += data[path[-1][0]] * product
    return np.concatenate([score.ravel() for score in scores])


def test_scores_are_sums_over_paths(small_inputs, images, monkeypatch):
    monkeypatch.setattr(px, "STEPS", 2)
    n_weights = small_inputs.n_weights
    order = flatten(px.px(replace(small_inputs, compression=9.0)))
    layers = [weight.astype(np.float64) for weight in small_inputs.weights.values()]
    scores = path_by_path(layers, images())
    left = np.argsort(order)[-n_at_compression(n_weights, 3) :]
    removed = np.setdiff1d(np.arange(n_weights), left)
    assert scores[removed].max() < scores[left].min()

    kept = np.isin(np.arange(n_weights), left)
    ends = np.cumsum([layer.size for layer in layers])[:-1]
    pruned = [
        layer * mask.reshape(layer.shape) for layer, mask in zip(layers, np.split(kept, ends), strict=True)
    ]
    scores = path_by_path(pruned, images())
    assert np.diff(scores[left]).min() > -1e-12 * scores.max()
    assert not scores[removed].any()


def test_the_samples_are_as_many_of_each_class(small_inputs, images):
    px.px(small_inputs)
    assert images().shape == (100, 1, 3, 3)


def bound(network, squares, x) -> float:
    """R of LeNet-5: squares are the squared weights of its layers."""

    def through(layers, x, gate):
        for number in range(2):
            x = avg_pool2d(gate(number, conv2d(x, layers[number])), 2)
        x = x.flatten(1)
        for number in range(2, 5):
            x = gate(number, linear(x, layers[number]))
        return x

    signs = {}

    def relu(number, x):
        signs[number] = x > 0 if number < 4 else torch.ones_like(x)
        return x * signs[number]

    through(network, x, relu)
    ones = [torch.ones_like(layer) for layer in network]
    data = through(ones, x**2, lambda number, x: x * signs[number])
    structure = through(squares, torch.ones_like(x), lambda number, x: x)
    return float((data * structure).sum())


def test_convolutions_are_scored_by_what_the_bound_loses_without_a_weight(
    convolutional_inputs, images, monkeypatch
):
    """R is linear in each squared weight, so w^2 dR/d(w^2) is what R loses with it."""
    monkeypatch.setattr(px, "STEPS", 1)
    monkeypatch.setattr(px, "SAMPLES_PER_CLASS", 2)
    order = flatten(px.px(convolutional_inputs))
    network = [torch.from_numpy(weight).double() for weight in convolutional_inputs.weights.values()]
    x = torch.from_numpy(images())
    whole, scores, places = bound(network, [layer**2 for layer in network], x), [], []
    random = np.random.default_rng(0)
    start = 0
    for number, layer in enumerate(network):
        for place in random.choice(layer.numel(), 8, replace=False):
            squares = [part**2 for part in network]
            squares[number].view(-1)[place] = 0
            scores.append(whole - bound(network, squares, x))
            places.append(start + place)
        start += layer.numel()
    by_order = np.array(scores)[np.argsort(order[places])]
    assert np.diff(by_order).min() > -1e-9 * max(scores)


def test_the_scale_of_a_layer_does_not_count(convolutional_inputs, monkeypatch):
    monkeypatch.setattr(px, "STEPS", 3)
    scaled = {
        name: value * (4 if name == "fc1.weight" else 1)
        for name, value in convolutional_inputs.initial.items()
    }
    order = flatten(px.px(replace(convolutional_inputs, initial=scaled)))
    assert np.array_equal(order, flatten(px.px(convolutional_inputs)))
