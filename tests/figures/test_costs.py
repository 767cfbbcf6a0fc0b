import pytest

from effective_sparsity.figures.costs import ALL_PRUNERS, STAGES, costs


def test_points_are_medians_over_seeds(tables):
    _, data = costs(tables)
    (point,) = data.query("pruner == 'snip' and stage == 'retrain'").itertuples()
    assert (point.low, point.seconds, point.high) == pytest.approx((12, 13.2, 14.4))
    assert point.seeds == 3


def test_retraining_that_all_pruners_share_has_a_line_of_its_own(tables):
    together = tables["costs"].assign(
        pruner=lambda table: table.pruner.mask(table.stage == "retrain", float("nan"))
    )
    figure, data = costs(tables | {"costs": together})
    assert set(data[data.stage == "retrain"].pruner) == {ALL_PRUNERS}
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][-1] == ALL_PRUNERS


def test_only_what_is_done_for_a_pruner_is_shown(tables):
    _, data = costs(tables)
    assert set(data.stage) == set(STAGES)
