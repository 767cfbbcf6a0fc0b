"""Training at the size that pruning leaves follows the masked network, whose shapes its results have."""

from collections import OrderedDict

import numpy as np
import pytest
from torch import nn

import effective_sparsity as es
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.resnet_18 import ResidualBlock
from effective_sparsity.networks.state import initial_state, with_state
from effective_sparsity.training import checkpoint, masked
from effective_sparsity.training.engines import train

CLASSES = 5


class Doubled(nn.Module):
    def forward(self, x):
        return x.double()


def chain(classes):
    """Padded convolutions, each with batch norm, as VGG has them."""
    layers = OrderedDict()
    for number, (inputs, outputs) in enumerate([(1, 8), (8, 12), (12, 12)], start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
        layers[f"bn{number}"] = nn.BatchNorm2d(outputs)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"pool{number}"] = nn.MaxPool2d(2)
    return nn.Sequential(
        layers | OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(12, classes), bn=nn.BatchNorm1d(classes))
    )


def residual(classes):
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 8, 3, padding=1, bias=False),
            bn=nn.BatchNorm2d(8),
            relu=nn.ReLU(),
            same=ResidualBlock(8, 8, stride=1),
            narrow=ResidualBlock(8, 12, stride=2),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(12, classes, bias=False),
            bn_logits=nn.BatchNorm1d(classes),
        )
    )


def chain64(classes):
    return nn.Sequential(OrderedDict(doubled=Doubled(), net=chain(classes))).double()


def residual64(classes):
    return nn.Sequential(OrderedDict(doubled=Doubled(), net=residual(classes))).double()


@pytest.fixture
def network(recipe):
    def named(builder):
        builder = f"{__name__}:{builder.__name__}"
        return Network(input_shape=(1, 8, 8), classes=CLASSES, recipe=recipe(), snip_batch=1, builder=builder)

    return named


def pruned(network, density, seed=0):
    """An initial state, and random masks that leave many units without inputs or outputs."""
    state, prunable = initial_state(network, seed)
    random = np.random.default_rng(seed)
    masks = {name: random.random(state[name].shape) < density for name in prunable}
    for name in prunable[:-1]:
        masks[name][random.random(len(masks[name])) < 0.3] = False  # outputs that only a bias feeds
    return state, masks


def as_large_as_ever(network, state, masks, described):
    return masked.train_masked(with_state(network.build(), state), masks, described)


@pytest.mark.parametrize(
    ("builder", "tolerance"), [(chain, 2e-3), (residual, 2e-3), (chain64, 1e-6), (residual64, 1e-6)]
)
def test_training_follows_the_masked_network(network, small_data, recipe, run, builder, tolerance):
    subject, settings = network(builder), recipe(augmentation="flip_shift")
    state, masks = pruned(subject, 0.2)
    expected = as_large_as_ever(subject, state, masks, run(small_data, settings))
    found = train("masked", subject, state, {"": masks}, run(small_data, settings))[""]
    assert found.state.keys() == expected.state.keys()
    np.testing.assert_allclose(found.history, expected.history, rtol=tolerance, atol=tolerance)
    active = es.effective_masks(with_state(subject.build(), state), masks, (1, 8, 8))
    for name, mask in masks.items():
        weights = np.where(active[name], [found.state[name], expected.state[name]], 0)
        np.testing.assert_allclose(*weights, rtol=tolerance, atol=tolerance, err_msg=name)
        assert not found.state[name][~mask].any()
    # What is stored computes the same, whatever cut channels hold.
    losses = [
        masked.evaluate(with_state(subject.build(), trained.state), small_data, "cpu")
        for trained in (found, expected)
    ]
    np.testing.assert_allclose(*losses, rtol=tolerance)
    assert found.history.train_loss.iloc[-1] < found.history.train_loss.iloc[0] - 0.05


@pytest.mark.parametrize("builder", [chain, residual])
def test_what_is_trained_is_smaller(network, small_data, recipe, run, builder, monkeypatch):
    subject = network(builder)
    state, masks = pruned(subject, 0.2)
    trained = []
    monkeypatch.setattr(masked, "train_masked", lambda model, *_: trained.append(model) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train("masked", subject, state, {"": masks}, run(small_data, recipe()))
    small, large = (sum(p.numel() for p in model.parameters()) for model in (trained[0], subject.build()))
    assert small < 0.85 * large


@pytest.mark.parametrize("builder", [chain, residual])
def test_a_network_without_a_path_keeps_its_biases_alone(network, small_data, recipe, run, builder):
    subject = network(builder)
    state, masks = pruned(subject, 0.0)
    expected = as_large_as_ever(subject, state, masks, run(small_data, recipe()))
    found = train("masked", subject, state, {"": masks}, run(small_data, recipe()))[""]
    np.testing.assert_allclose(found.history, expected.history, rtol=1e-4)


def test_a_killed_run_resumes_to_the_identical_result(
    network, small_data, recipe, run, tmp_path, monkeypatch
):
    subject = network(residual)
    state, masks = pruned(subject, 0.2)
    expected = train("masked", subject, state, {"": masks}, run(small_data, recipe()))[""]
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    save, left = checkpoint.Checkpoint.save, iter(range(20))

    def interrupted(self, arrays):
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(self, arrays)

    described = run(small_data, recipe(), work=tmp_path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.Checkpoint, "save", interrupted)
        train("masked", subject, state, {"": masks}, described)
    found = train("masked", subject, state, {"": masks}, described)[""]
    assert found.history.equals(expected.history)
    for name, array in expected.state.items():
        np.testing.assert_array_equal(found.state[name], array, err_msg=name, strict=True)


def test_a_model_that_cannot_be_compacted_is_trained_as_it_is(
    network, small_data, recipe, run, monkeypatch, caplog
):
    def refuse(*_, **__):
        raise UserError("topk computes with the widths of layers")

    subject, described = network(chain), run(small_data, recipe(steps=2))
    state, masks = pruned(subject, 0.2)
    expected = as_large_as_ever(subject, state, masks, described)
    monkeypatch.setattr(masked, "compaction", refuse)
    found = train("masked", subject, state, {"": masks}, described)[""]
    assert found.history.equals(expected.history)
    assert "topk computes with" in caplog.text
