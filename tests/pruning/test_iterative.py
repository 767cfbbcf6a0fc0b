"""Pruning in steps: the schedule, and one total order out of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.errors import UserError
from effective_sparsity.pruning.iterative import order_with_return, removal_order


@given(st.integers(1, 60), st.floats(1, 40), st.integers(1, 8), st.integers(0, 2**32))
def test_the_order_is_that_of_removal_one_weight_after_another(n_weights, compression, n_steps, seed):
    random = np.random.default_rng(seed)
    tables = random.integers(0, 5, (n_steps, n_weights)).astype(float)  # many ties

    steps = iter(tables)
    order = removal_order(n_weights, compression, n_steps, lambda removed: next(steps))

    left, removed = list(range(n_weights)), []
    for step, scores in enumerate(tables, start=1):
        while len(left) > n_at_compression(n_weights, compression ** (step / n_steps)):
            worst = min(left, key=lambda i: (scores[i], -i))
            left.remove(worst)
            removed.append(worst)
    removed += sorted(left, key=lambda i: (tables[-1][i], -i))
    assert np.argsort(order).tolist() == removed


def test_saliencies_learn_what_the_step_before_has_removed():
    seen = []

    def saliency(removed):
        seen.append(sorted(removed))
        return np.arange(16.0)

    removal_order(16, 8, 3, saliency)
    assert seen == [[], [0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11]]


@given(st.integers(1, 60), st.floats(1, 40), st.integers(1, 8), st.integers(0, 2**32))
def test_with_return_each_step_chooses_among_all_weights(n_weights, compression, n_steps, seed):
    random = np.random.default_rng(seed)
    tables = random.integers(0, 5, (n_steps, n_weights)).astype(float)  # many ties
    expected, best = [[]], list(range(n_weights))
    for step, scores in enumerate(tables, start=1):
        best = sorted(best, key=lambda i: -scores[i])  # ties stay as the step before had them
        expected.append(sorted(best[n_at_compression(n_weights, compression ** (step / n_steps)) :]))
    seen, steps = [], iter(tables)

    def saliency(removed):
        seen.append(sorted(removed))
        return next(steps)

    order = order_with_return(n_weights, compression, n_steps, saliency)
    assert np.argsort(-order).tolist() == best
    assert seen == expected[:-1]


@pytest.mark.parametrize("prune", [order_with_return, removal_order])
def test_saliencies_that_overflow_are_an_error_that_says_so(prune):
    with pytest.raises(UserError, match=r"step 1 of 2 to compression 4.*not finite"):
        prune(3, 4, 2, lambda removed: np.array([1, np.inf, 2]))
