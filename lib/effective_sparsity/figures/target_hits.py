"""How far direct and effective pruning end from the effective compression that was asked for."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effective_sparsity.figures.labels import Label, key, label_ends
from effective_sparsity.figures.layout import Page, name_row
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import DASHED, GREY, RC, by_family, log_axes, look, panel_title
from effective_sparsity.figures.tables import PANEL, Tables, of_panel, panels, reduced_text, seeds_text

_PAGE = Page(height=2.1, gap_x=0.95, gap_y=1.0, left=0.75, right=1.05, top=0.5)
_WIDTH = 1.17

# Exact hits are drawn on this line, as a logarithm has no zero.
_EXACT = 1e-6


def target_hits(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network, one column per family of pruners.

    Args:
        tables: `subnetworks`.

    Returns:
        The figure, and its data: |effective compression / target - 1| per pruner, criterion and target,
        median, minimum and maximum over seeds; infinite where nothing is active.
    """
    data = _tabulate(tables["subnetworks"])
    note = f"Median over {seeds_text(data.seeds)}. {reduced_text(tables['subnetworks'])}"
    with matplotlib.rc_context(RC):
        return _draw(data, note), data


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    rows = subnetworks.dropna(subset=["effective_compression"])
    rows = rows.assign(miss=(rows.effective_compression / rows.target_compression - 1).abs())
    keys = [*PANEL, "pruner", "criterion", "target_compression"]
    return median_over_seeds(rows, keys, "miss").rename(columns={"median": "miss"})


def _draw(data: pd.DataFrame, note: str) -> Figure:
    rows = panels(data) or [("", "")]
    families = by_family(data.pruner) or {"": []}
    figure, grid = _PAGE.grid(len(rows), [_WIDTH] * len(families), note)
    rows_of_key = [("effective pruning", {"color": GREY}), ("direct pruning", {"color": GREY} | DASHED)]
    key(figure, rows_of_key, location="upper right", columns=2)
    for cells, panel in zip(grid, rows, strict=True):
        of_row = of_panel(data, panel)
        for axes, (family, pruners) in zip(cells, families.items(), strict=True):
            _draw_panel(axes, of_row, pruners)
            axes.set(title=family, xlabel="Target compression")
        name_row(cells, panel_title(*panel), "Relative miss of the target")
    return figure


def _draw_panel(axes: Axes, data: pd.DataFrame, pruners: list[str]) -> None:
    log_axes(axes)
    finite = data.miss[np.isfinite(data.miss)]
    axes.set_ylim(_EXACT / 1.6, max(finite.max() * 3 if len(finite) else 1, 1))
    if len(data):
        axes.set_xlim(data.target_compression.min() / 1.2, data.target_compression.max() * 1.2)
    labels = []
    for pruner in pruners:
        style = look(pruner)
        for criterion, line in (
            ("direct", {"color": style.color} | DASHED),
            ("effective", style.marker_style),
        ):
            points = data[(data.pruner == pruner) & (data.criterion == criterion)]
            y = points.miss.where(np.isfinite(points.miss)).clip(lower=_EXACT)
            axes.plot(points.target_compression, y, **line, gid=f"{pruner} {criterion}")
            if criterion == "effective" and len(points):
                labels.append(Label(style.quota_label, points.target_compression.iloc[-1], y.iloc[-1], line))
    label_ends(axes, [label for label in labels if np.isfinite(label.y)])
