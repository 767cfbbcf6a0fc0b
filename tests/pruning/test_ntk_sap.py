"""NTK-SAP, against the finite difference that defines it, written out in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.networks.registry import BATCH_NORM_EPSILON
from effective_sparsity.pruning import ntk_sap
from effective_sparsity.pruning.pruners import PRUNERS


@pytest.fixture
def calls(monkeypatch):
    """What the network is asked: whether it trains, masked weights and inputs of each call, in float64."""
    recorded, real = [], ntk_sap.functional_call

    def call(model, weights, arguments):
        layers = [weight.detach().double().numpy() for weight in weights.values()]
        recorded.append((model.training, layers, arguments[0].double().numpy()))
        return real(model, weights, arguments)

    monkeypatch.setattr(ntk_sap, "functional_call", call)
    return recorded


def forward(layers, images, statistics=None):
    """Logits of a fully connected network with batch norm, and the statistics of its batch."""
    x, seen = images.reshape(len(images), -1), []
    for number, layer in enumerate(layers):
        x = x @ layer.T
        mean, variance = statistics[number] if statistics else (x.mean(0), x.var(0))
        seen.append((x.mean(0), x.var(0, ddof=1)))  # a batch is normalised by one, remembered with the other
        x = (x - mean) / np.sqrt(variance + BATCH_NORM_EPSILON)
        x = x if number == len(layers) - 1 else np.maximum(x, 0)
    return x, seen


def slopes(draw) -> np.ndarray:
    """d/dm of the change of the logits at m = 1, by central differences, for each weight of a draw."""
    (_, layers, images), _, (_, perturbed, _) = draw
    _, statistics = forward(layers, images)
    found = []
    for number, layer in enumerate(layers):
        for place in np.ndindex(layer.shape):
            changes = []
            for gate in (1 + 1e-6, 1 - 1e-6):
                before, after = ([part.copy() for part in parts] for parts in (layers, perturbed))
                before[number][place] *= gate
                after[number][place] *= gate
                difference = forward(before, images, statistics)[0] - forward(after, images, statistics)[0]
                changes.append((difference**2).sum())
            found.append((changes[0] - changes[1]) / 2e-6)
    return np.array(found)


def draws_of(calls) -> list:
    return [calls[first : first + 3] for first in range(0, len(calls), 3)]


def test_scores_are_the_slopes_of_what_a_perturbation_changes(small_inputs, calls, monkeypatch):
    monkeypatch.setattr(ntk_sap, "STEPS", 2)
    monkeypatch.setattr(ntk_sap, "DRAWS", 2)
    n_weights = small_inputs.n_weights
    order = flatten(ntk_sap.ntk_sap(replace(small_inputs, compression=4.0)))
    first, second = (np.abs(sum(map(slopes, draws))) for draws in (draws_of(calls)[:2], draws_of(calls)[2:]))
    half = n_at_compression(n_weights, 2)
    kept = order > n_weights - half
    # Scores that are equal to the precision of float32 may be in either order.
    assert first[kept].min() > first[~kept].max() - 1e-3 * first.max()
    left = np.argsort(order)[-half:]
    assert np.diff(second[left]).min() > -1e-3 * second.max()
    assert not second[~kept].any()


def test_each_draw_has_its_own_weights_inputs_and_small_perturbation(small_inputs, calls):
    ntk_sap.ntk_sap(replace(small_inputs, compression=1.0))
    assert len(calls) == 20 * 5 * 3
    assert [training for training, _, _ in calls[:3]] == [True, False, False]
    draws = draws_of(calls)
    for statistics, before, after in draws:
        assert all(map(np.array_equal, statistics[1], before[1]))
        assert np.array_equal(before[2], after[2])
    noise = np.concatenate([(after[1][0] - before[1][0]).ravel() for _, before, after in draws])
    assert np.std(noise) == pytest.approx(0.01, rel=0.05)
    images = np.concatenate([before[2] for _, before, _ in draws])
    assert images.shape == (20 * 5 * 100, 1, 3, 3)
    assert (images.mean(), images.std()) == pytest.approx((0, 1), abs=0.05)
    weights = np.stack([before[1][0] for _, before, _ in draws])
    assert weights.std() == pytest.approx(np.sqrt(2 / ((9 + 5) / 2)), rel=0.05)
    assert len(np.unique(weights[:, 0, 0])) == len(draws)


def test_neither_initial_weights_nor_data_count(small_inputs):
    pruner = PRUNERS["ntk-sap"]
    other = {name: value + 1 for name, value in small_inputs.initial.items()}
    same = pruner.priorities(replace(small_inputs, initial=other, dataset=None))
    expected = flatten(pruner.priorities(small_inputs).layers)
    assert np.array_equal(flatten(same.layers), expected)
    assert not np.array_equal(flatten(pruner.priorities(replace(small_inputs, seed=1)).layers), expected)
