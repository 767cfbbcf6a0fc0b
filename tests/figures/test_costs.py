import pytest

from effective_sparsity.figures.costs import STAGES, costs


def test_points_are_medians_over_seeds(tables):
    _, data = costs(tables)
    (point,) = data.query("pruner == 'snip' and stage == 'retrain'").itertuples()
    assert (point.low, point.seconds, point.high) == pytest.approx((12, 13.2, 14.4))
    assert point.seeds == 3


def test_only_what_is_done_for_a_pruner_is_shown(tables):
    _, data = costs(tables)
    assert set(data.stage) == set(STAGES)
