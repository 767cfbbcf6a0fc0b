import numpy as np
import pytest

from effective_sparsity.figures.accuracy import accuracy_at_initialisation, accuracy_random_quotas
from effective_sparsity.figures.style import RANDOM_QUOTAS


@pytest.mark.parametrize("criterion", ["direct", "effective"])
def test_lines_are_the_points_of_the_data(criterion, tables, drawn):
    figure, data = accuracy_random_quotas(tables)
    points = data.query("pruner == 'random-igq' and criterion == @criterion")
    assert len(points) == 10
    assert drawn(figure, f"random-igq {criterion}") == (
        points.compression.tolist(),
        points.test_accuracy.tolist(),
    )


def test_each_criterion_has_its_own_compression(tables):
    _, data = accuracy_random_quotas(tables)
    subnetworks = tables["subnetworks"].query("pruner == 'random-erk' and target_compression == 1000")
    for criterion in ("direct", "effective"):
        rows = subnetworks[subnetworks.criterion == criterion]
        (point,) = data.query(
            "pruner == 'random-erk' and criterion == @criterion and target_compression == 1000"
        ).itertuples()
        assert point.compression == rows[f"{criterion}_compression"].median()
        assert np.isclose(point.test_accuracy, rows.test_accuracy.mean())


def test_disconnected_networks_are_drawn_at_their_chance_accuracy(tables):
    _, data = accuracy_random_quotas(tables)
    (point,) = data.query(
        "pruner == 'random-uniform' and criterion == 'direct' and target_compression == 10000"
    ).itertuples()
    assert point.test_accuracy == pytest.approx(0.1)


def test_a_line_stops_where_levels_are_unreachable(tables):
    rows = tables["subnetworks"]
    rows.loc[(rows.pruner == "random-erk") & (rows.target_compression > 500), "test_accuracy"] = np.nan
    _, data = accuracy_random_quotas(tables)
    assert data.query("pruner == 'random-erk'").target_compression.max() < 500


def test_the_dense_network_is_a_line(tables, drawn):
    figure, data = accuracy_random_quotas(tables)
    (row,) = data.query("pruner == 'dense'").itertuples()
    assert row.test_accuracy == pytest.approx(0.976)
    assert drawn(figure, "dense")[1] == [row.test_accuracy] * 2


def test_each_figure_holds_its_own_pruners(tables):
    _, data = accuracy_random_quotas(tables)
    assert set(data.pruner) <= {*RANDOM_QUOTAS, "dense"}
    _, data = accuracy_at_initialisation(tables)
    assert {"snip", "snip-iterative", "synflow", "random-igq"} <= set(data.pruner)
    assert "lamp" not in set(data.pruner)


def test_perfect_and_hopeless_accuracies_fit_on_the_axis(tables):
    tables["subnetworks"]["test_accuracy"] = np.where(tables["subnetworks"].seed == 0, 1.0, 0.0)
    figure, _ = accuracy_random_quotas(tables)
    figure.canvas.draw()
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < high < 1
