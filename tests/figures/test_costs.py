import pytest

from effective_sparsity.figures.costs import STAGES, costs


def test_points_are_medians_over_seeds(tables):
    _, data = costs(tables)
    (point,) = data.query("pruner == 'snip' and stage == 'retrain'").itertuples()
    assert (point.low, point.seconds, point.high) == pytest.approx((12, 13.2, 14.4))
    assert point.seeds == 3


def test_retraining_that_all_pruners_share_is_said_to_be_missing(tables):
    def note(costs_table):
        figure, data = costs(tables | {"costs": costs_table})
        (text,) = [text.get_text() for text in figure.texts if text.get_gid() == "note"]
        return "Retraining is not shown" in text.replace("\n", " "), set(data.stage)

    together = tables["costs"].assign(
        pruner=lambda table: table.pruner.mask(table.stage == "retrain", float("nan"))
    )
    assert note(tables["costs"]) == (False, set(STAGES))
    assert note(together) == (True, set(STAGES) - {"retrain"})


def test_only_what_is_done_for_a_pruner_is_shown(tables):
    _, data = costs(tables)
    assert set(data.stage) == set(STAGES)
