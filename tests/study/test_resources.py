"""What jobs ask for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.resources import CPU_CORE, GPU, Device, Estimate, Needs

IMAGES = (50_000, 10_000)


def estimate(name: str) -> Estimate:
    network = NETWORKS[name]
    return Estimate(network, network.recipe, IMAGES, max_hours=24)


def test_a_step_takes_its_operations_and_an_overhead():
    network = NETWORKS["vgg-16"]
    device = Device(rate=1e12, per_step=0.5)
    # 313 million multiplications: as many additions, and both twice again on the way back.
    assert device.seconds(network, steps=2, images=100) == pytest.approx(1 + 100 * 6 * 313_201_664 / 1e12)


def test_training_takes_steps_and_evaluations_of_every_network():
    network = NETWORKS["lenet-5"]
    recipe = network.recipe
    images = recipe.steps * recipe.batch_size
    images += recipe.steps // recipe.evaluate_every * IMAGES[1] / 3
    expected = CPU_CORE.seconds(network, images / recipe.batch_size, images)
    needs = estimate("lenet-5").training("masked", 7, gpus=0)
    assert needs.seconds == pytest.approx(7 * expected)


def test_packed_training_takes_a_tenth_of_a_millisecond_for_each_network_of_mnist():
    needs = estimate("lenet-300-100").training("packed", 42, gpus=0)
    assert 42 * 96_000 * 1e-4 < needs.seconds < 1.1 * 42 * 96_000 * 1.1e-4


def test_packed_training_takes_some_milliseconds_for_each_network_of_cifar_10():
    needs = estimate("lenet-5").training("packed", 20, gpus=0)
    assert 20 * 120_000 * 4e-3 < needs.seconds < 20 * 120_000 * 6e-3


@pytest.mark.parametrize(
    ("pruner", "rankings"), [("lamp", 1), ("snip", 1), ("snip-iterative", 9), ("synflow", 9)]
)
def test_iterative_pruners_rank_once_for_each_level(pruner, rankings):
    one, nine = (estimate("vgg-16").ranking(PRUNERS[pruner], n, gpus=0).seconds for n in (1, 9))
    assert nine == pytest.approx(rankings * one)


def test_a_pruner_that_borrows_its_quotas_ranks_fast():
    slow, fast = (estimate("vgg-19").ranking(PRUNERS[name], 5, 0) for name in ("synflow", "random-synflow"))
    assert fast.seconds < slow.seconds / 50


# CPU seconds and MB on one core, from docs/performance.md and the development of the pruners.
@pytest.mark.parametrize(
    ("seconds", "measured"),
    [
        (lambda: CPU_CORE.seconds(NETWORKS["lenet-5"], 1, 128), 12.1e-3),
        (lambda: CPU_CORE.seconds(NETWORKS["lenet-300-100"], 1, 100), 2.7e-3),
        (lambda: estimate("vgg-19").ranking(PRUNERS["synflow"], 1, 0).seconds, 54),
        (lambda: estimate("resnet-18").ranking(PRUNERS["synflow"], 1, 0).seconds, 70),
    ],
)
def test_estimates_are_what_was_measured_or_up_to_three_times_as_much(seconds, measured):
    assert measured <= seconds() <= 3 * measured


def test_memory_grows_with_the_number_of_networks_in_a_job():
    weights = NETWORKS["vgg-19"].complexity.weights
    few, many = (estimate("vgg-19").training("masked", n, gpus=1).megabytes for n in (2, 32))
    assert many - few == pytest.approx(30 * 6 * weights / 1e6)


def test_a_gpu_takes_the_activations_from_the_host():
    host, gpu = (estimate("resnet-18").training("masked", 2, gpus) for gpus in (0, 1))
    assert host.megabytes - gpu.megabytes == pytest.approx(2 * 4 * 7_898_512 * 256 / 1e6)
    assert gpu.seconds < host.seconds / 100
    assert GPU.rate > CPU_CORE.rate


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.integers(0, 1), st.floats(0.1, 1000), st.integers(1, 5))
def test_each_attempt_asks_for_more_up_to_the_longest_time(seconds, megabytes, gpus, max_hours, attempt):
    needs = Needs(seconds, megabytes, gpus, max_hours)
    assert needs.mem_mb(attempt) >= attempt * (2000 + megabytes) - 1e-3
    assert needs.mem_mb(attempt) % 500 == 0
    assert needs.mem_mb(attempt + 1) > needs.mem_mb(attempt)
    longest = math.ceil(60 * max_hours)
    assert 1 <= needs.runtime(attempt) <= needs.runtime(attempt + 1) <= longest
    if attempt * (300 + 1.5 * seconds) <= 3600 * max_hours:
        assert 60 * needs.runtime(attempt) >= attempt * seconds
