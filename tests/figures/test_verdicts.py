import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from effective_sparsity.figures.verdicts import COLORS, verdicts


def marks(figure, gid: str) -> list:
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def test_every_measurement_is_drawn_in_the_colour_of_its_verdict(tables):
    figure, data = verdicts(tables)
    drawn = {(float(line.get_xdata()[0]), to_hex(line.get_color())) for line in marks(figure, "value")}
    for row in data.itertuples():
        assert (row.value, COLORS[row.verdict].lower()) in drawn


def test_every_bound_points_to_where_the_claim_holds(tables):
    figure, data = verdicts(tables)
    drawn = sorted((float(line.get_xdata()[0]), line.get_marker()) for line in marks(figure, "bound"))
    assert drawn == sorted(
        (bound, 9 if side == "at least" else 8) for bound, side in zip(data.bound, data.side, strict=True)
    )


def test_each_unit_has_a_panel_and_factors_are_logarithmic(tables):
    figure, _ = verdicts(tables)
    assert [(axes.get_xlabel(), axes.get_xscale()) for axes in figure.axes] == [
        ("Factor", "log"), ("Percentage points", "linear"), ("Share", "linear"),
    ]  # fmt: skip


def test_intervals_lie_at_the_height_of_their_labels(tables):
    figure, _ = verdicts(tables)
    points = figure.axes[1]
    (interval,) = [s for lines in points.collections for s in lines.get_segments()]
    assert interval[:, 0].tolist() == [-16.6, -1.1]
    (tick,) = [tick for tick in points.yaxis.get_major_ticks() if tick.label1.get_text().startswith("6")]
    assert set(interval[:, 1]) == {tick.get_loc()}


@pytest.mark.parametrize("infinite", [{"high": np.inf}, {"value": np.inf, "high": np.inf}, {"low": 0.0}])
def test_an_infinite_interval_ends_at_the_edge(infinite, tables):
    figure, _ = verdicts({"measurements": tables["measurements"].iloc[:1].assign(**infinite)})
    figure.draw_without_rendering()
    left, right = figure.axes[0].get_xlim()
    assert 0 < left < right < np.inf


def test_a_claim_without_a_network_is_listed(tables):
    table = tables["measurements"].dropna(subset=["value"]).iloc[-1:].assign(dataset=np.nan, reduced=np.nan)
    figure, _ = verdicts({"measurements": table})
    assert figure.subfigs[0].get_suptitle() == "LeNet-300-100"


def test_a_part_that_was_not_measured_is_left_out(tables):
    table = tables["measurements"]
    unmeasured = table.iloc[:1].assign(label="never measured", value=np.nan, low=np.nan, high=np.nan)
    _, data = verdicts({"measurements": pd.concat([table, unmeasured])})
    assert len(data) == table.value.notna().sum() > 0
    assert "never measured" not in set(data.label)
