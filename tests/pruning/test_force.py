"""Progressive skeletonization, against finite differences in float64 and one weight after another."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning import force
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.ranking import Priorities


@pytest.fixture
def seen(seen, monkeypatch):
    """The samples that a pruner draws, in three steps."""
    monkeypatch.setattr(force, "STEPS", 3)
    return seen


def slopes(inputs, batch, kept) -> np.ndarray:
    """Central differences of the cross-entropy in each weight, at the weights that are kept, in float64."""
    model = inputs.model().double().train()
    weights = kernels(model)
    images, labels = batch
    with torch.no_grad():
        for name, mask in zip(weights, np.split(kept, ends_of(inputs)), strict=True):
            weights[name] *= torch.from_numpy(mask).view_as(weights[name])

        def loss() -> float:
            return float(nn.functional.cross_entropy(model(images.double()), labels))

        found = []
        for weight in weights.values():
            for place in range(weight.numel()):
                entry, h = weight.view(-1)[place], 1e-6
                before = float(entry)
                entry.fill_(before + h)
                above = loss()
                entry.fill_(before - h)
                found.append((above - loss()) / (2 * h))
                entry.fill_(before)
    return np.array(found)


def ends_of(inputs) -> np.ndarray:
    return np.cumsum([weight.size for weight in inputs.weights.values()])[:-1]


def kept_after(inputs, seen, saliency, returns: bool) -> list[np.ndarray]:
    """Masks (N,) after each step: the most salient weights, of all or of those that are left."""
    n_weights, masks = inputs.n_weights, []
    kept = np.ones(n_weights, bool)
    for step, batch in enumerate(seen, start=1):
        scores = saliency(slopes(inputs, batch, kept))
        candidates = range(n_weights) if returns else np.flatnonzero(kept)
        best = sorted(candidates, key=lambda i: -scores[i])
        kept = np.zeros(n_weights, bool)
        kept[best[: n_at_compression(n_weights, inputs.compression ** (step / len(seen)))]] = True
        masks.append(kept)
    return masks


def kept_by(scores, n_kept: int) -> np.ndarray:
    order = flatten(Priorities.of(scores).layers)
    return order > len(order) - n_kept


def test_force_chooses_anew_among_all_dense_weights_in_each_step(small_inputs, seen):
    inputs = replace(small_inputs, compression=2.0)
    scores = force.force(inputs)
    dense = np.abs(flatten(inputs.weights))
    masks = kept_after(inputs, seen, lambda slope: dense * np.abs(slope), returns=True)
    assert np.array_equal(kept_by(scores, masks[-1].sum()), masks[-1])
    last = dense * np.abs(slopes(inputs, seen[-1], masks[-2]))
    assert np.diff(last[np.argsort(flatten(scores))]).min() > -1e-3 * last.max()
    assert (masks[-1] & ~masks[-2]).any()  # weights return


def test_iterative_grasp_keeps_the_largest_squared_slopes_of_those_left(small_inputs, seen):
    inputs = replace(small_inputs, compression=2.0)
    scores = force.grasp_iterative(inputs)
    masks = kept_after(inputs, seen, np.square, returns=False)
    for mask in masks:
        assert np.array_equal(kept_by(scores, mask.sum()), mask)  # masks nest
    order = flatten(scores)[masks[-1]]
    last = np.square(slopes(inputs, seen[-1], masks[-2]))[masks[-1]]
    assert np.diff(last[np.argsort(order)]).min() > -1e-3 * last.max()


@pytest.mark.parametrize("name", ["force", "grasp-iterative"])
def test_each_step_sees_fresh_samples(name, small_inputs, seen):
    PRUNERS[name].scores(small_inputs)
    assert [len(labels) for _, labels in seen] == [20, 20, 20]
    assert not torch.equal(seen[0][0], seen[1][0])


@pytest.mark.parametrize("name", ["force", "grasp-iterative"])
def test_in_one_step_the_loss_alone_decides(name, small_inputs, seen, monkeypatch):
    monkeypatch.setattr(force, "STEPS", 1)
    order = flatten(PRUNERS[name].priorities(small_inputs).layers)
    slope = np.abs(slopes(small_inputs, seen[0], np.ones(small_inputs.n_weights, bool)))
    score = slope * np.abs(flatten(small_inputs.weights)) if name == "force" else slope
    assert np.diff(score[np.argsort(order)]).min() > -1e-4 * score.max()
