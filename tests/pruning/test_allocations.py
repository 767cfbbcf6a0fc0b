"""Quotas: one threshold gives every layer the density of its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.errors import UserError
from effective_sparsity.pruning import allocations
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.ranking import Priorities

LENET_300_100 = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
LENET_5 = {
    "conv1": (6, 3, 5, 5),
    "conv2": (16, 6, 5, 5),
    "fc1": (120, 400),
    "fc2": (84, 120),
    "fc3": (10, 84),
}

shapes = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3)),
    ),
    min_size=1,
    max_size=4,
)


def kept_of(allocation, layers: dict[str, tuple], compression: float) -> dict[str, int]:
    ranks = at_random({name: np.empty(shape) for name, shape in layers.items()}, seed=0)
    priority = Priorities.of(allocation(ranks)).layers
    n_weights = sum(p.size for p in priority.values())
    cut = n_weights - n_at_compression(n_weights, compression)
    return {name: int((p > cut).sum()) for name, p in priority.items()}


def densities(layers, density_of, compression) -> dict[str, float]:
    """Densities min(1, density_of(shape, x)), the free number x found by bisection in logarithms."""
    n_weights = sum(np.prod(shape) for shape in layers.values())

    def excess(log_x: float) -> float:
        kept = sum(np.prod(shape) * min(1, density_of(shape, np.exp(log_x))) for shape in layers.values())
        return kept - n_weights / compression

    x = np.exp(brentq(excess, -40, 40, xtol=1e-14))
    return {name: min(1, density_of(shape, x)) for name, shape in layers.items()}


DEFINITIONS = {
    "uniform": (allocations.uniform, lambda shape, d: d),
    "erk": (allocations.erk, lambda shape, eps: eps * sum(shape) / np.prod(shape)),
    "igq": (allocations.igq, lambda shape, force: 1 / (force * np.prod(shape) + 1)),
}


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("compression", [1.5, 3, 10, 63.0957, 1000])
@pytest.mark.parametrize("layers", [LENET_300_100, LENET_5], ids=["lenet-300-100", "lenet-5"])
def test_quotas_equal_the_bisected_densities(name, compression, layers):
    allocation, density_of = DEFINITIONS[name]
    kept = kept_of(allocation, layers, compression)
    for layer, density in densities(layers, density_of, compression).items():
        assert abs(kept[layer] - density * np.prod(layers[layer])) < 3


@pytest.mark.parametrize("name", DEFINITIONS)
@given(layers=shapes, compression=st.floats(1.05, 30))
def test_quotas_of_any_network_equal_the_bisected_densities(name, layers, compression):
    allocation, density_of = DEFINITIONS[name]
    layers = {str(number): shape for number, shape in enumerate(layers)}
    kept = kept_of(allocation, layers, compression)
    # Equal layers tie: each may be off by one, and the rounding of all others falls on one of them.
    tolerance = len(layers) + 0.5
    for layer, density in densities(layers, density_of, compression).items():
        assert abs(kept[layer] - density * np.prod(layers[layer])) <= tolerance


def test_quotas_fill_whole_layers_before_the_ratio_breaks():
    kept = kept_of(allocations.erk, LENET_5, 2)
    assert kept["conv1"] == 450
    assert kept["fc3"] == 840


@pytest.mark.parametrize(("compression", "reached"), [(99.9, True), (120, False)])
def test_uniform_plus_never_prunes_the_first_convolution_and_a_fifth_of_the_last_layer(compression, reached):
    kept = kept_of(allocations.uniform_plus, LENET_5, compression)
    floor = 450 + 168
    assert (sum(kept.values()) >= floor) == reached
    if reached:
        assert kept["conv1"] == 450
        assert kept["fc3"] >= 168


def test_uniform_plus_is_uniform_in_between():
    kept = kept_of(allocations.uniform_plus, LENET_5, 3)
    between = {layer: kept[layer] / np.prod(LENET_5[layer]) for layer in ("conv2", "fc1", "fc2", "fc3")}
    assert np.ptp(list(between.values())) < 2e-3


def test_uniform_plus_says_that_it_needs_a_convolution():
    with pytest.raises(UserError, match="convolutional networks only, and fc1"):
        kept_of(allocations.uniform_plus, LENET_300_100, 10)


def smart_ratio_of(power):
    return lambda ranks: allocations.smart_ratio(ranks, power)


@pytest.mark.parametrize("power", [0, 2])
def test_smart_ratios_fall_with_depth_and_linear_layers_keep_three_tenths(power):
    layers = {"a": (64, 3, 3, 3), "b": (64, 64, 3, 3), "c": (128, 64, 3, 3), "fc": (10, 128)}
    kept = kept_of(smart_ratio_of(power), layers, 20)
    assert kept["fc"] == 384
    # (L - l + 1)^2 + (L - l + 1) = 20, 12, 6 in the convolutions of L = 4 layers.
    ratios = {name: kept[name] / np.prod(layers[name]) for name in "abc"}
    assert ratios["a"] / ratios["b"] == pytest.approx(20 / 12 * 2**power, rel=0.01) or ratios["a"] == 1
    assert ratios["b"] / ratios["c"] == pytest.approx(12 / 6 * 1.5**power, rel=0.01)


def test_smart_ratios_out_of_reach_keep_no_other_share_of_linear_layers():
    ranks = at_random({name: np.empty(shape) for name, shape in LENET_5.items()}, seed=0)
    scores = allocations.smart_ratio(ranks, 0)
    for name in ("fc1", "fc2", "fc3"):
        assert set(np.unique(scores[name])) == {-np.inf, np.inf}
    assert np.isfinite(scores["conv1"]).all()


def test_smart_ratio_says_that_it_needs_a_convolution():
    with pytest.raises(UserError, match="convolutional networks only"):
        kept_of(smart_ratio_of(0), LENET_300_100, 10)
