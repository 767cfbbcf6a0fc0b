import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from effective_sparsity.errors import UserError
from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.training import checkpoint
from effective_sparsity.training.batches import Batches
from effective_sparsity.training.masked import evaluate, train_masked
from effective_sparsity.training.packed.engine import train_packed

WIDTHS = (64, 24, 16, 5)
LENET_300_100 = (784, 300, 100, 10)


@pytest.fixture
def initial(perceptron, state_of):
    return state_of(perceptron(WIDTHS))


@pytest.fixture
def subnetworks(random_masks):
    """From dense to disconnected; in the third, some units have no input, others no output.

    Hidden units have several inputs. Batch norm takes the scale from a unit's weights; a single one is left
    with a gradient of rounding errors, so no two programs make it follow the same trajectory.
    """
    densities = [(1, 1, 1), (0.2, 0.3, 0.5), (0.15, 0.3, 0.5), (0, 0, 0)]
    networks = [random_masks(WIDTHS, density, seed) for seed, density in enumerate(densities)]
    networks[2]["fc1.weight"][:6] = False
    networks[2]["fc2.weight"][:, 5:9] = False
    networks[2]["fc2.weight"][:3] = False
    networks[2]["fc3.weight"][:, 2:6] = False
    networks[2]["fc3.weight"][1] = False
    return networks


def train(initial, subnetworks, run):
    """`train_packed` of linear layers as many and as large as the initial state has."""
    biases = [array for name, array in initial.items() if name.startswith("fc") and name.endswith("bias")]
    return train_packed(fully_connected(*map(len, biases[:-1])), initial, subnetworks, run)


def assert_same_state(actual, expected, **tolerance):
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert actual[name].shape == array.shape and actual[name].dtype == array.dtype
        np.testing.assert_allclose(actual[name], array, err_msg=name, **tolerance)


def test_one_step_takes_the_gradient_of_autograd_in_float64(
    perceptron, initial, subnetworks, small_data, recipe, run
):
    once = recipe(
        steps=1, milestones=(), learning_rate=1.0, momentum=0.0, weight_decay=0.0, augmentation="none"
    )
    indices = Batches(420, 20, 0).indices(0)
    images = torch.from_numpy(small_data.train_images[indices] / 255 - small_data.mean[0]) / small_data.std[0]
    labels = torch.from_numpy(small_data.train_labels[indices])
    for masks, trained in zip(subnetworks, train(initial, subnetworks, run(small_data, once)), strict=True):
        model = perceptron(WIDTHS).double()
        for name, mask in masks.items():
            model.get_parameter(name).data *= torch.from_numpy(mask)
        loss = cross_entropy(model(images), labels)
        loss.backward()
        assert trained.history["train_loss"].item() == pytest.approx(loss.item(), rel=1e-6)
        for name, parameter in model.named_parameters():
            gradient = parameter.grad.numpy() * masks.get(name, 1)
            step = initial[name] * masks.get(name, 1) - trained.state[name]
            np.testing.assert_allclose(step, gradient, rtol=1e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("augmentation", ["rotation", "flip_shift", "none"])
@pytest.mark.parametrize("kind", ["kept", "active"])
def test_the_trajectory_is_that_of_masked_training(
    perceptron, initial, subnetworks, active_masks, small_data, recipe, run, augmentation, kind
):
    """Of the kept weights and of the active ones alike, over 300 steps of which the last 100 are slow."""
    settings = recipe(steps=300, milestones=(200,), evaluate_every=100, augmentation=augmentation)
    if kind == "active":
        subnetworks = [active_masks(masks) for masks in subnetworks]
    results = train(initial, subnetworks, run(small_data, settings, 1))
    for masks, trained in zip(subnetworks, results, strict=True):
        expected = train_masked(perceptron(WIDTHS), masks, run(small_data, settings, 1))
        for name in masks:
            np.testing.assert_allclose(trained.state[name], expected.state[name], rtol=1e-5, atol=1e-5)
        # The biases before batch norm and what follows from them differ more: PyTorch moves them by rounding
        # errors of their gradient, which is 0, and the packed engine leaves them where they are.
        assert_same_state(trained.state, expected.state, rtol=5e-4, atol=5e-4)
        np.testing.assert_allclose(trained.history, expected.history, rtol=1e-3, atol=1e-3)


def test_training_the_active_weights_is_training_the_kept_ones(
    initial, subnetworks, active_masks, small_data, recipe, run
):
    settings = recipe(steps=300, milestones=(200,))
    active = [active_masks(masks) for masks in subnetworks]
    assert any(
        masks["fc2.weight"].sum() < kept["fc2.weight"].sum()
        for masks, kept in zip(active, subnetworks, strict=True)
    )
    of_kept = train(initial, subnetworks, run(small_data, settings, 1))
    of_active = train(initial, active, run(small_data, settings, 1))
    for masks, one, other in zip(active, of_kept, of_active, strict=True):
        for name, mask in masks.items():
            np.testing.assert_allclose(one.state[name][mask], other.state[name][mask], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(one.history, other.history, rtol=1e-3, atol=1e-3)


def test_lenet_300_100_follows_masked_training(
    perceptron, state_of, random_masks, mnist_like_data, recipe, run
):
    settings = recipe(steps=60, batch_size=100, milestones=(40,), evaluate_every=30)
    subnetworks = [
        random_masks(LENET_300_100, density, seed)
        for seed, density in enumerate([(0.1, 0.2, 0.5), (0.02, 0.05, 0.2), (0.005, 0.02, 0.2)])
    ]
    results = train(state_of(perceptron(LENET_300_100)), subnetworks, run(mnist_like_data, settings))
    for masks, trained in zip(subnetworks, results, strict=True):
        expected = train_masked(perceptron(LENET_300_100), masks, run(mnist_like_data, settings))
        assert_same_state(trained.state, expected.state, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(trained.history, expected.history, rtol=1e-3, atol=1e-3)


def test_the_state_has_the_same_test_result_in_pytorch(
    perceptron, initial, subnetworks, active_masks, small_data, recipe, run
):
    subnetworks = subnetworks + [active_masks(masks) for masks in subnetworks]
    for trained in train(initial, subnetworks, run(small_data, recipe())):
        model = perceptron(WIDTHS)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in trained.state.items()})
        loss, accuracy = evaluate(model, small_data, "cpu")
        assert trained.test_accuracy == accuracy
        assert trained.test_loss == pytest.approx(loss, rel=1e-5)


def test_only_weights_under_their_masks_are_not_zero(initial, subnetworks, small_data, recipe, run):
    results = train(initial, subnetworks, run(small_data, recipe(weight_decay=0.1)))
    for masks, trained in zip(subnetworks, results, strict=True):
        for name, mask in masks.items():
            np.testing.assert_array_equal(trained.state[name] != 0, mask)


def test_only_kernels_decay(initial, small_data, recipe, run):
    plain, decayed = (
        train(initial, [{}], run(small_data, recipe(steps=1, milestones=(), weight_decay=decay)))[0].state
        for decay in (0.0, 1.0)
    )
    for name, array in plain.items():
        if name.startswith("fc") and name.endswith("weight"):
            array = array - 0.05 * initial[name]
        np.testing.assert_allclose(decayed[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_network_without_weights_predicts_the_same_class_always(
    initial, subnetworks, small_data, recipe, run
):
    trained = train(initial, subnetworks[-1:], run(small_data, recipe()))[0]
    frequencies = np.bincount(small_data.test_labels) / len(small_data.test_labels)
    assert trained.status == "ok"
    assert trained.test_accuracy in frequencies


def test_a_subnetwork_does_not_depend_on_its_company(initial, subnetworks, small_data, recipe, run):
    together = train(initial, subnetworks, run(small_data, recipe()))
    for masks, expected in zip(subnetworks, together, strict=True):
        alone = train(initial, [masks], run(small_data, recipe()))[0]
        assert_same_state(alone.state, expected.state, rtol=0, atol=0)


@pytest.mark.parametrize("widths", [(64, 5), (64, 9, 5), (64, 9, 8, 7, 5)])
def test_networks_of_any_depth_train(perceptron, state_of, random_masks, small_data, recipe, run, widths):
    masks = random_masks(widths, (0.5,) * (len(widths) - 1))
    trained = train(state_of(perceptron(widths)), [masks], run(small_data, recipe()))[0]
    expected = train_masked(perceptron(widths), masks, run(small_data, recipe()))
    assert_same_state(trained.state, expected.state, rtol=1e-3, atol=1e-3)


def test_initial_biases_and_statistics_are_kept_in_account(
    perceptron, state_of, random_masks, small_data, recipe, run
):
    model = perceptron(WIDTHS)
    random = np.random.default_rng(0)
    for name, tensor in model.state_dict().items():
        if name.endswith(("bias", "running_mean")):
            tensor += torch.from_numpy(random.normal(size=tensor.shape)).float()
    masks = random_masks(WIDTHS, (0.03, 0.1, 0.5))
    trained = train(state_of(model), [masks], run(small_data, recipe()))[0]
    expected = train_masked(model, masks, run(small_data, recipe()))
    assert_same_state(trained.state, expected.state, rtol=1e-3, atol=1e-3)


def test_one_network_diverges_and_the_others_go_on(initial, subnetworks, small_data, recipe, run):
    broken = {name: array.copy() for name, array in initial.items()}
    broken["fc1.weight"][3, 5] = np.inf
    healthy, diverged = (
        {**subnetworks[1], "fc1.weight": subnetworks[1]["fc1.weight"].copy()} for _ in range(2)
    )
    healthy["fc1.weight"][3, 5] = False
    diverged["fc1.weight"][3, 5] = diverged["fc2.weight"][0, 3] = diverged["fc3.weight"][0, 0] = True
    first, second = train(broken, [diverged, healthy], run(small_data, recipe()))
    assert (first.status, first.steps, len(first.history)) == ("diverged", 0, 0)
    assert np.isnan(first.test_accuracy)
    assert (second.status, second.steps, len(second.history)) == ("ok", 60, 3)
    expected = train(initial, [healthy], run(small_data, recipe()))[0]
    assert_same_state(second.state, expected.state, rtol=0, atol=0)


def test_divergence_ends_training(initial, subnetworks, small_data, recipe, run, caplog):
    results = train(initial, subnetworks[:2], run(small_data, recipe(learning_rate=1e30)))
    assert [trained.status for trained in results] == ["diverged"] * 2
    assert [f"network {number} of this run diverged" in caplog.text for number in range(4)] == [0, 1, 1, 0]
    assert all(trained.steps < 60 for trained in results)


def test_an_interrupted_run_goes_on_to_the_identical_result(
    initial, subnetworks, small_data, recipe, run, tmp_path, monkeypatch
):
    expected = train(initial, subnetworks, run(small_data, recipe()))
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    save = checkpoint.Checkpoint.save
    work = tmp_path / "state"
    for last in (7, 25, 41):

        def interrupted(self, arrays, last=last):
            save(self, arrays)
            if arrays["step"][0] == last:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoint.Checkpoint, "save", interrupted)
            train(initial, subnetworks, run(small_data, recipe(), 0, work))
    assert_same_results(train(initial, subnetworks, run(small_data, recipe(), 0, work)), expected)
    monkeypatch.setattr(Batches, "indices", None)  # no more batches are needed
    assert_same_results(train(initial, subnetworks, run(small_data, recipe(), 0, work)), expected)


def assert_same_results(results, expected):
    for one, other in zip(results, expected, strict=True):
        assert_same_state(one.state, other.state, rtol=0, atol=0)
        assert one.history.equals(other.history)
        assert (one.status, one.steps) == (other.status, other.steps)


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from effective_sparsity.datasets.store import load
from effective_sparsity.networks.layers import fully_connected
from effective_sparsity.training import checkpoint
from effective_sparsity.training.packed.engine import train_packed
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.training.run import Run

folder = Path(sys.argv[1])
checkpoint.INTERVAL = 0.02
recipe = Recipe(steps=4000, batch_size=20, learning_rate=0.05, milestones=(), weight_decay=1e-3,
                evaluate_every=500, augmentation="rotation")
initial = dict(np.load(folder / "initial.npz"))
masks = [dict(np.load(folder / "masks.npz"))]
run = Run(dataset=load(folder / "data"), recipe=recipe, seed=0, work=folder / "work/state")
(trained,) = train_packed(fully_connected(24, 16), initial, masks, run)
np.savez(folder / "result.npz", history=trained.history.to_numpy(), **trained.state)
"""


def test_kill_9_at_any_moment_loses_no_result(initial, subnetworks, small_data, tmp_path):
    from effective_sparsity.datasets.store import save

    def start(folder):
        folder.mkdir(exist_ok=True)
        np.savez(folder / "initial.npz", **initial)
        np.savez(folder / "masks.npz", **subnetworks[1])
        save(small_data, folder / "data")
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])

    def result(folder):
        with np.load(folder / "result.npz") as arrays:
            return {name: arrays[name].tobytes() for name in arrays}

    assert start(tmp_path / "whole").wait() == 0
    killed = tmp_path / "killed"
    for pause in (0.05, 0.2):
        process = start(killed)
        deadline = time.monotonic() + 60
        while not list(killed.glob("work/state")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert start(killed).wait() == 0
    assert result(killed) == result(tmp_path / "whole")


def test_a_network_that_does_not_fit_the_data_is_refused(perceptron, state_of, small_data, recipe, run):
    for widths, message in (
        ((64, 9, 6), r"fc2.weight.*\(6, 9\).*\(5, 9\)"),
        ((60, 9, 5), r"fc1.weight.*\(9, 60\).*\(9, 64\)"),
    ):
        with pytest.raises(UserError, match=message):
            train(state_of(perceptron(widths)), [{}], run(small_data, recipe()))


@pytest.mark.parametrize("library", ["torch", "pandas"])
def test_what_training_does_not_need_is_not_imported(library):
    """It would cost each job its start-up time."""
    code = f"import sys, effective_sparsity.training.packed.engine; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
