from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.pruning.mean_field import expected_active, expected_effective_compression, reached


def active_weights(masks: list[np.ndarray]) -> np.ndarray:
    """Active weights of each layer, walking along the kept ones; masks are (source, target)."""
    forward = [np.ones(len(masks[0]), bool)]
    for mask in masks:
        forward.append((mask & forward[-1][:, None]).any(axis=0))
    backward = [np.ones(masks[-1].shape[1], bool)]
    for mask in masks[::-1]:
        backward.append((mask & backward[-1]).any(axis=1))
    backward = backward[::-1]
    return np.array(
        [(m & f[:, None] & b).sum() for m, f, b in zip(masks, forward, backward[1:], strict=False)]
    )


def monte_carlo(widths, densities, n_draws=4000) -> tuple[np.ndarray, np.ndarray]:
    """Mean count of active weights in each layer of random masks, and its standard error."""
    random = np.random.default_rng(0)
    shapes = list(pairwise(widths))
    counts = np.array(
        [
            active_weights([random.random(shape) < d for shape, d in zip(shapes, densities, strict=True)])
            for _ in range(n_draws)
        ]
    )
    return counts.mean(axis=0), counts.std(axis=0) / n_draws**0.5


@pytest.mark.parametrize(
    ("widths", "densities"),
    [
        ((7, 5), (0.3,)),
        ((9, 6, 4), (0.1, 0.3)),
        ((20, 10, 8, 3), (0.05, 0.1, 0.3)),
        ((6, 12, 5, 4), (0.6, 0.05, 0.9)),
    ],
)
def test_up_to_two_hidden_layers_the_prediction_is_the_expectation(widths, densities):
    mean, error = monte_carlo(widths, densities)
    assert np.abs(expected_active(widths, densities) - mean) == pytest.approx(0, abs=4 * error.max())


def test_deeper_it_is_close_while_layers_are_wide():
    widths, densities = (30, 30, 30, 30, 30, 10), (0.06, 0.08, 0.08, 0.08, 0.2)
    mean, _ = monte_carlo(widths, densities, n_draws=1000)
    assert expected_active(widths, densities) == pytest.approx(mean, rel=0.05)


def test_a_literal_case():
    # Two inputs, two hidden units, one output, every weight kept with probability 1/2.
    assert reached((2, 2, 1), (0.5, 0.5)) == pytest.approx([1, 3 / 4, 1 - (5 / 8) ** 2])
    assert expected_active((2, 2, 1), (0.5, 0.5)) == pytest.approx([4 / 2 / 2, 2 / 2 * 3 / 4])
    assert expected_effective_compression((2, 2, 1), (0.5, 0.5)) == pytest.approx(6 / 1.75)


def test_a_dense_network_is_all_active_and_an_empty_layer_disconnects():
    assert expected_effective_compression((4, 3, 2), (1, 1)) == 1
    assert expected_effective_compression((4, 3, 2), (1, 0)) == float("inf")


@given(
    st.lists(st.integers(1, 20), min_size=3, max_size=6).flatmap(
        lambda widths: st.tuples(
            st.just(widths),
            st.lists(st.floats(0, 1), min_size=len(widths) - 1, max_size=len(widths) - 1),
        )
    )
)
def test_never_more_is_active_than_kept_and_both_ends_agree(case):
    widths, densities = case
    active = expected_active(widths, densities)
    kept = np.multiply(widths[:-1], widths[1:]) * densities
    assert (active <= kept + 1e-9).all()
    assert expected_active(widths[::-1], densities[::-1])[::-1] == pytest.approx(active)
