"""Every engine and pruner on a graphics processor follows the CPU, within the tolerances stated here.

`make gpu` runs them. Where there is no GPU those marked `gpu` are skipped, and the others run on the CPU,
where they compare layouts, precisions and interrupted runs.
"""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from effective_sparsity.datasets.store import Dataset
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning import force, saliencies
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.training import checkpoint
from effective_sparsity.training.device import switches
from effective_sparsity.training.engines import train
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.run import Run

WITH_DATA = [
    name for name, pruner in PRUNERS.items() if pruner.needs_data and not (pruner.control or pruner.trainings)
]
STEPS, BATCH = 4, 8
CUDA = pytest.param("cuda", marks=pytest.mark.gpu)
ON_GPU = pytest.mark.parametrize("device", [CUDA], indirect=True)
SMALL = ["lenet-300-100", "lenet-5"]
LARGE = [name for name in NETWORKS if name not in SMALL]


@pytest.fixture(params=["cpu", CUDA])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU: torch.cuda.is_available() is False")
    return request.param


def noise(network) -> Dataset:
    """128 random images for training and 64 for testing."""
    random = np.random.default_rng(0)

    def sample(count):
        images = random.integers(0, 256, (count, *network.input_shape), np.uint8)
        return images, random.integers(0, network.classes, count)

    facts = (0.5,) * network.input_shape[0], (0.25,) * network.input_shape[0]
    return Dataset("noise", "", "", network.classes, *facts, *sample(128), *sample(64))


def trained(architecture, device, work=None, steps=STEPS, **options):
    """The result of a few steps on a subnetwork of a tenth of the weights, some units of it dead."""
    network = NETWORKS[architecture]
    recipe = replace(
        network.recipe.scaled_to(steps), batch_size=BATCH, evaluate_every=steps, learning_rate=0.01
    )
    state, prunable = initial_state(network, 0)
    random = np.random.default_rng(0)
    masks = {name: random.random(state[name].shape) < 0.1 for name in prunable}
    masks[prunable[0]][::4] = False
    execution = Execution(device=device, threads=1, **options)
    run = Run(dataset=noise(network), recipe=recipe, seed=0, execution=execution, work=work)
    return train("masked", network, state, {"": masks}, run)[""]


def assert_close(found, expected, tolerance):
    np.testing.assert_allclose(found.history, expected.history, rtol=tolerance, atol=1 / 64 + 1e-9)
    for name, array in expected.state.items():
        error = np.abs(found.state[name] - array).max()
        assert error <= tolerance * max(1, np.abs(array).max()), name


def assert_identical(found, expected):
    assert found.history.equals(expected.history)
    for name, array in expected.state.items():
        np.testing.assert_array_equal(found.state[name], array, err_msg=name)


@pytest.mark.parametrize("architecture", SMALL)
def test_training_follows_the_cpu_in_float32(architecture, device):
    expected = trained(architecture, "cpu", channels_last=False)
    assert_close(trained(architecture, device), expected, 2e-3)


@ON_GPU
@pytest.mark.parametrize("architecture", LARGE)
def test_large_networks_begin_as_on_the_cpu(architecture, device):
    """Batch norm on few samples lets rounding grow, so only the loss of two steps is compared."""
    expected, found = (trained(architecture, place, steps=2).history for place in ("cpu", device))
    np.testing.assert_allclose(found.train_loss, expected.train_loss, rtol=0.01)


@pytest.mark.parametrize(("precision", "tolerance"), [("tf32", 0.02), ("bfloat16", 0.1)])
def test_lower_precisions_stay_close_to_float32(precision, tolerance, device):
    expected = trained("lenet-5", device)
    found = trained("lenet-5", device, precision=precision)
    np.testing.assert_allclose(found.history.train_loss, expected.history.train_loss, rtol=tolerance)


@ON_GPU
@pytest.mark.parametrize("architecture", ["lenet-5", "resnet-18"])
def test_a_compiled_network_trains_like_one_that_is_not(architecture, device):
    """Six steps, since CUDA graphs are recorded in the second or third."""
    expected = trained(architecture, device, steps=6).history
    found = trained(architecture, device, steps=6, compile=True).history
    np.testing.assert_allclose(found.train_loss, expected.train_loss, rtol=0.02)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_deterministic_run_gives_the_same_bits_again(precision, device):
    options = {"precision": precision, "deterministic": True}
    assert_identical(trained("lenet-5", device, **options), trained("lenet-5", device, **options))


@ON_GPU
@pytest.mark.parametrize("architecture", LARGE)
def test_large_networks_can_be_trained_deterministically(architecture, device):
    options = {"precision": "bfloat16", "deterministic": True}
    assert_identical(trained(architecture, device, **options), trained(architecture, device, **options))


def test_a_killed_run_resumes_to_the_same_bits_if_deterministic(device, tmp_path, monkeypatch):
    expected = trained("lenet-5", device, deterministic=True)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    save, left = checkpoint.Checkpoint.save, iter(range(2))

    def interrupted(self, arrays):
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(self, arrays)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.Checkpoint, "save", interrupted)
        trained("lenet-5", device, tmp_path, deterministic=True)
    assert_identical(trained("lenet-5", device, tmp_path, deterministic=True), expected)


@ON_GPU
@pytest.mark.parametrize("pruner", WITH_DATA)
def test_a_pruner_keeps_the_same_weights_as_on_the_cpu(pruner, device, monkeypatch):
    """Of two weights that score almost alike either may go first: 99 % of the kept ones must agree.

    Iterative pruners amplify rounding from step to step, so only two steps are compared: on these images a
    relative change of 3e-8 in the weights leaves a fifth of what SNIP keeps after all its steps. ProsPr takes
    gradients through steps of training.
    """
    for module, steps in ((saliencies, "SNIP_STEPS"), (force, "STEPS")):
        monkeypatch.setattr(module, steps, 2)
    network = NETWORKS["lenet-5"]
    state, prunable = initial_state(network, 0)
    kept = []
    for place in ("cpu", device):
        inputs = Inputs(
            network, state, tuple(prunable), 0, dataset=noise(network), compression=20.0, device=place
        )
        with switches(Execution()):  # as the workflow does: no TF32
            scores = PRUNERS[pruner].scores(inputs)
        vector = np.concatenate([scores[name].reshape(-1) for name in prunable])
        assert np.isfinite(vector).all()
        kept.append(set(np.argsort(-vector, kind="stable")[: len(vector) // 20].tolist()))
    assert len(kept[0] & kept[1]) >= (0.9 if pruner == "prospr" else 0.99) * len(kept[0])


@pytest.mark.gpu
def test_jobs_take_a_card_each():
    if torch.cuda.device_count() < 2:
        pytest.skip(f"{torch.cuda.device_count()} cards; two are needed")
    take = """
import sys
from effective_sparsity.study.cards import take_card
take_card()
import torch
print(torch.cuda.device_count(), torch.cuda.get_device_properties(0).uuid, flush=True)
sys.stdin.read()
"""
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", take], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    cards = [job.stdout.readline().split() for job in jobs]
    for job in jobs:
        job.communicate()
    assert [count for count, _ in cards] == ["1", "1"]
    assert cards[0] != cards[1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_a_reason(root):
    done = subprocess.run([sys.executable, root / "benchmarks/gpu.py"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("skipped: no GPU for PyTorch")
