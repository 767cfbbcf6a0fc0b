"""All engines give every subnetwork its own result, equal ones the same."""

import numpy as np
import pytest
import torch

from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.training.engines import ENGINES, engine_for, train
from effective_sparsity.training.masked import MaskedEngine

NETWORK = NETWORKS["lenet-300-100"]
RECIPE = Recipe(
    steps=12,
    batch_size=20,
    learning_rate=0.02,
    milestones=(8,),
    weight_decay=1e-3,
    evaluate_every=6,
    augmentation="rotation",
)


def thinned(weights: str, density: float, seed: int) -> dict[str, np.ndarray]:
    """Random masks; some units of the first layer have no weight left, so weights beyond are dead."""
    random = np.random.default_rng(seed)
    shapes = {"fc1.weight": (300, 784), "fc2.weight": (100, 300), "fc3.weight": (10, 100)}
    kept = {name: random.random(shape) < density for name, shape in shapes.items()}
    kept["fc1.weight"][:50] = False
    if weights == "kept":
        return kept
    return kept | {"fc2.weight": kept["fc2.weight"] & kept["fc1.weight"].any(1)}


@pytest.fixture(scope="module")
def subnetworks():
    return {
        name: {
            "a": thinned(engine.weights, 0.05, 1),
            "b": thinned(engine.weights, 0.02, 2),
            "a again": thinned(engine.weights, 0.05, 1),
        }
        for name, engine in ENGINES.items()
    }


@pytest.fixture(scope="module")
def results(subnetworks, mnist_like_data, run, tmp_path_factory):
    initial, _ = initial_state(NETWORK, seed=0)
    return {
        engine: train(
            engine,
            NETWORK,
            initial,
            masks,
            run(mnist_like_data, RECIPE, work=tmp_path_factory.mktemp(engine)),
        )
        for engine, masks in subnetworks.items()
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_results_have_the_keys_of_their_subnetworks(results, engine):
    assert list(results[engine]) == ["a", "b", "a again"]
    assert not results[engine]["a"].history.equals(results[engine]["b"].history)


@pytest.mark.parametrize("engine", ENGINES)
def test_identical_subnetworks_are_trained_once(results, engine):
    assert results[engine]["a"] is results[engine]["a again"]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_subnetworks_give_no_results(engine, run, mnist_like_data):
    assert train(engine, NETWORK, {}, {}, run(mnist_like_data, RECIPE)) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_trained_weights_lie_under_their_masks(results, subnetworks, engine):
    for key, trained in results[engine].items():
        for name, mask in subnetworks[engine][key].items():
            assert not trained.state[name][~mask].any()


def test_training_the_active_weights_is_training_the_kept_ones(results, subnetworks):
    """Packed trains active weights, masked trains kept ones: the same networks come out."""
    for key in ("a", "b"):
        packed, masked = (results[engine][key] for engine in ("packed", "masked"))
        assert np.allclose(packed.history.test_loss, masked.history.test_loss, rtol=1e-3)
        assert np.allclose(packed.history.test_accuracy, masked.history.test_accuracy, atol=0.021)
        for name, mask in subnetworks["packed"][key].items():
            assert np.allclose(packed.state[name], masked.state[name] * mask, atol=2e-3)


def test_the_first_engine_that_can_train_a_network_is_chosen():
    assert engine_for(NETWORKS["lenet-5"]) is ENGINES["packed"]
    assert engine_for(NETWORKS["vgg-16"]) is ENGINES["masked"]
    assert engine_for(NETWORKS["lenet-5"], "masked") is ENGINES["masked"]


def test_an_engine_computes_in_its_first_precision_if_it_lacks_the_one_asked_for():
    assert ENGINES["packed"].precision("bfloat16") == "float32"
    assert ENGINES["masked"].precision("bfloat16") == "bfloat16"


def test_engines_say_what_they_train_on(results, perceptron, small_data, recipe, run, monkeypatch):
    assert results["packed"]["a"].hardware.endswith(", 1 thread")
    masked = MaskedEngine(perceptron((64, 5)), {}, run(small_data, recipe(), threads=1))
    assert masked.hardware == results["packed"]["a"].hardware
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: f"card of {device.type}")
    masked.device = torch.device("cuda")
    assert masked.hardware == "card of cuda"
