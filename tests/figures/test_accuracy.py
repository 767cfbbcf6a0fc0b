import numpy as np
import pandas as pd
import pytest

from effective_sparsity.figures.accuracy import accuracy_at_initialisation, accuracy_random_quotas
from effective_sparsity.figures.style import RANDOM_QUOTAS


@pytest.mark.parametrize("criterion", ["direct", "effective"])
def test_lines_are_the_points_of_the_data(criterion, tables, drawn):
    figure, data = accuracy_random_quotas(tables)
    points = data.query("pruner == 'random-igq' and criterion == @criterion and seed.isna()")
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
        means = data[data.seed.isna() & (data.target_compression == 1000)]
        (point,) = means.query("pruner == 'random-erk' and criterion == @criterion").itertuples()
        assert point.compression == rows[f"{criterion}_compression"].median()
        assert np.isclose(point.test_accuracy, rows.test_accuracy.mean())


def test_disconnected_networks_are_drawn_at_their_chance_accuracy(tables):
    _, data = accuracy_random_quotas(tables)
    (point,) = data.query(
        "pruner == 'random-uniform' and criterion == 'direct' and target_compression == 10000 and seed.isna()"
    ).itertuples()
    assert point.test_accuracy == pytest.approx(0.1)


def test_a_line_stops_where_levels_are_unreachable(tables):
    rows = tables["subnetworks"]
    rows.loc[(rows.pruner == "random-erk") & (rows.target_compression > 500), "test_accuracy"] = np.nan
    _, data = accuracy_random_quotas(tables)
    assert data.query("pruner == 'random-erk'").target_compression.max() < 500


def test_the_dense_network_is_a_line_in_both_panels(tables):
    figure, data = accuracy_random_quotas(tables)
    (row,) = data.query("pruner == 'dense' and seed.isna()").itertuples()
    assert row.test_accuracy == pytest.approx(0.976)
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "dense"]
    assert [list(line.get_ydata()) for line in lines] == [[row.test_accuracy] * 2] * 2


def test_each_figure_holds_its_own_pruners(tables):
    _, data = accuracy_random_quotas(tables)
    assert set(data.pruner) <= {*RANDOM_QUOTAS, "dense"}
    _, data = accuracy_at_initialisation(tables)
    assert {"snip", "snip-iterative", "synflow", "random-igq"} <= set(data.pruner)
    assert "lamp" not in set(data.pruner)


def test_perfect_and_hopeless_accuracies_fit_on_the_axis(tables):
    tables["subnetworks"]["test_accuracy"] = np.where(tables["subnetworks"].seed == 0, 1.0, 0.0)
    figure, _ = accuracy_random_quotas(tables)
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < high < 1


def test_every_seed_is_a_dot(tables):
    figure, data = accuracy_random_quotas(tables)
    seeds = tables["subnetworks"].query("pruner in @RANDOM_QUOTAS")
    finite = np.isfinite(seeds.effective_compression) | (seeds.criterion == "direct")
    dots = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "seeds"]
    drawn = sorted(y for line in dots for y in line.get_ydata())
    several = data[data.seed.notna() & (data.pruner != "dense")]
    assert drawn == pytest.approx(sorted(several.test_accuracy))
    assert len(several) <= finite.sum()
    # Three seeds have no bar, dots show what there is.
    assert not any(collection.get_segments() for axes in figure.axes for collection in axes.collections)


def test_more_than_forty_seeds_have_no_dots(many_seeds):
    def dots(tables):
        figure, data = accuracy_random_quotas(tables)
        assert data.seed.notna().any()  # they stay in the data
        return [line for axes in figure.axes for line in axes.lines if line.get_gid() == "seeds"]

    assert dots(many_seeds)
    rows = many_seeds["subnetworks"]
    more = pd.concat([rows.assign(seed=rows.seed + first) for first in (0, 40, 80)])
    assert not dots(many_seeds | {"subnetworks": more})


def test_intervals_are_bars_where_seeds_suffice(many_seeds):
    figure, data = accuracy_random_quotas(many_seeds)
    means = data[data.seed.isna() & (data.pruner != "dense")]
    bars = [s for axes in figure.axes for lines in axes.collections for s in lines.get_segments()]
    assert sorted(bar[:, 1].tolist() for bar in bars) == pytest.approx(
        np.array(sorted(means[["low", "high"]].values.tolist()))
    )


@pytest.mark.parametrize("chance", [0.1, 0.15, 0.005, 0.6])
def test_an_axis_has_numbers_where_all_networks_are_at_chance(chance, tables):
    for name in ("subnetworks", "dense"):
        tables[name]["test_accuracy"] = chance
    figure, _ = accuracy_random_quotas(tables)
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert low < chance < high
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 2


def test_without_its_pruners_a_figure_shows_the_dense_network_alone(tables):
    tables["subnetworks"] = tables["subnetworks"].query("pruner == 'snip'")
    figure, data = accuracy_random_quotas(tables)
    assert set(data.pruner) == {"dense"}
    assert not any(axes.patches or axes.collections for axes in figure.axes)


def test_a_frame_without_subnetworks_has_no_panel(tables):
    effective = tables | {"subnetworks": tables["subnetworks"].query("criterion == 'effective'")}
    for subject, frames in [
        (tables, ["Direct pruning", "Effective pruning"]),
        (effective, ["Effective pruning"]),
    ]:
        figure, data = accuracy_at_initialisation(subject)
        titles = [axes.get_title("left") for axes in figure.get_axes()]
        assert titles == frames * len(data.architecture.unique())
