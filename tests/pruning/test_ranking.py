"""Rankings: exact counts, ties by index, thresholds of direct and effective pruning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.connectivity.vectors import flatten
from effective_sparsity.errors import UserError
from effective_sparsity.pruning.ranking import Priorities, Ranking


def ranking_of(priority: list[int], effective: list[int], floor: int, ceiling: int) -> Ranking:
    return Ranking({"w": np.array(priority, np.int32)}, {"w": np.array(effective, np.int32)}, floor, ceiling)


@pytest.mark.parametrize(
    ("n_weights", "compression", "n_left"),
    [(266_200, 10, 26_620), (266_200, 100_000, 3), (266_200, 1, 266_200), (10, 4, 3), (7, 100, 0)],
)
def test_compressions_give_exact_counts(n_weights, compression, n_left):
    assert n_at_compression(n_weights, compression) == n_left


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(1, 29))
def test_priorities_order_by_score_and_ties_by_index(values, cut):
    scores = {"a": np.array(values[:cut], float), "b": np.array(values[cut:], float)}
    obvious = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert list(np.argsort(-flatten(Priorities.of(scores).layers))) == obvious
    assert sorted(flatten(Priorities.of(scores).layers)) == list(range(1, len(values) + 1))


def test_infinite_scores_are_first_and_last_and_set_the_limits():
    scores = {"a": np.array([[np.inf, 1.0, -np.inf]]), "b": np.array([2.0, np.inf])}
    ordered = Priorities.of(scores)
    assert (ordered.floor, ordered.ceiling) == (2, 4)
    assert ordered.layers["a"].tolist() == [[5, 2, 1]]
    assert ordered.layers["b"].tolist() == [3, 4]


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(UserError, match=r"scores of w: 1 are NaN"):
        Priorities.of({"w": np.array([1, np.nan])})


@given(st.integers(1, 40), st.floats(1, 50), st.integers(0, 2**32))
def test_thresholds_give_the_subnetworks_of_their_definition(n_weights, compression, seed):
    random = np.random.default_rng(seed)
    priority = random.permutation(n_weights) + 1
    effective = np.minimum(priority, random.integers(0, n_weights + 1, n_weights))
    ranking = ranking_of(priority, effective, 0, n_weights)
    target = n_at_compression(n_weights, compression)

    kept = ranking.kept(ranking.threshold("direct", compression))["w"]
    assert kept.sum() == target
    assert not target or priority[kept].min() > max(priority[~kept], default=0)

    # The fewest kept weights of which the target number is active, found by trying all.
    counts = {n: int((effective > n_weights - n).sum()) for n in range(n_weights + 1)}
    fewest = next((n for n, active in counts.items() if active >= target), None)
    threshold = ranking.threshold("effective", compression)
    if fewest is None:
        assert threshold is None
    else:
        assert ranking.kept(threshold)["w"].sum() == ranking.n_kept(threshold) == fewest
        assert ranking.active(threshold)["w"].sum() == ranking.n_active(threshold) == counts[fewest]


def test_levels_beyond_what_is_never_pruned_are_out_of_reach():
    ranking = ranking_of([4, 3, 2, 1], [4, 3, 2, 1], floor=2, ceiling=3)
    assert ranking.threshold("direct", 2) is not None
    assert ranking.threshold("direct", 4) is None
    assert ranking.threshold("direct", 1) is None
    assert ranking.threshold("effective", 4) is None
