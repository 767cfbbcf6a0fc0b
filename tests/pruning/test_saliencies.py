"""Gradient scores against their definitions, written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning import gradients, saliencies
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.ranking import Priorities


def logits_of(model, images, dataset):
    pixels = torch.from_numpy(images).double() / 255
    return model((pixels - dataset.mean[0]) / dataset.std[0])


@pytest.mark.parametrize("loss", ["cross-entropy", "linear"])
def test_snip_is_the_absolute_gradient_with_respect_to_a_gate_on_each_weight(inputs, loss, seen):
    scores = saliencies.snip(replace(inputs, snip_loss=loss))
    assert [len(labels) for _, labels in seen] == [128, 128]  # of 300 samples, whole minibatches

    model = inputs.model().double().train()
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in kernels(model).items()}
    gated = {name: weight.detach() * gates[name] for name, weight in kernels(model).items()}
    for images, labels in seen:
        logits = torch.func.functional_call(model, gated, (images.double(),))
        chosen = logits.softmax(1)[torch.arange(len(labels)), labels]
        total = (-chosen.log() if loss == "cross-entropy" else 1 - chosen).mean()
        total.backward(retain_graph=True)
    for name, gate in gates.items():
        expected = gate.grad.abs().numpy()
        assert np.allclose(scores[name], expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_snip_sees_normalised_images_each_at_most_once(inputs, dataset, seen):
    saliencies.snip(inputs)
    images = torch.cat([images for images, _ in seen])
    everything = (torch.from_numpy(dataset.train_images).float() / 255 - 0.5) / 0.25
    distances = torch.cdist(images.flatten(1), everything.flatten(1))
    assert distances.min(1).values.max() < 0.1
    assert len(set(distances.argmin(1).tolist())) == len(images)


def test_snip_iterative_in_one_step_ranks_as_snip_on_one_batch(inputs, seen, monkeypatch):
    monkeypatch.setattr(saliencies, "SNIP_STEPS", 1)
    order = saliencies.snip_iterative(inputs)
    ((images, labels),) = seen
    model = inputs.model().train()
    nn.functional.cross_entropy(model(images), labels).backward()
    scores = {name: (weight * weight.grad).abs().detach().numpy() for name, weight in kernels(model).items()}
    assert np.array_equal(flatten(order), flatten(Priorities.of(scores).layers))


def test_snip_iterative_takes_a_fresh_batch_in_each_step(inputs, seen, monkeypatch):
    monkeypatch.setattr(saliencies, "SNIP_STEPS", 4)
    saliencies.snip_iterative(inputs)
    assert len(seen) == 4
    assert not any(torch.equal(seen[0][0], images) for images, _ in seen[1:3])


def test_snip_iterative_averages_the_gradients_of_minibatches(inputs, seen, monkeypatch):
    monkeypatch.setattr(saliencies, "SNIP_STEPS", 1)
    monkeypatch.setattr(gradients, "MINIBATCH", 40)
    order = saliencies.snip_iterative(inputs)
    assert [len(labels) for _, labels in seen] == [40, 40]  # of 100 samples, whole minibatches
    model = inputs.model().train()
    sum(nn.functional.cross_entropy(model(images), labels) for images, labels in seen).backward()
    scores = flatten(
        {name: (weight * weight.grad).abs().detach().numpy() for name, weight in kernels(model).items()}
    )
    assert np.diff(scores[np.argsort(flatten(order))]).min() > -1e-4 * scores.max()


@pytest.mark.parametrize("minibatch", [128, 40])
def test_grasp_is_the_slope_of_half_the_squared_gradient_norm(inputs, minibatch, monkeypatch):
    """d/dw of |g|^2 / 2 is H g, so the score is its slope with respect to a gate on each weight."""
    monkeypatch.setattr(saliencies, "MINIBATCH", minibatch)
    seen = []
    real = saliencies.samples

    def recorded(*arguments):
        seen.append(real(*arguments))
        return seen[-1]

    monkeypatch.setattr(saliencies, "samples", recorded)
    scores = saliencies.grasp(inputs)
    half = len(seen) // 2
    assert half == {128: 1, 40: 3}[minibatch]
    batches = seen[:half]
    # Both gradients see the same samples, ten of each class.
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches, seen[half:], strict=True))
    assert torch.bincount(torch.cat([labels for _, labels in batches])).tolist() == [10] * 10

    model = inputs.model().double().train()
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in kernels(model).items()}
    gated = {name: weight * gates[name] for name, weight in kernels(model).items()}
    loss = sum(
        nn.functional.cross_entropy(
            torch.func.functional_call(model, gated, (images.double(),)) / 200, labels, reduction="sum"
        )
        for images, labels in batches
    )
    slopes = torch.autograd.grad(loss / 100, list(gated.values()), create_graph=True)
    half_norm = sum((slope**2).sum() for slope in slopes) / 2
    expected = torch.autograd.grad(half_norm, list(gates.values()))
    for name, slope in zip(gates, expected, strict=True):
        assert np.allclose(scores[name], slope.numpy(), rtol=1e-2, atol=1e-3 * float(slope.abs().max()))


def test_synflow_scores_are_sums_over_paths(inputs, monkeypatch):
    """The flow through a weight is the sum, over all paths through it, of the products of their |weights|."""
    monkeypatch.setattr(saliencies, "SYNFLOW_STEPS", 1)
    first, second, third = (np.abs(weight.astype(np.float64)) for weight in inputs.weights.values())
    into_second = first.sum(1)
    into_third = second @ into_second
    beyond_second = third.sum(0)
    beyond_first = beyond_second @ second
    flows = {
        "fc1.weight": first * beyond_first[:, None],
        "fc2.weight": second * into_second * beyond_second[:, None],
        "fc3.weight": third * into_third,
    }
    order = flatten(saliencies.synflow(inputs))
    flows = flatten(flows)
    # Where two flows are equal to rounding, either order is right.
    assert np.diff(flows[np.argsort(order)]).min() > -1e-12 * flows.max()


@pytest.mark.parametrize("compression", [10, 100, 1000])
def test_synflow_leaves_hardly_a_weight_off_all_paths(inputs, compression):
    """The paper's claim 2: direct and effective compression agree to a few weights."""
    order = saliencies.synflow(replace(inputs, compression=float(compression)))
    kept = {name: priority > 266_200 - round(266_200 / compression) for name, priority in order.items()}
    first, second, third = kept.values()
    alive_1 = first.any(1) & (second & third.any(0)[:, None]).any(0)
    alive_2 = (second & alive_1).any(1) & third.any(0)
    active = first[alive_1].sum() + second[np.ix_(alive_2, alive_1)].sum() + third[:, alive_2].sum()
    assert sum(mask.sum() for mask in kept.values()) - active <= 5


def test_pruning_leaves_the_initial_state_as_it_was(inputs):
    before = {name: value.copy() for name, value in inputs.initial.items()}
    PRUNERS["snip"].scores(inputs)
    PRUNERS["synflow"].scores(replace(inputs, compression=2.0))
    assert all(np.array_equal(inputs.initial[name], value) for name, value in before.items())
