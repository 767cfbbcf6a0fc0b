"""Density of every layer under each quota, before and after inactive weights are taken away."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from effective_sparsity.figures.page import Legend, draw_page, entry, log_axes, log_limits, pruner_entries
from effective_sparsity.figures.style import DASHED, GREY, LAYER_QUOTAS, in_order, look, plain_number
from effective_sparsity.figures.tables import (
    PANEL,
    Tables,
    nearest_levels,
    panel_rows,
    panels,
    reduced_text,
    seeds_text,
)

# Shown are the levels nearest to these.
_COMPRESSIONS = (10, 100, 1000)

# Layers of larger networks have numbers in place of names.
_MOST_NAMES = 6


def layer_density(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Rows of panels are networks, columns are compressions (direct pruning).

    Returns:
        The figure, and its data: one row per layer with the density kept and the density active, means over
        seeds.
    """
    data = _tabulate(tables["layers"])
    note = f"Direct pruning; mean over {seeds_text(data.seeds)}. {reduced_text(tables['subnetworks'])}"
    return draw_page(data, _draw, note), data


def _tabulate(layers: pd.DataFrame) -> pd.DataFrame:
    rows = layers[(layers.criterion == "direct") & layers.pruner.isin(LAYER_QUOTAS)].dropna(subset=["n_kept"])
    networks = [panel_rows(rows, panel) for panel in panels(rows)]
    chosen = [rows[rows.target_compression.isin(nearest_levels(rows, _COMPRESSIONS))] for rows in networks]
    rows = pd.concat(chosen) if chosen else rows
    rows = rows.assign(kept=rows.n_kept / rows.n_weights, active=rows.n_active / rows.n_weights)
    # Layers stay in model order, in which the table lists them.
    groups = rows.groupby([*PANEL, "target_compression", "pruner", "layer"], sort=False)
    means = groups.agg(kept=("kept", "mean"), active=("active", "mean"), seeds=("seed", "nunique"))
    return means.reset_index()


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    levels = sorted(data.target_compression.unique())
    cells = part.subplots(1, len(levels), sharex=True, sharey=True, squeeze=False)[0]
    names = list(dict.fromkeys(data.layer))
    log_axes(cells[0], y=log_limits(data.kept, data.active, 1.0))
    cells[0].set_ylabel("Density")
    if len(names) <= _MOST_NAMES:
        cells[0].set_xticks(range(1, len(names) + 1), [name.removesuffix(".weight") for name in names])
    else:
        cells[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        cells[0].set_xlim(0.5, len(names) + 0.5)
    for axes, level in zip(cells, levels, strict=True):
        axes.set(title=f"Compression {plain_number(level)}", xlabel="Layer")
        _draw_level(axes, data[data.target_compression == level], names)
    key = [entry("active", color=GREY), entry("kept", color=GREY, **DASHED)]
    return [*pruner_entries(in_order(data.pruner)), *key]


def _draw_level(axes: Axes, data: pd.DataFrame, names: list[str]) -> None:
    for pruner in in_order(data.pruner):
        points = data[data.pruner == pruner]
        style = look(pruner).style
        x = points.layer.map(names.index) + 1
        kept, active = (points[weights].where(points[weights] > 0, np.nan) for weights in ("kept", "active"))
        axes.plot(x, kept, color=style["color"], **DASHED, gid=f"{pruner} kept")
        axes.plot(x, active, **style, gid=f"{pruner} active", zorder=3)
