"""Every pruner gives every weight a place in one order."""

from functools import cache

import numpy as np
import pytest

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.pruning.orders import at_random
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.rank import rank

SUITABLE = [name for name, pruner in PRUNERS.items() if not pruner.convolutional_only]


@pytest.fixture(scope="module")
def ranking_of(inputs):
    """The ranking of a pruner by its name, made once."""
    connectivity = Connectivity(inputs.model(), inputs.network.input_shape)

    @cache
    def ranking(name):
        pruner = PRUNERS[name]
        borrowed = ranking(pruner.borrows).priority if pruner.borrows else None
        return rank(pruner, inputs.having(borrowed=borrowed), connectivity)

    return ranking


def test_the_paper_s_fifteen_pruners_are_there_and_those_beyond_it_are_marked():
    beyond = [name for name, pruner in PRUNERS.items() if not pruner.paper]
    assert beyond == ["random-smart-ratio", "grasp"]
    assert len(PRUNERS) == 15 + len(beyond)


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
