"""What jobs ask for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.networks.prunable import kernels
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.resources import COSTS, DEAREST, Estimate, Needs


def estimate(name: str, gpus: int = 0) -> Estimate:
    return Estimate(name, NETWORKS[name].recipe, gpus, max_hours=24)


def ranking(name: str, pruner: str, n_levels: int, gpus: int = 0) -> Needs:
    return estimate(name, gpus).ranking(PRUNERS[pruner], NETWORKS[name], n_levels)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_table_has_every_network_of_the_study_and_its_weights(name):
    weights = sum(weight.numel() for weight in kernels(NETWORKS[name].build()).values())
    assert COSTS[name].weights == pytest.approx(weights / 1e6, rel=0.03)


def test_a_new_network_is_taken_for_the_dearest():
    recipe = NETWORKS["vgg-16"].recipe
    new, dearest = (Estimate(name, recipe, 0, 24).training(1) for name in ("new", "resnet-18"))
    assert new == dearest
    assert max(COSTS.values(), key=lambda costs: costs.cpu) is DEAREST


def test_training_takes_steps_and_evaluations_of_every_network():
    # 120,000 steps, and 120 passes of 10,000 images, a third as dear as batches of 128 to train on.
    expected = 120_000 + 120 * 10_000 / 128 / 3
    assert estimate("lenet-5").training(7).seconds == pytest.approx(7 * expected * COSTS["lenet-5"].cpu)


@pytest.mark.parametrize(("name", "least", "most"), [("lenet-300-100", 5e-5, 2e-4), ("lenet-5", 2e-3, 8e-3)])
def test_training_active_weights_takes_what_packed_training_took(name, least, most):
    """Milliseconds of a subnetwork and step in benchmarks/, from sparse to dense."""
    seconds = estimate(name).training(42, only_active=True).seconds
    steps = NETWORKS[name].recipe.steps
    assert 42 * steps * least < seconds < 42 * steps * most


@pytest.mark.parametrize(
    ("pruner", "rankings"), [("lamp", 1), ("snip", 1), ("snip-iterative", 9), ("synflow", 9)]
)
def test_iterative_pruners_rank_once_for_each_level(pruner, rankings):
    one, nine = (ranking("vgg-16", pruner, n).seconds for n in (1, 9))
    assert nine == pytest.approx(rankings * one)


def test_a_pruner_that_borrows_its_quotas_ranks_fast():
    assert ranking("vgg-19", "random-synflow", 5).seconds < ranking("vgg-19", "synflow", 5).seconds / 50


# CPU seconds on one core, of the development of the pruners.
@pytest.mark.parametrize(("name", "measured"), [("vgg-19", 54), ("resnet-18", 70)])
def test_rankings_by_synflow_take_what_was_measured_or_up_to_three_times_as_much(name, measured):
    assert measured <= ranking(name, "synflow", 1).seconds <= 3 * measured


def test_resnet_18_on_a_cpu_asks_for_what_it_used():
    """5.5 GB, at the paper's batch size."""
    assert 5500 <= estimate("resnet-18").training(1).mem_mb(attempt=1) <= 8000


def test_memory_grows_with_the_number_of_networks_in_a_job():
    few, many = (estimate("vgg-19", gpus=1).training(n).megabytes for n in (2, 32))
    assert many - few == pytest.approx(30 * 6 * 20.07, rel=0.01)  # weights and masks: 6 bytes


def test_a_gpu_is_faster():
    assert estimate("resnet-18", gpus=1).training(1).seconds < estimate("resnet-18").training(1).seconds / 100


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.integers(0, 1), st.floats(0.1, 1000), st.integers(1, 5))
def test_each_attempt_asks_for_more_up_to_the_longest_time(seconds, megabytes, gpus, max_hours, attempt):
    needs = Needs(seconds, megabytes, gpus, max_hours)
    assert needs.mem_mb(attempt) >= attempt * megabytes - 1e-3
    assert needs.mem_mb(attempt) % 500 == 0
    assert needs.mem_mb(attempt + 1) >= needs.mem_mb(attempt)
    longest = math.ceil(60 * max_hours)
    assert 1 <= needs.runtime(attempt) <= needs.runtime(attempt + 1) <= longest
    if attempt * (300 + 1.5 * seconds) <= 3600 * max_hours:
        assert 60 * needs.runtime(attempt) >= attempt * seconds
