"""All engines give every subnetwork its own result, equal ones the same."""

import numpy as np
import pytest
import torch

from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.pruning.subnetworks import Subnetwork
from effective_sparsity.training import device, masked
from effective_sparsity.training.engines import train_subnetworks
from effective_sparsity.training.execution import Execution
from effective_sparsity.training.recipe import Recipe

RECIPE = Recipe(
    steps=12,
    batch_size=20,
    learning_rate=0.02,
    milestones=(8,),
    weight_decay=1e-3,
    evaluate_every=6,
    augmentation="rotation",
)


ENGINES = ["packed", "masked", "masked stack"]


def thinned(density: float, seed: int) -> Subnetwork:
    """A random subnetwork; some units of the first layer have no weight left, so weights beyond are dead."""
    random = np.random.default_rng(seed)
    shapes = {"fc1.weight": (300, 784), "fc2.weight": (100, 300), "fc3.weight": (10, 100)}
    kept = {name: random.random(shape) < density for name, shape in shapes.items()}
    kept["fc1.weight"][:50] = False
    active = kept | {"fc2.weight": kept["fc2.weight"] & kept["fc1.weight"].any(1)}
    return Subnetwork(kept, active)


@pytest.fixture(scope="module")
def results(mnist_like_data, tmp_path_factory):
    network = NETWORKS["lenet-300-100"]
    initial, _ = initial_state(network, seed=0)
    subnetworks = {"a": thinned(0.05, 1), "b": thinned(0.02, 2), "a again": thinned(0.05, 1)}
    return {
        engine: train_subnetworks(
            engine.split()[0],
            network,
            initial,
            subnetworks,
            mnist_like_data,
            RECIPE,
            seed=0,
            device="cpu",
            threads=1,
            work=str(tmp_path_factory.mktemp(engine.split()[0])),
            execution=Execution(stack=engine == "masked stack"),
        )
        for engine in ENGINES
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_results_have_the_keys_of_their_subnetworks(results, engine):
    assert list(results[engine]) == ["a", "b", "a again"]
    assert results[engine]["a"].network.history.equals(results[engine]["a again"].network.history)
    assert not results[engine]["a"].network.history.equals(results[engine]["b"].network.history)


@pytest.mark.parametrize("engine", ENGINES)
def test_trained_weights_lie_under_their_masks(results, engine):
    for result in results[engine].values():
        for name, mask in result.masks.items():
            assert not result.network.state[name][~mask].any()


def test_training_the_active_weights_is_training_the_kept_ones(results):
    """Packed trains active weights, masked trains kept ones: the same networks come out."""
    for key in ("a", "b"):
        packed, masked = (results[engine][key].network for engine in ("packed", "masked"))
        assert np.allclose(packed.history.test_loss, masked.history.test_loss, rtol=1e-3)
        assert np.allclose(packed.history.test_accuracy, masked.history.test_accuracy, atol=0.021)
        for name, mask in results["packed"][key].masks.items():
            assert np.allclose(packed.state[name], masked.state[name] * mask, atol=2e-3)


def test_a_stack_gives_what_training_one_after_another_gives(results):
    for key in ("a", "b"):
        alone, stacked = (results[engine][key].network for engine in ("masked", "masked stack"))
        for name in alone.state:
            assert np.allclose(stacked.state[name], alone.state[name], atol=2e-3)


@pytest.mark.parametrize(
    ("architecture", "stack", "subnetworks", "expected"),
    [
        ("lenet-300-100", "auto", 2, "stacked"),
        ("lenet-5", "auto", 2, "stacked"),
        ("vgg-16", "auto", 2, "masked"),
        ("lenet-5", "auto", 1, "masked"),
        ("lenet-5", False, 2, "masked"),
    ],
)
def test_small_networks_are_stacked_on_cuda(monkeypatch, architecture, stack, subnetworks, expected):
    """Which engine is called; there is no GPU to call it for."""
    called = []
    monkeypatch.setattr(device, "resolve_device", lambda name: torch.device(name))
    monkeypatch.setattr(masked, "train_masked", lambda *_: called.append("masked"))
    monkeypatch.setattr(masked, "train_stacked", lambda _, masks, *__: called.append("stacked") or masks)
    network = NETWORKS[architecture]
    initial, _ = initial_state(network, seed=0)
    kept = {str(n): Subnetwork({"a": np.full(1, n > 0)}, {}) for n in range(subnetworks)}
    train_subnetworks(
        "masked", network, initial, kept, None, RECIPE, seed=0, device="cuda", threads=1, work=".",
        execution=Execution(stack=stack),
    )  # fmt: skip
    assert set(called) == {expected}
