"""Pruning in steps: the schedule, and one total order out of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.errors import UserError
from effective_sparsity.pruning.iterative import removal_order
from effective_sparsity.pruning.ranking import n_at_compression


@given(st.integers(1, 60), st.floats(1, 40), st.integers(1, 8), st.integers(0, 2**32))
def test_the_order_is_that_of_removal_one_weight_after_another(n_weights, compression, n_steps, seed):
    random = np.random.default_rng(seed)
    tables = random.integers(0, 5, (n_steps, n_weights)).astype(float)  # many ties

    steps = iter(tables)
    order = removal_order(n_weights, compression, n_steps, lambda mask: next(steps))

    left, removed = list(range(n_weights)), []
    for step, scores in enumerate(tables, start=1):
        while len(left) > n_at_compression(n_weights, compression ** (step / n_steps)):
            worst = min(left, key=lambda i: (scores[i], -i))
            left.remove(worst)
            removed.append(worst)
    removed += sorted(left, key=lambda i: (tables[-1][i], -i))
    assert np.argsort(order).tolist() == removed


def test_saliencies_see_the_mask_of_the_steps_before():
    seen = []

    def saliency(mask):
        seen.append(int(mask.sum()))
        return np.arange(100.0)

    removal_order(100, 16, 4, saliency)
    assert seen == [100, 50, 25, 13]


def test_saliencies_that_overflow_are_an_error_that_says_so():
    with pytest.raises(UserError, match=r"step 1 of 2 to compression 4.*not finite"):
        removal_order(3, 4, 2, lambda mask: np.array([1, np.inf, 2]))
