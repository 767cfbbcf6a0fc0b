"""Every pruner gives every weight a place in one order."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.errors import UserError
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.pruners import PAPER, PRUNERS, Pruner

SUITABLE = [name for name, pruner in PRUNERS.items() if not pruner.convolutional_only]


@pytest.fixture(scope="module")
def ranking_of(inputs):
    """The ranking of a pruner by its name, made once."""
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)

    @cache
    def priorities(name):
        pruner = PRUNERS[name]
        borrowed = priorities(pruner.borrows) if pruner.borrows else None
        return pruner.priorities(replace(inputs, borrowed=borrowed, connectivity=connectivity))

    return cache(lambda name: priorities(name).ranking(connectivity))


def test_the_paper_s_fifteen_pruners_are_there():
    kinds = Counter(name.partition("-")[0] for name in PAPER)
    assert kinds == {"random": 6, "magnitude": 5, "lamp": 1, "snip": 2, "synflow": 1}


@pytest.mark.parametrize("name", SUITABLE)
def test_pruners_rank_all_weights_and_effective_priorities_never_exceed_them(name, inputs, ranking_of):
    ranking = ranking_of(name)
    assert sorted(flatten(ranking.priority)) == list(range(1, 266_201))
    assert (flatten(ranking.effective) <= flatten(ranking.priority)).all()
    assert flatten(ranking.effective).min() == 1  # in the dense network every weight is active
    assert {name: p.shape for name, p in ranking.priority.items()} == {
        name: weight.shape for name, weight in inputs.weights.items()
    }


@pytest.mark.parametrize("name", SUITABLE)
def test_effective_priorities_agree_with_walking_the_masks(name, inputs, ranking_of):
    ranking = ranking_of(name)
    for compression in (10, 300, 5000):
        threshold = ranking.threshold("direct", compression)
        first, second, third = ranking.kept(threshold).values()
        from_input = first.any(1)
        to_output = third.any(0)
        alive_2 = (second & from_input).any(1) & to_output
        alive_1 = (second & to_output[:, None]).any(0) & from_input
        expected = [first & alive_1[:, None], second & np.outer(alive_2, alive_1), third & alive_2]
        assert all(map(np.array_equal, ranking.active(threshold).values(), expected))


@pytest.mark.parametrize("lender", ["snip", "synflow"])
def test_borrowed_quotas_are_the_lender_s_at_every_level(lender, inputs, ranking_of):
    borrowed = ranking_of(f"random-{lender}")
    lent = ranking_of(lender)
    order = at_random(inputs.weights, inputs.seed)
    for compression in (2, 30, 400):
        threshold = borrowed.threshold("direct", compression)
        for name, kept in borrowed.kept(threshold).items():
            count = int(lent.kept(threshold)[name].sum())
            assert kept.sum() == count
            assert np.array_equal(kept, order[name] <= count)


def test_magnitude_pruners_read_the_trained_weights(inputs, ranking_of):
    ranking = ranking_of("magnitude-global")
    kept = ranking.kept(ranking.threshold("direct", 10))
    magnitudes = np.abs(flatten(inputs.trained))
    assert magnitudes[flatten(kept)].min() >= magnitudes[~flatten(kept)].max()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fc2.weight": None}, r"its scores of fc2.weight are NoneType; .* array of shape \(100, 300\)"),
        ({"fc2.weight": np.ones((300, 100))}, r"ndarray of shape \(300, 100\); .* shape \(100, 300\)"),
        ({"fc2.weight": torch.ones(100, 300)}, r"are Tensor of shape \(100, 300\); return a NumPy array"),
        ({"fc2.bias": np.ones(100)}, "fc2.bias cannot be pruned; return scores for fc1.weight, fc2.weight, "),
        ({"fc2.weight": np.full((100, 300), np.nan)}, "scores of fc2.weight: 30000 are NaN"),
    ],
)
def test_scores_that_are_not_one_number_for_each_weight_are_refused(inputs, changes, message):
    def careless(inputs):
        return inputs.weights | changes

    with pytest.raises(UserError, match=message):
        Pruner(careless).priorities(inputs)


def test_layers_may_be_scored_in_any_order(inputs):
    backwards = Pruner(lambda inputs: dict(reversed(inputs.weights.items()))).priorities(inputs)
    forwards = Pruner(lambda inputs: inputs.weights).priorities(inputs)
    assert list(backwards.layers) == list(inputs.weights)
    assert all(np.array_equal(backwards.layers[name], forwards.layers[name]) for name in inputs.weights)
