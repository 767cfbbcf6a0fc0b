import numpy as np
import pytest

from effective_sparsity.figures.target_hits import target_hits


def test_lines_are_the_finite_points_of_the_data(tables, drawn):
    figure, data = target_hits(tables)
    for criterion in ("direct", "effective"):
        points = data.query("pruner == 'snip' and criterion == @criterion")
        points = points[np.isfinite(points.miss)]
        assert drawn(figure, f"snip {criterion}") == (
            points.target_compression.tolist(),
            points.miss.clip(lower=1e-6).tolist(),
        )


def test_a_miss_is_relative_to_the_target_and_has_no_sign(tables):
    rows = tables["subnetworks"]
    here = (rows.pruner == "snip") & (rows.criterion == "effective") & (rows.target_compression == 100)
    rows.loc[here, "effective_compression"] = [90.0, 120.0, 150.0]
    _, data = target_hits(tables)
    (point,) = data.query(
        "pruner == 'snip' and criterion == 'effective' and target_compression == 100"
    ).itertuples()
    assert (point.low, point.miss, point.high) == pytest.approx((0.1, 0.2, 0.5))


def test_disconnected_networks_miss_by_infinitely_much(tables):
    _, data = target_hits(tables)
    (point,) = data.query(
        "pruner == 'random-uniform' and criterion == 'direct' and target_compression == 10000"
    ).itertuples()
    assert point.miss == np.inf
