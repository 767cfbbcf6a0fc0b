"""Rounds against a plain loop, and their training."""

from dataclasses import replace

import numpy as np
import pytest

from effective_sparsity.connectivity.vectors import flatten, unflatten
from effective_sparsity.errors import UserError
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.pruning import imp
from effective_sparsity.training import loop
from effective_sparsity.training.result import UNREACHABLE
from effective_sparsity.training.run import Run

RECIPE = Recipe(
    steps=3,
    batch_size=20,
    learning_rate=0.1,
    milestones=(),
    weight_decay=1e-3,
    evaluate_every=3,
    augmentation="none",
)


def pretended_training(inputs, seen):
    """Magnitudes that depend on what is left, as those of training do; the masks are recorded."""

    def train(masks):
        kept = flatten(masks)
        seen.append(kept)
        drift = np.random.default_rng(kept.sum()).normal(size=kept.size)
        return unflatten(kept * (flatten(inputs.weights) + 0.02 * drift), inputs.weights)

    return train


def test_each_round_removes_the_smallest_fifth_of_what_training_left(inputs):
    seen = []
    inputs = replace(inputs, train=pretended_training(inputs, seen))
    order = flatten(imp.imp(inputs))
    train, n_weights = pretended_training(inputs, []), inputs.n_weights
    kept = np.ones(n_weights, bool)
    for number in range(40):
        assert np.array_equal(seen[number], kept)
        magnitudes = np.abs(flatten(train(unflatten(kept, inputs.weights))))
        magnitudes[~kept] = -1
        n_left = round(n_weights / 10 ** ((number + 1) / 10))
        kept = np.zeros(n_weights, bool)
        kept[np.argsort(magnitudes)[n_weights - n_left :]] = True
        assert np.array_equal(order > n_weights - n_left, kept)
    assert len(seen) == 40 and kept.sum() == 27
    shares = np.diff([mask.sum() for mask in seen]) / [mask.sum() for mask in seen[:-1]]
    assert np.allclose(shares, -0.2057, atol=0.016)


@pytest.fixture
def training(inputs, tmp_path):
    run = Run(dataset=inputs.dataset, recipe=RECIPE, seed=0, work=tmp_path / "work")
    return imp.Training("packed", inputs.network, inputs.initial, inputs.prunable, run)


def some_masks(inputs, share, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.random(weight.shape) < share for name, weight in inputs.weights.items()}


def test_training_starts_from_the_initial_weights_in_every_round(inputs, training):
    """A step of rate 0 leaves what it starts from."""
    still = imp.Training(**vars(training) | {"run": Run(dataset=inputs.dataset, recipe=standing(), seed=0)})
    for share in (1.0, 0.5, 0.1):
        masks = some_masks(inputs, share)
        trained = still(masks)
        assert all(np.array_equal(trained[name], inputs.weights[name] * masks[name]) for name in masks)


def standing() -> Recipe:
    return Recipe(**vars(RECIPE) | {"learning_rate": 0.0})


def test_rounds_that_were_trained_before_a_kill_are_read(inputs, training, monkeypatch):
    rounds = [some_masks(inputs, share) for share in (0.5, 0.1)]
    before = [training(masks) for masks in rounds]

    def refuse(self):
        raise AssertionError("a step of training")

    monkeypatch.setattr(loop._Loop, "_advance", refuse)
    for masks, weights in zip(rounds, before, strict=True):
        again = training(masks)
        assert all(np.array_equal(again[name], weights[name]) for name in weights)
    with pytest.raises(AssertionError, match="a step of training"):
        training(some_masks(inputs, 0.2))


def test_training_that_diverges_is_refused(inputs, training, monkeypatch):
    monkeypatch.setattr(imp, "train", lambda *arguments: {26_620: UNREACHABLE})
    masks = unflatten(np.arange(inputs.n_weights) < 26_620, inputs.weights)
    with pytest.raises(UserError, match="diverged after 0 steps with 26620 weights left"):
        training(masks)
