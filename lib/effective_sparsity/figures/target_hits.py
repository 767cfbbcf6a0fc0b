"""How far direct and effective pruning end from the effective compression that was asked for."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits, pruner_entries
from effective_sparsity.figures.seeds import note_on_medians
from effective_sparsity.figures.statistics import median_over_seeds
from effective_sparsity.figures.style import DASHED, GREY, by_family, in_order, look
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

# Exact hits are drawn on this line, as a logarithm has no zero.
_EXACT = 1e-6


def target_hits(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """One row of panels per network, one column per family of pruners.

    Returns:
        The figure, and its data: |effective compression / target - 1| per pruner, criterion and target,
        median, minimum and maximum over seeds; infinite where nothing is active.
    """
    data = _tabulate(tables["subnetworks"])
    note = f"{note_on_medians(data)} {reduced_text(tables['subnetworks'])}"
    return draw_page(data, _draw, note), data


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    rows = subnetworks.dropna(subset=["effective_compression"])
    rows = rows.assign(miss=(rows.effective_compression / rows.target_compression - 1).abs())
    keys = [*PANEL, "pruner", "criterion", "target_compression"]
    return median_over_seeds(rows, keys, "miss").rename(columns={"median": "miss"})


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    families = by_family(data.pruner)
    cells = part.subplots(1, len(families), sharex=True, sharey=True, squeeze=False)[0]
    log_axes(
        cells[0], x=log_limits(data.target_compression), y=log_limits(_EXACT, data.miss, 1.0, margin=1.6)
    )
    cells[0].set_ylabel("Relative miss of the target")
    for axes, (family, pruners) in zip(cells, families.items(), strict=True):
        axes.set(title=family, xlabel="Target compression")
        for pruner in pruners:
            _draw_pruner(axes, data[data.pruner == pruner], pruner)
    key = [entry("effective pruning", color=GREY), entry("direct pruning", color=GREY, **DASHED)]
    return [*pruner_entries(in_order(data.pruner)), *key]


def _draw_pruner(axes: Axes, data: pd.DataFrame, pruner: str) -> None:
    style = look(pruner).style
    for criterion, line in (("direct", {"color": style["color"]} | DASHED), ("effective", style)):
        points = data[data.criterion == criterion]
        y = points.miss.where(np.isfinite(points.miss)).clip(lower=_EXACT)
        axes.plot(points.target_compression, y, **line, gid=f"{pruner} {criterion}")
