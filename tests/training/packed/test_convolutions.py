"""Networks with convolutions, packed: against autograd in float64 and against masked training."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from effective_sparsity.connectivity import effective_masks
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.training import checkpoint
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.masked import evaluate, train_masked
from effective_sparsity.training.packed.engine import train_packed

IMAGE = (1, 8, 8)


@pytest.fixture(scope="module")
def initial(convolutional, state_of):
    return state_of(convolutional())


@pytest.fixture(scope="module")
def train(initial, small_data, convolutional_layers, run):
    """`train_packed` of this network: function of subnetworks, recipe and work file."""
    return lambda subnetworks, recipe, work=None: train_packed(
        convolutional_layers, initial, subnetworks, run(small_data, recipe, 0, work)
    )


def thinned(initial, density, seed):
    """Random masks, by layer of this density."""
    random = np.random.default_rng(seed)
    kernels = [name for name, array in initial.items() if array.ndim > 1]
    return {
        name: random.random(initial[name].shape) < share for name, share in zip(kernels, density, strict=True)
    }


@pytest.fixture(scope="module")
def subnetworks(initial):
    """From dense to disconnected. In the third, some channels and units have no input, others no output."""
    densities = [(1, 1, 1, 1), (0.6, 0.6, 0.4, 0.6), (0.7, 0.7, 0.4, 0.7), (0, 0, 0, 0)]
    networks = [thinned(initial, density, seed) for seed, density in enumerate(densities)]
    networks[2]["conv1.weight"][1] = False
    networks[2]["conv2.weight"][:, 2] = False
    networks[2]["conv2.weight"][0] = False
    networks[2]["fc1.weight"][:, 6:12] = False  # all positions of channel 1
    networks[2]["fc1.weight"][:, 14] = False  # one position of channel 2
    networks[2]["fc1.weight"][3] = False
    networks[2]["fc2.weight"][:, 5] = False
    return networks


def active(model, masks):
    kept = effective_masks(model, {name: torch.from_numpy(mask) for name, mask in masks.items()}, IMAGE)
    return {name: np.asarray(mask) for name, mask in kept.items()}


def assert_close(actual, expected, **tolerance):
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert actual[name].shape == array.shape and actual[name].dtype == array.dtype
        np.testing.assert_allclose(actual[name], array, err_msg=name, **tolerance)


assert_same_state = partial(assert_close, rtol=0, atol=0)


@example((1, 1, 1, 1), 0, 32)
@example((0, 0.5, 0.5, 0.5), 1, 20)
@example((0.5, 0, 0.5, 0.5), 1, 20)
@example((0, 0, 0, 0), 0, 20)
@given(st.tuples(*[st.floats(0.05, 1)] * 4), st.integers(0, 2**30), st.sampled_from([20, 32]))
@settings(max_examples=25, deadline=None)
def test_one_step_takes_the_gradient_of_autograd_in_float64(
    convolutional, initial, train, small_data, recipe, density, seed, batch_size
):
    masks = thinned(initial, density, seed)
    once = recipe(
        steps=1,
        milestones=(),
        learning_rate=1.0,
        momentum=0.0,
        weight_decay=0.0,
        augmentation="none",
        batch_size=batch_size,
    )
    (trained,) = train([masks], once)
    indices = Batches(420, batch_size, 0).indices(0)
    images = torch.from_numpy(small_data.train_images[indices] / 255 - small_data.mean[0]) / small_data.std[0]
    labels = torch.from_numpy(small_data.train_labels[indices])
    model = convolutional().double()
    for name, mask in masks.items():
        model.get_parameter(name).data *= torch.from_numpy(mask)
    loss = cross_entropy(model(images), labels)
    loss.backward()
    assert trained.history["train_loss"].item() == pytest.approx(loss.item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        gradient = parameter.grad.numpy() * masks.get(name, 1)
        step = initial[name] * masks.get(name, 1) - trained.state[name]
        np.testing.assert_allclose(step, gradient, rtol=2e-4, atol=5e-6, err_msg=name)
    for name, buffer in model.named_buffers():
        np.testing.assert_allclose(trained.state[name], buffer, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["kept", "active"])
def test_the_trajectory_is_that_of_masked_training(
    convolutional, subnetworks, train, small_data, recipe, run, kind
):
    many_steps = recipe(steps=200, milestones=(150,), learning_rate=0.02, augmentation="flip_shift")
    if kind == "active":
        subnetworks = [active(convolutional(), masks) for masks in subnetworks]
    for masks, trained in zip(subnetworks, train(subnetworks, many_steps), strict=True):
        expected = train_masked(convolutional(), masks, run(small_data, many_steps))
        assert_close(trained.state, expected.state, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(trained.history, expected.history, rtol=2e-3, atol=2e-3)


def test_training_the_active_weights_is_training_the_kept_ones(convolutional, subnetworks, train, recipe):
    many_steps = recipe(steps=200, milestones=(150,), learning_rate=0.02)
    smaller = [active(convolutional(), masks) for masks in subnetworks]
    for name in ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"):
        assert smaller[2][name].sum() < subnetworks[2][name].sum()
    of_kept, of_active = train(subnetworks, many_steps), train(smaller, many_steps)
    for masks, one, other in zip(smaller, of_kept, of_active, strict=True):
        for name, mask in masks.items():
            np.testing.assert_allclose(one.state[name][mask], other.state[name][mask], rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(one.history, other.history, rtol=2e-3, atol=2e-3)


def test_the_state_has_the_same_test_result_in_pytorch(convolutional, subnetworks, train, small_data, recipe):
    subnetworks = subnetworks + [active(convolutional(), masks) for masks in subnetworks]
    for trained in train(subnetworks, recipe()):
        model = convolutional()
        model.load_state_dict({name: torch.from_numpy(array) for name, array in trained.state.items()})
        loss, accuracy = evaluate(model, small_data, "cpu")
        assert trained.test_accuracy == accuracy
        assert trained.test_loss == pytest.approx(loss, rel=1e-5)


def test_initial_biases_and_statistics_are_kept_in_account(
    convolutional, convolutional_layers, state_of, subnetworks, small_data, recipe, run
):
    model = convolutional()
    random = np.random.default_rng(0)
    for name, tensor in model.state_dict().items():
        if name.endswith(("bias", "running_mean")):
            tensor += torch.from_numpy(random.normal(size=tensor.shape)).float()
    masks = active(model, subnetworks[2])
    (trained,) = train_packed(convolutional_layers, state_of(model), [masks], run(small_data, recipe()))
    expected = train_masked(model, masks, run(small_data, recipe()))
    assert_close(trained.state, expected.state, rtol=1e-3, atol=1e-3)


def test_a_subnetwork_does_not_depend_on_its_company(subnetworks, train, recipe):
    for masks, expected in zip(subnetworks, train(subnetworks, recipe()), strict=True):
        assert_same_state(train([masks], recipe())[0].state, expected.state)


def test_a_network_that_diverges_stops_alone(
    initial, convolutional_layers, subnetworks, train, small_data, recipe, run
):
    broken = {name: array.copy() for name, array in initial.items()}
    broken["conv1.weight"][0, 0, 1, 1] = np.inf
    healthy = {**subnetworks[1], "conv1.weight": subnetworks[1]["conv1.weight"].copy()}
    healthy["conv1.weight"][0, 0, 1, 1] = False
    diverged, trained = train_packed(convolutional_layers, broken, [{}, healthy], run(small_data, recipe()))
    assert (diverged.status, diverged.steps, len(diverged.history)) == ("diverged", 0, 0)
    assert trained.status == "ok"
    assert_same_state(trained.state, train([healthy], recipe())[0].state)


def test_an_interrupted_run_goes_on_to_the_identical_result(
    subnetworks, train, recipe, tmp_path, monkeypatch
):
    expected = train(subnetworks, recipe())
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    save = checkpoint.Checkpoint.save

    def interrupted(self, arrays):
        save(self, arrays)
        if arrays["step"][0] == 33:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.Checkpoint, "save", interrupted)
        train(subnetworks, recipe(), tmp_path / "state")
    for one, other in zip(train(subnetworks, recipe(), tmp_path / "state"), expected, strict=True):
        assert_same_state(one.state, other.state)
        assert one.history.equals(other.history)


def test_lenet_5_follows_masked_training(colour_data, recipe, run):
    network = NETWORKS["lenet-5"]
    initial, _ = initial_state(network, seed=0)
    short = recipe(steps=8, batch_size=32, milestones=(5,), evaluate_every=4, augmentation="flip_shift")
    subnetworks = [
        thinned(initial, density, 1) for density in ((0.9, 0.5, 0.05, 0.2, 0.7), (0.3, 0.1, 0.02, 0.1, 0.5))
    ]
    results = train_packed(network.layers, initial, subnetworks, run(colour_data, short))
    for masks, trained in zip(subnetworks, results, strict=True):
        model = network.build()
        model.load_state_dict({name: torch.from_numpy(array) for name, array in initial.items()})
        expected = train_masked(model, masks, run(colour_data, short))
        assert_close(trained.state, expected.state, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(trained.history, expected.history, rtol=1e-3, atol=2e-2)
