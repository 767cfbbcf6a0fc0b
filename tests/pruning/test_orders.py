"""Orders inside a layer."""

import numpy as np

from effective_sparsity.pruning.orders import at_random, by_score, redistribute

WEIGHTS = {"a": np.arange(12.0).reshape(3, 4), "b": np.array([[2.0, 2.0], [3.0, 1.0]])}


def test_ranks_by_score_start_at_one_and_break_ties_by_index():
    assert by_score(WEIGHTS)["b"].tolist() == [[2, 3], [1, 4]]


def test_random_ranks_are_a_permutation_that_the_seed_decides():
    ranks = at_random(WEIGHTS, seed=3)
    assert sorted(ranks["a"].flat) == list(range(1, 13))
    assert np.array_equal(ranks["a"], at_random(WEIGHTS, seed=3)["a"])
    assert not np.array_equal(ranks["a"], at_random(WEIGHTS, seed=4)["a"])


def test_layers_have_orders_of_their_own():
    ranks = at_random({"a": np.empty(50), "b": np.empty(50)}, seed=0)
    assert not np.array_equal(ranks["a"], ranks["b"])


def test_redistributed_scores_keep_the_quota_of_every_threshold():
    ranks = at_random(WEIGHTS, seed=0)
    handed_out = redistribute(WEIGHTS, ranks)
    for name, scores in WEIGHTS.items():
        by_rank = handed_out[name].flat[np.argsort(ranks[name], axis=None)]
        assert by_rank.tolist() == sorted(scores.flat, reverse=True)
